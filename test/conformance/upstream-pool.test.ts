// The pool over real plain sockets: reuse, limits, queue, idle closing, draining, retry with a fresh connection.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { after, test, type TestContext } from 'node:test';
import { mintCa } from '../../src/certs/test-ca.ts';
import type { Backend } from '../../src/upstream/backend.ts';
import { Cluster } from '../../src/upstream/cluster.ts';
import { IdleBudget } from '../../src/upstream/idle-budget.ts';
import type { PoolSettings } from '../../src/upstream/pool-settings.ts';
import { findFreePort } from '../support/free-port.ts';
import { eventually, Feed } from '../support/wait-for.ts';
import {
  anchorsOf,
  backendConfig,
  closePools,
  clusterOptions,
  faultOf,
  HandClock,
  makeDependencies,
  openPools,
  TestCall,
  type TestDependencies,
  noTls,
} from './upstream-setup.ts';

after(closePools);

type Peer = {
  readonly port: number;
  /** Connections accepted so far, in order. */
  readonly accepted: Feed<net.Socket>;
  /** Requests read so far. */
  readonly requests: Feed<net.Socket>;
};

/** A backend that answers each request at once, or (`hold`) when the test writes to its socket. */
async function servePlain(t: TestContext, hold = false): Promise<Peer> {
  const accepted = new Feed<net.Socket>('accepted');
  const requests = new Feed<net.Socket>('requests');
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    accepted.push(socket);
    socket.on('data', () => {
      requests.push(socket);
      if (!hold) answer(socket);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    server.close();
    for (const socket of accepted.items) socket.destroy();
    await once(server, 'close');
  };
  t.after(close);
  return { port: (server.address() as AddressInfo).port, accepted, requests };
}

function answer(socket: net.Socket | undefined): void {
  socket?.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
}

function open(
  port: number,
  settings: Partial<PoolSettings> = {},
  setup: TestDependencies = makeDependencies(),
  budget = new IdleBudget(0),
) {
  const pools = openPools(setup, budget);
  const cluster = new Cluster(clusterOptions([backendConfig(`http://127.0.0.1:${port}`)], noTls, { settings }), pools);
  const backend = cluster.backends[0] as Backend;
  return { setup, pools, cluster, backend };
}

test('the connection that became idle last is taken first', async (t) => {
  const peer = await servePlain(t, true);
  const { backend, pools } = open(peer.port);
  const [a, b] = [new TestCall(backend), new TestCall(backend)];
  await peer.requests.waitFor(() => peer.requests.length === 2);
  answer(peer.requests.items[0]);
  await Promise.race([a.answer, b.answer]);
  answer(peer.requests.items[1]);
  await Promise.all([a.answer, b.answer]);
  const c = new TestCall(backend);
  await peer.requests.waitFor(() => peer.requests.length === 3);
  assert.equal(peer.requests.items[2], peer.requests.items[1]);
  answer(peer.requests.items[2]);
  assert.equal((await c.answer).reused, true);
  pools.close();
});

test('no more connections than maxConnsPerHost are opened; the next request waits for one to become free', async (t) => {
  const peer = await servePlain(t, true);
  const { backend, pools } = open(peer.port, { maxConnsPerHost: 2 });
  const calls = [1, 2, 3].map(() => new TestCall(backend));
  await peer.requests.waitFor(() => peer.requests.length === 2);
  assert.deepEqual(backend.pool.counts, { open: 2, idle: 0, dialing: 0, waiting: 1 });
  answer(peer.requests.items[0]);
  await peer.requests.waitFor(() => peer.requests.length === 3);
  assert.equal(peer.requests.items[2], peer.requests.items[0]);
  answer(peer.requests.items[1]);
  answer(peer.requests.items[2]);
  const answers = await Promise.all(calls.map((call) => call.answer));
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200],
  );
  assert.equal(peer.accepted.length, 2);
  pools.close();
});

test('a full queue answers backend_busy at once, and cancelled waiters do not count', async (t) => {
  const peer = await servePlain(t, true);
  const { backend, pools } = open(peer.port, { maxConnsPerHost: 1, maxWaiting: 1 });
  const first = new TestCall(backend);
  await peer.requests.waitFor(() => peer.requests.length === 1);
  const second = new TestCall(backend);
  const third = await faultOf(new TestCall(backend));
  assert.equal(third.code, 'backend_busy');
  assert.equal(third.status, 503);
  second.cancelled = true;
  const fourth = new TestCall(backend);
  answer(peer.requests.items[0]);
  await first.answer;
  await peer.requests.waitFor(() => peer.requests.length === 2);
  answer(peer.requests.items[1]);
  assert.equal((await fourth.answer).status, 200);
  assert.equal(second.call, undefined);
  pools.close();
});

test('who waits longer than connecting may take gets backend_busy', async (t) => {
  const peer = await servePlain(t, true);
  const clock = new HandClock();
  const { backend, pools } = open(
    peer.port,
    { maxConnsPerHost: 1, connectMs: 1000, handshakeMs: 1000 },
    makeDependencies(clock),
  );
  const first = new TestCall(backend);
  await peer.requests.waitFor(() => peer.requests.length === 1);
  const second = new TestCall(backend);
  clock.advance(1900);
  assert.equal(backend.pool.counts.waiting, 1);
  clock.advance(200);
  assert.equal((await faultOf(second)).code, 'backend_busy');
  answer(peer.requests.items[0]);
  await first.answer;
  pools.close();
});

test('an address that swallows packets is a timeout after connectMs', async (t) => {
  // No packet leaves: the clock alone decides, before the connection can be made.
  const peer = await servePlain(t);
  const clock = new HandClock();
  const { backend, pools } = open(peer.port, { connectMs: 500 }, makeDependencies(clock));
  const call = new TestCall(backend);
  clock.advance(500);
  const fault = await faultOf(call);
  assert.equal(fault.code, 'timeout');
  assert.match(fault.detail ?? '', /did not accept the connection within 500 ms/);
  pools.close();
});

test('an idle connection is closed after idleMs, a used one is not', async (t) => {
  const peer = await servePlain(t);
  const clock = new HandClock();
  const { backend, pools } = open(peer.port, { idleMs: 1000 }, makeDependencies(clock));
  await new TestCall(backend).answer;
  clock.advance(800);
  await new TestCall(backend).answer;
  clock.advance(800);
  assert.equal(backend.pool.counts.idle, 1);
  clock.advance(400);
  assert.deepEqual(backend.pool.counts, { open: 0, idle: 0, dialing: 0, waiting: 0 });
  pools.close();
});

test('an idle connection that the backend closes leaves the pool', async (t) => {
  const peer = await servePlain(t);
  const { backend, pools } = open(peer.port);
  await new TestCall(backend).answer;
  peer.accepted.items[0]?.end();
  await eventually(() => backend.pool.counts.open === 0, { what: 'the pool to notice' });
  assert.equal((await new TestCall(backend).answer).reused, false);
  pools.close();
});

test('bytes on an idle connection end it: they are never taken for the answer to the next request', async (t) => {
  const peer = await servePlain(t);
  const { backend, pools } = open(peer.port);
  await new TestCall(backend).answer;
  peer.accepted.items[0]?.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison');
  await eventually(() => backend.pool.counts.open === 0, { what: 'the pool to notice' });
  assert.equal((await new TestCall(backend).answer).body, 'ok');
  pools.close();
});

test('a retry asks for a fresh connection and gets one although an idle one is there', async (t) => {
  const peer = await servePlain(t);
  const { backend, pools } = open(peer.port);
  await new TestCall(backend).answer;
  const retry = await new TestCall(backend, { fresh: true }).answer;
  assert.equal(retry.reused, false);
  assert.equal(peer.accepted.length, 2);
  pools.close();
});

test('at the limit a fresh connection takes the place of the oldest idle one', async (t) => {
  const peer = await servePlain(t);
  const { backend, pools } = open(peer.port, { maxConnsPerHost: 1 });
  await new TestCall(backend).answer;
  assert.equal((await new TestCall(backend, { fresh: true }).answer).reused, false);
  assert.equal(backend.pool.counts.open, 1);
  pools.close();
});

test('at the limit a waiter for a fresh connection gets the place of a connection that becomes free', async (t) => {
  const peer = await servePlain(t, true);
  const { backend, pools } = open(peer.port, { maxConnsPerHost: 1 });
  const first = new TestCall(backend);
  await peer.requests.waitFor(() => peer.requests.length === 1);
  const second = new TestCall(backend, { fresh: true });
  answer(peer.requests.items[0]);
  await first.answer;
  await peer.requests.waitFor(() => peer.requests.length === 2);
  assert.notEqual(peer.requests.items[1], peer.requests.items[0]);
  answer(peer.requests.items[1]);
  assert.equal((await second.answer).reused, false);
  pools.close();
});

test('maxIdleConnsPerHost and the budget over all pools bound what is kept', async (t) => {
  const [peer, other] = [await servePlain(t, true), await servePlain(t, true)];
  const budget = new IdleBudget(2);
  const setup = makeDependencies();
  const one = open(peer.port, { maxIdleConnsPerHost: 1 }, setup, budget);
  const two = open(other.port, {}, setup, budget);
  const calls = [
    new TestCall(one.backend),
    new TestCall(one.backend),
    ...[1, 2, 3].map(() => new TestCall(two.backend)),
  ];
  await peer.requests.waitFor(() => peer.requests.length === 2);
  await other.requests.waitFor(() => other.requests.length === 3);
  for (const socket of [...peer.requests.items, ...other.requests.items]) answer(socket);
  await Promise.all(calls.map((call) => call.answer));
  assert.equal(one.backend.pool.counts.idle, 1);
  assert.equal(two.backend.pool.counts.idle, 1);
  assert.equal(budget.idle, 2);
  one.pools.close();
  two.pools.close();
  assert.equal(budget.idle, 0);
});

test('a call that is given up closes its connection and frees its place', async (t) => {
  const peer = await servePlain(t, true);
  const { backend, pools } = open(peer.port, { maxConnsPerHost: 1 });
  const first = new TestCall(backend);
  await peer.requests.waitFor(() => peer.requests.length === 1);
  const second = new TestCall(backend);
  first.call?.cancel();
  await peer.requests.waitFor(() => peer.requests.length === 2);
  answer(peer.requests.items[1]);
  assert.equal((await second.answer).reused, false);
  pools.close();
});

test('a refused connection fails one waiter after the other, never leaving one behind', async () => {
  const { backend, pools, setup } = open(await findFreePort(), { maxConnsPerHost: 2 });
  const faults = await Promise.all([1, 2, 3, 4].map(() => faultOf(new TestCall(backend))));
  assert.deepEqual(
    faults.map(({ code }) => code),
    ['refused', 'refused', 'refused', 'refused'],
  );
  assert.equal(setup.feed.items.filter(({ kind }) => kind === 'failed').length, 4);
  assert.deepEqual(backend.pool.counts, { open: 0, idle: 0, dialing: 0, waiting: 0 });
  pools.close();
});

test('a waiter that throws loses its call; the process and the pool go on', async (t) => {
  const peer = await servePlain(t);
  const { backend, pools } = open(peer.port);
  const thrown = Promise.withResolvers<string>();
  backend.acquire({
    cancelled: false,
    onCall: () => {
      throw new Error('a defect of the waiter');
    },
    onCallFailure: (fault) => thrown.resolve(fault.code),
  });
  assert.equal(await thrown.promise, 'internal');
  assert.equal((await new TestCall(backend).answer).status, 200);
  pools.close();
});

test('a reload keeps warm connections where nothing changed', async (t) => {
  const peer = await servePlain(t);
  const setup = makeDependencies();
  const budget = new IdleBudget(0);
  const old = openPools(setup, budget);
  const options = clusterOptions([backendConfig(`http://127.0.0.1:${peer.port}`)], noTls);
  await new TestCall(new Cluster(options, old).backends[0] as Backend).answer;
  const next = openPools(setup, budget, old);
  const backend = new Cluster(options, next).backends[0] as Backend;
  old.close();
  assert.equal((await new TestCall(backend).answer).reused, true);
  assert.equal(peer.accepted.length, 1);
  next.close();
});

test('a reload that fails and is thrown away leaves the pools of the running generation alone', async (t) => {
  const peer = await servePlain(t);
  const setup = makeDependencies();
  const budget = new IdleBudget(0);
  const running = openPools(setup, budget);
  const options = clusterOptions([backendConfig(`http://127.0.0.1:${peer.port}`)], noTls);
  const backend = new Cluster(options, running).backends[0] as Backend;
  await new TestCall(backend).answer;
  const failed = openPools(setup, budget, running);
  new Cluster(options, failed).close();
  failed.close();
  assert.equal((await new TestCall(backend).answer).reused, true);
  running.close();
});

test('after the last generation let go, idle connections close, busy ones when done, and late requests are served', async (t) => {
  const peer = await servePlain(t, true);
  const { backend, pools } = open(peer.port);
  const idle = new TestCall(backend);
  const busy = new TestCall(backend);
  await peer.requests.waitFor(() => peer.requests.length === 2);
  answer(peer.requests.items[0]);
  await Promise.race([idle.answer, busy.answer]);
  pools.close();
  assert.deepEqual(backend.pool.counts, { open: 1, idle: 0, dialing: 0, waiting: 0 });
  const late = new TestCall(backend);
  await peer.requests.waitFor(() => peer.requests.length === 3);
  answer(peer.requests.items[1]);
  answer(peer.requests.items[2]);
  await Promise.all([idle.answer, busy.answer, late.answer]);
  assert.deepEqual(backend.pool.counts, { open: 0, idle: 0, dialing: 0, waiting: 0 });
});

test('a new client certificate starts a new pool: no connection with the old one survives', async () => {
  const ca = await mintCa();
  const [before, after] = await Promise.all([ca.issue({ kind: 'client' }), ca.issue({ kind: 'client' })]);
  const setup = makeDependencies();
  const budget = new IdleBudget(0);
  const tls = { ...noTls, anchors: anchorsOf(ca.certPem) };
  const backends = [backendConfig('https://127.0.0.1:9')];
  const old = openPools(setup, budget);
  const first = new Cluster(clusterOptions(backends, { ...tls, client: before }), old).backends[0]?.pool;
  const next = openPools(setup, budget, old);
  const second = new Cluster(clusterOptions(backends, { ...tls, client: after }), next).backends[0]?.pool;
  const again = new Cluster(clusterOptions(backends, { ...tls, client: before }), next).backends[0]?.pool;
  assert.notEqual(first, second);
  assert.equal(first, again);
  old.close();
  next.close();
});
