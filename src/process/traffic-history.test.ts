// Requests and refusals minute by minute, from counters that only grow.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { HandClock } from '../../test/conformance/http1-harness.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { TrafficHistory } from './traffic-history.ts';

function setUp() {
  const clock = new HandClock();
  const worker = new Metrics();
  const workers = [{ snapshot: async () => worker.snapshot() }];
  let buried = new Metrics();
  const history = new TrafficHistory({ clock, workers: { list: () => workers }, buried: () => buried.snapshot() });
  return {
    clock,
    of: worker.of,
    workers,
    history,
    bury: () => {
      workers.length = 0;
      buried = worker;
    },
  };
}

const request = { route: 'orders', backend: 'b:1' };
const handshake = { leg: 'client', policy: 'p', backend: '', version: 'TLSv1.3', resumed: 'false' };

it('a minute has what came in it, by status, code and verdict; what was there before the start is not counted', async () => {
  const { clock, of, history } = setUp();
  of.requests.labels({ ...request, status: '2xx' }).inc(1000);
  assert.deepEqual(await history.read(), [{ at: clock.now(), requests: {}, faults: {}, handshakes: {} }]);
  of.requests.labels({ ...request, status: '2xx' }).inc(3);
  of.requests.labels({ ...request, status: '5xx' }).inc();
  of.faults.labels({ code: 'no_route', source: 'client' }).inc(2);
  of.tlsHandshakes.labels({ ...handshake, result: 'expired' }).inc();
  of.tlsHandshakes.labels({ ...handshake, leg: 'backend', result: 'expired' }).inc();
  clock.turn(30_000);
  const [first] = await history.read();
  assert.deepEqual(first?.requests, { '2xx': 3, '5xx': 1 });
  assert.deepEqual([first?.faults, first?.handshakes], [{ no_route: 2 }, { expired: 1 }]);
  clock.turn(60_000);
  of.requests.labels({ ...request, status: '2xx' }).inc(7);
  const [, second] = await history.read();
  assert.deepEqual(second?.requests, { '2xx': 7 });
});

it('goes on where a worker ends, and keeps an hour', async () => {
  const { clock, of, history, bury } = setUp();
  await history.read();
  of.requests.labels({ ...request, status: '2xx' }).inc(3);
  bury();
  clock.turn(3_000);
  assert.deepEqual((await history.read()).at(-1)?.requests, { '2xx': 3 });
  for (let minute = 0; minute < 70; minute++) {
    clock.turn(60_000);
    of.requests.labels({ ...request, status: '2xx' }).inc();
    await history.read();
  }
  const minutes = await history.read();
  assert.equal(minutes.length, 60);
  assert.ok(minutes.every(({ requests }) => requests['2xx'] === 1));
});

it('tells so many reasons apart and no more', async () => {
  const { clock, of, history } = setUp();
  await history.read();
  for (let i = 0; i < 100; i++) of.faults.labels({ code: `code_${i}`, source: 'client' }).inc();
  clock.turn(3_000);
  const faults = (await history.read()).at(-1)?.faults ?? {};
  assert.equal(Object.keys(faults).length, 33);
  assert.equal(
    Object.values(faults).reduce((sum, one) => sum + one, 0),
    100,
  );
});
