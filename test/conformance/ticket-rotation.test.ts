// The schedule of ticket keys end to end: two workers whose clocks reach the next epoch, with nobody telling them.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import type { TicketSeed } from '../../src/downstream/ticket-secret.ts';
import { Gateway } from '../../src/gateway/gateway.ts';
import { FileSource } from '../../src/loading/file-source.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { loadGateway } from '../../src/loading/load.ts';
import { findFreePort } from '../support/free-port.ts';
import { sClient } from '../support/openssl.ts';
import { openPki, type Pki } from '../support/pki.ts';

let pki: Pki;
before(async () => {
  pki = await openPki();
});
after(() => pki.remove());

/** The system's clock with its wall moved, and the timers that watch for epochs in the hands of the test. */
class EpochClock implements Clock {
  #shiftMs = 0;
  #watching: (() => void)[] = [];
  now = (): number => systemClock.now() + this.#shiftMs;
  monotonic = (): number => systemClock.monotonic();
  after(ms: number, act: () => void): () => void {
    if (ms <= 12_000 || ms > 20_000) return systemClock.after(ms, act);
    this.#watching.push(act);
    return () => {};
  }
  pass(ms: number): void {
    this.#shiftMs += ms;
    for (const act of this.#watching.splice(0)) act();
  }
}

type Reload = (clientAuth: string, generation: number) => Promise<void>;
type OpenWorker = { port: number; gateway: Gateway; reload: Reload };

async function load(clock: Clock, clientAuth: string) {
  const file = pki.dir.write(
    'gateway.yml',
    `gateway:
  accessLog: {enabled: false}
  log: {filePath: ${pki.dir.file('log')}}
  entryPoints: {web: {enabled: false}, webSecure: {address: '127.0.0.1:0'}, admin: {enabled: false}}
  tls:
    certificates: [{cert: edge.crt, key: edge.key}]
    clientAuth: {clientCA: clients-ca.crt, ${clientAuth}}
  routes: [{name: r, path: /, hosts: [localhost], target: 'http://127.0.0.1:1', maintenance: {enabled: true, statusCode: 503}}]
`,
  );
  const { loaded, problems } = await loadGateway(new FileSource(file), {
    env: {},
    strict: true,
    clock,
    read: loadConfig,
  });
  assert.ok(loaded, JSON.stringify(problems));
  return loaded;
}

async function openWorker(clock: Clock, ticketSeed: TicketSeed): Promise<OpenWorker> {
  const gateway = new Gateway({ clock, reusePort: false, onIntermediate: () => {} });
  const reload = async (clientAuth: string, generation: number): Promise<void> => {
    await gateway.prepare(generation, await load(clock, clientAuth), ticketSeed);
    gateway.commit(generation);
  };
  await reload('required: true', 1);
  const port = await findFreePort();
  await gateway.listen({ webSecure: port });
  return { port, gateway, reload };
}

for (const movesOn of [false, true]) {
  test(`workers change ${movesOn ? 'a secret made at start' : 'the keys of a file'} at the boundary of the clock, together`, async (t) => {
    const clock = new EpochClock();
    const epoch = Math.floor(clock.now() / (12 * 3_600_000));
    const seed = { secret: randomBytes(32), epoch, movesOn };
    const workers = [await openWorker(clock, seed), await openWorker(clock, seed)];
    t.after(async () => Promise.all(workers.map(async ({ gateway }) => gateway.drain())));
    const call = async (worker: number, tls: '1.2' | '1.3', session: { sessionIn?: string; sessionOut?: string }) => {
      const { cert, key } = pki.alice;
      const port = workers[worker]?.port ?? 0;
      const { status, reused } = await sClient({ port, cert, key, ca: pki.servers.file, tls, ...session });
      return [status, reused];
    };
    for (const tls of ['1.2', '1.3'] as const) {
      const old = pki.dir.file(`old-${tls}`);
      assert.deepEqual(await call(0, tls, { sessionOut: old }), [503, false]);
      assert.deepEqual(await call(1, tls, { sessionIn: old }), [503, true]);
      clock.pass(12 * 3_600_000);
      // Who issued under the key of before, or can make it, accepts it as long as a session lives.
      assert.deepEqual(await call(0, tls, { sessionIn: old }), [503, true]);
      assert.deepEqual(await call(1, tls, { sessionIn: old }), [503, true]);
      clock.pass(3_600_000 + 120_000);
      for (const worker of [0, 1]) assert.deepEqual(await call(worker, tls, { sessionIn: old }), [503, false]);
      const fresh = pki.dir.file(`fresh-${tls}`);
      assert.deepEqual(await call(0, tls, { sessionOut: fresh }), [503, false]);
      assert.deepEqual(await call(1, tls, { sessionIn: fresh }), [503, true]);
    }
  });
}

/** As the handle of a seed that nobody holds any more. */
async function openForgetting(movesOn: boolean): Promise<{ gateway: Gateway; secret: WeakRef<Uint8Array> }> {
  const epoch = Math.floor(systemClock.now() / (12 * 3_600_000));
  const seed = { secret: randomBytes(32), epoch, movesOn };
  const gateway = new Gateway({ clock: systemClock, reusePort: false, onIntermediate: () => {} });
  await gateway.prepare(1, await load(systemClock, 'required: true'), seed);
  gateway.commit(1);
  return { gateway, secret: new WeakRef(seed.secret) };
}

test('a worker keeps no secret of tickets that moves on: what it was cannot be read from memory', async (t) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (const movesOn of [true, false]) {
    const { gateway, secret } = await openForgetting(movesOn);
    t.after(async () => gateway.drain());
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    assert.equal(secret.deref() === undefined, movesOn);
  }
});

test('a worker that is alone keeps sessions: they are renewed with each use, over a reload, and end when trust changes', async (t) => {
  const seed = { secret: randomBytes(32), epoch: 0, movesOn: true, isAlone: true } as const;
  const { port, gateway, reload } = await openWorker(systemClock, seed);
  t.after(async () => gateway.drain());
  const { cert, key } = pki.alice;
  const ask = { port, cert, key, ca: pki.servers.file, tls: '1.3' } as const;
  let turns = 0;
  let sessionIn: string | undefined;
  const call = async (): Promise<[number | undefined, boolean]> => {
    const sessionOut = pki.dir.file(`kept-${(turns += 1)}`);
    const { status, reused } = await sClient({ ...ask, sessionOut, ...(sessionIn !== undefined && { sessionIn }) });
    sessionIn = sessionOut;
    return [status, reused];
  };
  assert.deepEqual(await call(), [503, false]);
  for (let round = 0; round < 3; round += 1) assert.deepEqual(await call(), [503, true]);
  await reload('required: true', 2);
  assert.deepEqual(await call(), [503, true]);
  await reload('required: true, maxDepth: 2', 3);
  assert.deepEqual(await call(), [503, false]);
  assert.deepEqual(await call(), [503, true]);
});
