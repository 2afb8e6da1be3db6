// A backend with several addresses behind one name: how connections and requests spread, and what happens when the answer of
// the name server changes, an address is dead, or a connection grows old. Real sockets on 127.0.0.1 to 127.0.0.3.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, test, type TestContext } from 'node:test';
import { NameResolver } from '../../src/dns/name-resolver.ts';
import { resolverSettings } from '../support/resolver-settings.ts';
import { Addresses } from '../../src/upstream/addresses.ts';
import type { Backend } from '../../src/upstream/backend.ts';
import { Cluster } from '../../src/upstream/cluster.ts';
import type { PoolSettings } from '../../src/upstream/pool-settings.ts';
import { startDns } from '../support/dns.ts';
import { findFreePort } from '../support/free-port.ts';
import { eventually, Feed } from '../support/wait-for.ts';
import {
  backendConfig,
  closePools,
  clusterOptions,
  HandClock,
  makeDependencies,
  openPools,
  TestCall,
  noTls,
} from './upstream-setup.ts';

after(closePools);

const one = '127.0.0.1';
const two = '127.0.0.2';

type Asked = { readonly at: string; readonly socket: net.Socket };

class Peers {
  readonly asked = new Feed<Asked>('requests');
  readonly closed = new Feed<string>('closed connections');
  readonly open = new Map<string, number>();
  readonly sockets = new Set<net.Socket>();

  /** Answers at once what is not for `/hold`. */
  async listen(t: TestContext, address: string, port: number): Promise<void> {
    const server = net.createServer((socket) => {
      this.sockets.add(socket);
      this.open.set(address, (this.open.get(address) ?? 0) + 1);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.open.set(address, (this.open.get(address) ?? 0) - 1);
        this.closed.push(address);
      });
      socket.on('data', (chunk) => {
        this.asked.push({ at: address, socket });
        if (!chunk.includes('/hold')) answer(socket);
      });
    });
    server.listen(port, address);
    await once(server, 'listening');
    t.after(async () => {
      server.close();
      for (const socket of this.sockets) socket.destroy();
      if (server.listening) await once(server, 'close');
    });
  }

  count(address: string, from = 0): number {
    return this.asked.items.slice(from).filter(({ at }) => at === address).length;
  }
}

function answer(socket: net.Socket | undefined): void {
  socket?.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
}

async function open(t: TestContext, addresses: readonly string[], settings: Partial<PoolSettings> = {}) {
  const dns = await startDns({ 'api.test': { addresses, ttl: 10 } });
  t.after(async () => dns[Symbol.asyncDispose]());
  const port = await findFreePort();
  const peers = new Peers();
  for (const address of [one, two]) await peers.listen(t, address, port);
  const clock = new HandClock();
  const changes = new Feed<readonly string[]>('changes');
  const failures = new Feed<string>('failures');
  const resolver = new NameResolver({
    clock,
    random: () => 0,
    settings: { ...resolverSettings, servers: [dns.address] },
    events: {
      onLookUp: () => undefined,
      onAddresses: (_name, now) => changes.push(now),
      onLookUpFailure: (_name, { code }) => failures.push(code),
    },
  });
  const setup = makeDependencies(clock, () => 0, undefined, resolver);
  const pools = openPools(setup);
  const config = backendConfig(`http://api.test:${port}`);
  const cluster = new Cluster(clusterOptions([config], noTls, { settings }), pools);
  const backend = cluster.backends[0] as Backend;
  t.after(() => {
    pools.close();
    resolver.close();
  });
  /** The name server says so from now on, and the next renewal finds it. */
  const change = async (next: readonly string[]): Promise<void> => {
    dns.set('api.test', { addresses: next, ttl: 10 });
    const from = changes.length;
    clock.advance(10_000);
    await changes.waitFor(() => true, { from });
  };
  return { dns, port, peers, clock, setup, pools, backend, failures, change };
}

async function ask(backend: Backend, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) assert.equal((await new TestCall(backend).answer).status, 200);
}

test('two live addresses get equal numbers of connections', async (t) => {
  const { peers, backend } = await open(t, [one, two]);
  const calls = Array.from({ length: 20 }, () => new TestCall(backend, { path: '/hold' }));
  await peers.asked.waitFor(() => peers.asked.length === 20);
  assert.deepEqual([peers.open.get(one), peers.open.get(two)], [10, 10]);
  for (const { socket } of peers.asked.items) answer(socket);
  await Promise.all(calls.map(({ answer: answered }) => answered));
});

test('one request after the other goes to both as well', async (t) => {
  const { peers, backend } = await open(t, [one, two]);
  await ask(backend, 2);
  await eventually(() => backend.pool.counts.open === 2, { what: 'a connection to the other address' });
  const from = peers.asked.length;
  await ask(backend, 40);
  assert.deepEqual([peers.count(one, from), peers.count(two, from)], [20, 20]);
  assert.deepEqual([peers.open.get(one), peers.open.get(two)], [1, 1]);
});

test('an address that left the answer carries no further call, and no call under way is lost', async (t) => {
  const { peers, backend, change } = await open(t, [one]);
  const held = new TestCall(backend, { path: '/hold' });
  const { socket } = await peers.asked.waitFor(() => true);
  await ask(backend, 2);
  assert.equal(peers.open.get(one), 2);
  await change([two]);
  // The idle one is closed, the busy one when its call is over.
  await peers.closed.waitFor(() => true);
  assert.equal(peers.open.get(one), 1);
  const from = peers.asked.length;
  await ask(backend, 5);
  assert.deepEqual([peers.count(one, from), peers.count(two, from)], [0, 5]);
  answer(socket);
  assert.equal((await held.answer).status, 200);
  await peers.closed.waitFor(() => peers.closed.length === 2);
  assert.equal(peers.open.get(one), 0);
});

test('an address that is new gets its share at once, from connections that finish their call', async (t) => {
  const { peers, backend, change } = await open(t, [one]);
  const held = Array.from({ length: 4 }, () => new TestCall(backend, { path: '/hold' }));
  await peers.asked.waitFor(() => peers.asked.length === 4);
  await change([one, two]);
  for (const { socket } of peers.asked.items.slice(0, 4)) answer(socket);
  await Promise.all(held.map(({ answer: answered }) => answered));
  await peers.closed.waitFor(() => peers.closed.length === 2);
  const from = peers.asked.length;
  const again = Array.from({ length: 4 }, () => new TestCall(backend, { path: '/hold' }));
  await peers.asked.waitFor(() => peers.asked.length === from + 4);
  assert.deepEqual([peers.count(one, from), peers.count(two, from)], [2, 2]);
  for (const { socket } of peers.asked.items.slice(from)) answer(socket);
  await Promise.all(again.map(({ answer: answered }) => answered));
});

test('a dead address loses no request, and is tried after the others for a while', async (t) => {
  const { peers, backend, setup } = await open(t, [one, '127.0.0.3']);
  await ask(backend, 10);
  assert.equal(peers.count(one), 10);
  const failures = setup.feed.items.filter(({ kind }) => kind === 'failed').length;
  assert.ok(failures <= 1, `${failures} attempts at the dead address`);
  assert.equal(backend.ejected, false);
});

test('a name server that fails later keeps nobody from the addresses of before', async (t) => {
  const { dns, peers, clock, backend, failures } = await open(t, [one]);
  await ask(backend, 1);
  dns.set('api.test', { rcode: 'SERVFAIL' });
  clock.advance(10_000);
  await failures.waitFor(() => true);
  await ask(backend, 3);
  assert.equal((await new TestCall(backend, { fresh: true }).answer).reused, false);
  assert.equal(peers.count(one), 5);
});

test('health checks go to the addresses that requests go to', async (t) => {
  const { peers, clock, pools, port, change } = await open(t, [one]);
  const config = {
    path: '/health',
    intervalMs: 20_000,
    timeoutMs: 5_000,
    healthyStatuses: [],
    healthyThreshold: 1,
    unhealthyThreshold: 1,
    host: undefined,
    headers: [],
  };
  const check = pools.findCheck({ scheme: 'http', host: 'api.test', port }, undefined, config);
  check.begin();
  await peers.asked.waitFor(({ at }) => at === one);
  await eventually(() => clock.waits.some((ms) => ms > 10_000), { what: 'the wait for the next probe' });
  await change([two]);
  // Just as far as the next probe, jitter included: its own time stands still.
  clock.advance(8_000);
  await peers.asked.waitFor(({ at }) => at === two);
  assert.equal(peers.count(one), 1);
  assert.equal(check.state().healthy, true);
});

test('a connection carries no further call when it is old, idle or busy', async (t) => {
  const { peers, clock, backend } = await open(t, [one], { maxAgeMs: 60_000, idleMs: 0 });
  const held = new TestCall(backend, { path: '/hold' });
  const { socket } = await peers.asked.waitFor(() => true);
  await ask(backend, 2);
  assert.equal(peers.open.get(one), 2);
  clock.advance(59_000);
  await ask(backend, 1);
  assert.equal(peers.closed.length, 0);
  clock.advance(2_000);
  await peers.closed.waitFor(() => true);
  answer(socket);
  assert.equal((await held.answer).status, 200);
  await peers.closed.waitFor(() => peers.closed.length === 2);
});

test('without an age limit a connection lives on', async (t) => {
  const { peers, clock, backend } = await open(t, [one], { maxAgeMs: 0, idleMs: 0 });
  await ask(backend, 1);
  clock.advance(7_200_000);
  assert.equal((await new TestCall(backend).answer).reused, true);
  assert.equal(peers.closed.length, 0);
});

test('families alternate among addresses that are rested, those that failed come last', () => {
  const answers = { addresses: ['192.0.2.1', '192.0.2.2', '192.0.2.3', '2001:db8::1', '2001:db8::2'] };
  const resolver = {
    watch: () => () => undefined,
    find: (_name: string, done: (found: typeof answers) => void) => {
      done(answers);
      return () => undefined;
    },
  } as unknown as NameResolver;
  const clock = new HandClock();
  const addresses = new Addresses({ host: 'a', resolver, clock, random: () => 0, onChange: () => undefined });
  const order = (): readonly string[] => {
    let found: readonly string[] = [];
    addresses.choose((answer) => (found = 'failure' in answer ? [] : answer.addresses))();
    return found;
  };
  assert.deepEqual(order(), ['192.0.2.1', '2001:db8::1', '192.0.2.2', '2001:db8::2', '192.0.2.3']);
  addresses.begun('192.0.2.1');
  addresses.failed('192.0.2.2', 'ECONNREFUSED');
  addresses.failed('2001:db8::2', 'ENETUNREACH');
  assert.deepEqual(order(), ['192.0.2.3', '2001:db8::1', '192.0.2.1', '192.0.2.2', '2001:db8::2']);
  clock.advance(30_000);
  assert.equal(order().at(-1), '2001:db8::2', 'where there is no way to, rest is longer');
  addresses.close();
});
