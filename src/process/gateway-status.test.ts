// What a gateway says of itself, put together from workers that see different things or do not answer.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { HandClock } from '../../test/conformance/http1-harness.ts';
import type { Observation, ObservedBackend } from '../gateway/observation.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import type { StoreState } from '../loading/store-source.ts';
import type { Problem } from '../yaml/problem.ts';
import { StatusReader, type StatusSources } from './gateway-status.ts';

const backend = (label: string, since: number, code?: string): ObservedBackend => ({
  route: 'orders',
  label,
  since,
  source: 'passive',
  down: code === undefined ? null : { code, detail: 'why', help: 'what to do' },
});

function observation(backends: ObservedBackend[], okAt: number): Observation {
  const certificates = [{ sha256: 'aa', serial: '01' }];
  const handshakes = [{ label: 'a:1', ok: { at: okAt, version: 'TLSv1.3' }, failure: null, shown: null }];
  return { generation: 2, certificates, certificateCount: 1, backends, handshakes };
}

const worker = (slot: number, seen: Observation | undefined, asked: number[] = []): object => ({
  slot,
  pid: 100 + slot,
  serving: true,
  observe: async () => {
    asked.push(slot);
    return seen;
  },
});

function sources(clock: HandClock, workers: object[], over: Partial<StatusSources> = {}): StatusSources {
  return {
    clock,
    active: { loaded: { revision: 12, crls: [] } as unknown as LoadedConfig, generation: 2, since: 7, ports: {} },
    crls: { stateOf: () => undefined },
    workers: { list: () => workers } as unknown as StatusSources['workers'],
    reloader: { refused: undefined },
    storeState: () => ({ up: true, revision: 12, digest: 'd12', tried: 12, readAt: 5 }),
    drift: { list: [] },
    controlEnds: () => [],
    ...over,
  };
}

it('a backend is down where every worker says so, and partly where one does; the latest handshake counts', async () => {
  const workers = [
    worker(0, observation([backend('a:1', 10), backend('b:1', 20, 'refused'), backend('c:1', 30, 'expired')], 50)),
    worker(1, observation([backend('a:1', 8), backend('b:1', 9), backend('c:1', 25, 'expired')], 60)),
    worker(2, undefined),
  ];
  const status = await new StatusReader(sources(new HandClock(), workers)).read();
  assert.deepEqual(
    status.backends.map(({ label, state, since, down }) => [label, state, since, down?.code]),
    [
      ['a:1', 'up', 8, undefined],
      ['b:1', 'partly', 20, 'refused'],
      ['c:1', 'down', 25, 'expired'],
    ],
  );
  assert.deepEqual(status.handshakes[0]?.ok, { at: 60, version: 'TLSv1.3' });
  assert.deepEqual(
    status.workers.map(({ slot, generation }) => [slot, generation]),
    [
      [0, 2],
      [1, 2],
      [2, null],
    ],
  );
  assert.deepEqual([status.revision, status.since, status.certificates], [12, 7, [{ sha256: 'aa', serial: '01' }]]);
});

it('what was refused is told with the places of its errors, without folders; workers are asked once a second', async () => {
  const clock = new HandClock();
  const asked: number[] = [];
  const problems: Problem[] = [
    {
      severity: 'warning',
      code: 'w',
      message: 'a warning',
      hint: '',
      place: { file: '/etc/gw/gateway.yml', line: 1, col: 1 },
    },
    {
      severity: 'error',
      code: 'e',
      message: 'an error',
      hint: '',
      place: { file: '/etc/gw/gateway.yml', line: 12, col: 3 },
    },
    {
      severity: 'error',
      code: 's',
      message: 'of the store',
      hint: 'mend it',
      place: {
        file: 'store revision 13, service orders',
        line: 1,
        col: 1,
        stored: { kind: 'services', id: 'orders', pointer: '/tls/mode' },
      },
    },
  ];
  const reloader: { refused: StatusSources['reloader']['refused'] } = { refused: undefined };
  const reader = new StatusReader(sources(clock, [worker(0, observation([], 1), asked)], { reloader }));
  await Promise.all([reader.read(), reader.read()]);
  assert.equal((await reader.read()).refused, null);
  assert.deepEqual(asked, [0]);
  reloader.refused = { at: 3, why: 'the configuration has errors', blame: 'configuration', problems, revision: 13 };
  assert.deepEqual((await reader.read()).refused?.problems, [
    { code: 'e', message: 'an error', hint: '', place: 'gateway.yml:12', object: null },
    {
      code: 's',
      message: 'of the store',
      hint: 'mend it',
      place: 'store revision 13, service orders, /tls/mode',
      object: { kind: 'services', id: 'orders', pointer: '/tls/mode' },
    },
  ]);
  assert.deepEqual(asked, [0, 0]);
  clock.turn(1_001);
  await reader.read();
  assert.equal(asked.length, 3);
});

it('while a revision is committed it is not in force yet, and what was said then is not said again', async () => {
  const clock = new HandClock();
  const asked: number[] = [];
  let store: StoreState = { up: true, revision: 11, digest: 'd11', tried: 12, readAt: 5 };
  const over = { storeState: (): StoreState => store };
  const reader = new StatusReader(sources(clock, [worker(0, observation([], 1), asked)], over));
  const during = await reader.read();
  assert.deepEqual([during.generation, during.revision, during.store?.digest], [2, 11, 'd11']);
  store = { ...store, revision: 12, digest: 'd12' };
  const after = await reader.read();
  assert.deepEqual([after.generation, after.revision, after.store?.digest], [2, 12, 'd12']);
  assert.deepEqual(asked, [0, 0]);
});
