// Who gets a backend connection where they are scarce: the pool over real sockets, clients that differ by certificate,
// address and route. Alone a client may have everything; beside others nobody is starved.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { after, describe, it, type TestContext } from 'node:test';
import type { Backend } from '../../src/upstream/backend.ts';
import { Caller } from '../../src/upstream/caller.ts';
import { Cluster } from '../../src/upstream/cluster.ts';
import type { PoolSettings } from '../../src/upstream/pool-settings.ts';
import { Share } from '../../src/upstream/shares.ts';
import { eventually, Feed } from '../support/wait-for.ts';
import {
  backendConfig,
  closePools,
  clusterOptions,
  faultOf,
  makeDependencies,
  openPools,
  TestCall,
} from './upstream-setup.ts';

after(closePools);

const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** Requests with their path; nothing is answered before the test says so. */
type Asked = { readonly path: string; answer(): void };

async function open(t: TestContext, settings: Partial<PoolSettings>) {
  const asked = new Feed<Asked>('asked');
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      const path = /^GET (\S+)/.exec(chunk.toString('latin1'))?.[1] ?? '';
      asked.push({ path, answer: () => void socket.write(answer) });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const pools = openPools(makeDependencies());
  t.after(async () => {
    pools.close();
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, 'close');
  });
  const tls = {
    verify: true,
    anchors: undefined,
    client: undefined,
    serverName: undefined,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
  } as const;
  const { port } = server.address() as AddressInfo;
  const cluster = new Cluster(clusterOptions([backendConfig(`http://127.0.0.1:${port}`)], tls, { settings }), pools);
  const backend = cluster.backends[0] as Backend;
  /** Calls of one client, one after the other. */
  const call = (caller: Caller, count: number, path = `/${caller.client}`): TestCall[] =>
    Array.from({ length: count }, () => new TestCall(backend, { caller, path }));
  const paths = (): string[] => asked.items.map(({ path }) => path);
  return { backend, asked, call, paths };
}

const greedy = new Caller('192.0.2.1', 'greedy', 'r');
const modest = new Caller('192.0.2.2', 'modest', 'r');

describe('backend connections', () => {
  it('are all for one client while it is alone, and its further requests wait', async (t) => {
    const { backend, asked, call } = await open(t, { maxConnsPerHost: 3, reservedConnsPerHost: 2 });
    const calls = call(greedy, 4);
    await asked.waitFor(() => asked.length === 3);
    assert.deepEqual(backend.pool.counts, { open: 3, idle: 0, dialing: 0, waiting: 1 });
    asked.items[0]?.answer();
    await asked.waitFor(() => asked.length === 4);
    for (const request of asked.items.slice(1)) request.answer();
    assert.equal((await Promise.all(calls.map((one) => one.answer))).length, 4);
  });

  it('are there for a client that has none although another one holds all and never lets go', async (t) => {
    const { backend, asked, call, paths } = await open(t, { maxConnsPerHost: 3, reservedConnsPerHost: 1 });
    call(greedy, 10);
    await asked.waitFor(() => asked.length === 3);
    for (let turn = 1; turn <= 5; turn += 1) {
      const [one] = call(modest, 1);
      await asked.waitFor(() => asked.length === 3 + turn);
      asked.items.at(-1)?.answer();
      assert.equal((await one?.answer)?.status, 200);
    }
    // What is idle now was opened beyond the limit: it is not for who has most.
    assert.equal(backend.pool.counts.idle, 1);
    call(greedy, 1);
    assert.deepEqual(backend.pool.counts, { open: 4, idle: 1, dialing: 0, waiting: 8 });
    assert.equal(paths().filter((path) => path === '/greedy').length, 3);
  });

  it('of the reserve go to who waits as soon as fewer than the limit are in use', async (t) => {
    const { backend, asked, call } = await open(t, { maxConnsPerHost: 2, reservedConnsPerHost: 1 });
    const held = call(greedy, 3);
    await asked.waitFor(() => asked.length === 2);
    const [one] = call(modest, 1);
    await asked.waitFor(() => asked.length === 3);
    asked.items[2]?.answer();
    await one?.answer;
    assert.equal(backend.pool.counts.waiting, 1);
    held[0]?.call?.cancel();
    await asked.waitFor(() => asked.length === 4);
    assert.equal(asked.items[3]?.path, '/greedy');
    assert.deepEqual(backend.pool.counts, { open: 2, idle: 0, dialing: 0, waiting: 0 });
  });

  it('that become free go to who uses least, then in turn, not to who came first', async (t) => {
    const { asked, call, paths } = await open(t, { maxConnsPerHost: 1, reservedConnsPerHost: 0 });
    call(greedy, 4);
    call(modest, 2);
    call(new Caller('192.0.2.3', undefined, 'r'), 1, '/late');
    for (let served = 1; served <= 7; served += 1) {
      await asked.waitFor(() => asked.length === served);
      asked.items[served - 1]?.answer();
    }
    // The connection was in nobody's use whenever the next one was chosen.
    assert.deepEqual(paths(), ['/greedy', '/modest', '/late', '/greedy', '/modest', '/greedy', '/greedy']);
  });

  it('of the reserve are not all for certificates of one address: half is left to others', async (t) => {
    const { asked, call, paths } = await open(t, { maxConnsPerHost: 8, reservedConnsPerHost: 4 });
    const from = (address: string, name: string): Caller => new Caller(address, name, name);
    for (let i = 0; i < 20; i += 1) call(from('192.0.2.1', `swarm${i}`), 1);
    await asked.waitFor(() => asked.length >= 8);
    call(from('192.0.2.2', 'other'), 1);
    await asked.waitFor(() => paths().includes('/other'));
    assert.ok(paths().filter((path) => path.startsWith('/swarm')).length <= 10);
  });

  it('behind one address, as behind a load balancer, are there for a certificate that has none', async (t) => {
    const { asked, call, paths } = await open(t, { maxConnsPerHost: 4, reservedConnsPerHost: 2 });
    call(new Caller('192.0.2.9', 'greedy', 'r'), 10);
    await asked.waitFor(() => asked.length === 4);
    call(new Caller('192.0.2.9', 'other', 'r'), 1);
    await asked.waitFor(() => paths().includes('/other'));
  });
});

describe('places in the queue', () => {
  it('are all for one client while it is alone: what is more is backend_busy', async (t) => {
    const { asked, call } = await open(t, { maxConnsPerHost: 1, reservedConnsPerHost: 0, maxWaiting: 3 });
    call(greedy, 1);
    await asked.waitFor(() => asked.length === 1);
    const fault = await faultOf(call(greedy, 4)[3] as TestCall);
    assert.deepEqual([fault.code, fault.status, fault.unsent], ['backend_busy', 503, true]);
  });

  it('are given up by who has most, newest first, for who has less', async (t) => {
    const { backend, asked, call, paths } = await open(t, {
      maxConnsPerHost: 1,
      reservedConnsPerHost: 0,
      maxWaiting: 3,
    });
    call(greedy, 1);
    await asked.waitFor(() => asked.length === 1);
    const waiting = call(greedy, 3);
    call(modest, 1);
    const fault = await faultOf(waiting[2] as TestCall);
    assert.deepEqual([fault.code, fault.status, fault.unsent], ['over_fair_share', 503, true]);
    assert.equal(backend.pool.counts.waiting, 3);
    // Who has most is refused now, and nobody gives way to it.
    assert.equal((await faultOf(call(greedy, 1)[0] as TestCall)).code, 'over_fair_share');
    asked.items[0]?.answer();
    await asked.waitFor(() => asked.length === 2);
    assert.deepEqual(paths(), ['/greedy', '/modest']);
  });

  it('are not taken from a client by another that has as many', async (t) => {
    const { backend, asked, call } = await open(t, { maxConnsPerHost: 1, reservedConnsPerHost: 0, maxWaiting: 2 });
    call(greedy, 1);
    await asked.waitFor(() => asked.length === 1);
    call(greedy, 1);
    call(modest, 1);
    const fault = await faultOf(call(new Caller('192.0.2.3', 'third', 'r'), 1)[0] as TestCall);
    assert.equal(fault.code, 'backend_busy');
    assert.equal(backend.pool.counts.waiting, 2);
  });
});

describe('shares', () => {
  it('are counted down however a call ends', async (t) => {
    const { backend, asked, call } = await open(t, { maxConnsPerHost: 2, reservedConnsPerHost: 1 });
    for (let round = 0; round < 3; round += 1) {
      const [first, second] = call(greedy, 2);
      await asked.waitFor(() => asked.length === 2 * round + 2);
      first?.call?.cancel();
      asked.items.at(second?.call === undefined ? -2 : -1)?.answer();
      second?.call?.cancel();
      await eventually(() => backend.pool.counts.open === 0, { what: 'the pool to be empty' });
    }
    const { share } = greedy;
    assert.ok(share instanceof Share);
    assert.deepEqual([share.client.load, share.address.load, share.route.load], [0, 0, 0]);
  });
});
