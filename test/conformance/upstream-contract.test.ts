// The contract of backend connections (src/http/backend-connection.ts), of every protocol that there is: one call at a time
// (HTTP/1.1) and many. What the pool makes of a capacity of one and of more is tested with each.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { after, describe, it, type TestContext } from 'node:test';
import { Fault } from '../../src/base/fault.ts';
import type { BackendConnection, ConnectionOwner } from '../../src/http/backend-connection.ts';
import type { BackendCall, ResponseSink } from '../../src/http/exchange.ts';
import { Fields } from '../../src/http/field.ts';
import type { Backend } from '../../src/upstream/backend.ts';
import { Intermediates } from '../../src/trust/intermediates.ts';
import { Addresses } from '../../src/upstream/addresses.ts';
import { Caller } from '../../src/upstream/caller.ts';
import { Cluster } from '../../src/upstream/cluster.ts';
import { ConnectAttempt } from '../../src/upstream/connect.ts';
import { HealthCheck } from '../../src/upstream/health.ts';
import type { PoolSettings } from '../../src/upstream/pool-settings.ts';
import { BackendProtocols, http2Protocol } from '../../src/upstream/protocols.ts';
import { frame, setting } from '../support/http2-frames.ts';
import { findFreePort } from '../support/free-port.ts';
import { eventually, Feed } from '../support/wait-for.ts';
import { data, endStream, FrameSplitter, headers, Type } from './http2-harness.ts';
import { manyCallProtocol } from './many-call.ts';
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

/** One request as the backend sees it. */
type Request = { readonly path: string; answer(): void; readonly socket: net.Socket };

type Protocol = {
  readonly title: string;
  readonly capacity: number;
  readonly protocols: BackendProtocols;
  /** What the backend says first. */
  readonly greeting?: Buffer;
  /** The requests in what one read brought. */
  parse(text: string, socket: net.Socket): Request[];
};

const http1: Protocol = {
  title: 'HTTP/1.1',
  capacity: 1,
  protocols: new BackendProtocols(),
  parse: (text, socket) =>
    [...text.matchAll(/^GET (\S+) HTTP/gm)].map(([, path = '']) => ({
      path,
      socket,
      answer: () => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'),
    })),
};

const many: Protocol = {
  title: 'a protocol of three calls a connection',
  capacity: 3,
  protocols: new BackendProtocols([], manyCallProtocol(3)),
  parse: (text, socket) =>
    [...text.matchAll(/^(\d+) GET (\S+)$/gm)].map(([, id, path = '']) => ({
      path,
      socket,
      answer: () => void socket.write(`${id} 200 ok\n`),
    })),
};

const splitters = new WeakMap<net.Socket, FrameSplitter>();

const http2: Protocol = {
  title: 'HTTP/2',
  capacity: 100,
  protocols: new BackendProtocols([], http2Protocol),
  greeting: frame(Type.settings, 0, 0, setting(3, 100)),
  parse: (text, socket) => {
    const splitter = splitters.get(socket) ?? new FrameSplitter('server');
    splitters.set(socket, splitter);
    const heads = splitter.add(Buffer.from(text, 'latin1')).filter(({ type }) => type === Type.headers);
    return heads.map(({ stream, text: line }) => ({
      path: /:path=(\S+)/.exec(line)?.[1] ?? '',
      socket,
      answer: () =>
        void socket.write(Buffer.concat([headers(stream, [[':status', '200']]), data(stream, 'ok', endStream)])),
    }));
  },
};

async function serve(t: TestContext, protocol: Protocol, hold: boolean) {
  const accepted = new Feed<net.Socket>('accepted');
  const requests = new Feed<Request>('requests');
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    accepted.push(socket);
    if (protocol.greeting !== undefined) socket.write(protocol.greeting);
    socket.on('data', (chunk) => {
      for (const request of protocol.parse(chunk.toString('latin1'), socket)) {
        requests.push(request);
        if (!hold) request.answer();
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(async () => {
    server.close();
    for (const socket of accepted.items) socket.destroy();
    await once(server, 'close');
  });
  return { port: (server.address() as AddressInfo).port, accepted, requests };
}

/** Keeps the order of everything that owner and calls are told. */
class Listener implements ConnectionOwner {
  readonly events: string[] = [];
  onFree(connection: BackendConnection): void {
    this.events.push(`free ${connection.activeCalls}`);
  }
  onClosed(_: BackendConnection, fault: Fault | undefined): void {
    this.events.push(`closed ${fault?.code ?? 'orderly'}`);
  }
  sink(name: string): ResponseSink {
    return {
      onInformational: () => {},
      onHead: ({ status }) => void this.events.push(`${name} ${status}`),
      onResponseBody: () => {},
      onResponseEnd: () => void this.events.push(`${name} end`),
      onResponseFlush: () => {},
      onBackendDrain: () => {},
      onBackendFailure: ({ code }) => void this.events.push(`${name} ${code}`),
    };
  }
}

async function connect(t: TestContext, protocol: Protocol) {
  const peer = await serve(t, protocol, true);
  const setup = makeDependencies(undefined, undefined, protocol.protocols);
  const listener = new Listener();
  const opened = Promise.withResolvers<BackendConnection>();
  const host = '127.0.0.1';
  const { resolver, clock, random } = setup;
  const attempt = new ConnectAttempt(
    {
      endpoint: { scheme: 'http', host, port: peer.port },
      addresses: new Addresses({ host, resolver, clock, random, onChange: () => undefined }),
      identity: undefined,
      tickets: undefined,
      clock,
      intermediates: new Intermediates(),
      readBuffers: setup.readBuffers,
      alpn: protocol.protocols.offered('auto'),
      connectMs: 5000,
      handshakeMs: 5000,
    },
    {
      onConnected: (open) => opened.resolve(protocol.protocols.open(open, setup, listener)),
      onConnectFailure: (fault) => opened.reject(fault),
    },
  );
  attempt.start();
  const connection = await opened.promise;
  t.after(() => connection.destroy());
  const send = (call: BackendCall, name: string): void => {
    const request = { method: 'GET', target: `/${name}`, authority: 'b.test', fields: new Fields(), extra: [] };
    call.sendRequest({ ...request, bodyLength: 0, acceptsTrailers: false }, listener.sink(name));
    call.sendRequestEnd(undefined);
    call.flushRequest();
  };
  return { ...peer, connection, listener, send };
}

function openPool(port: number, protocol: Protocol, settings: Partial<PoolSettings> = {}) {
  const setup = makeDependencies(undefined, undefined, protocol.protocols);
  const pools = openPools(setup);
  const tls = {
    verify: true,
    anchors: undefined,
    client: undefined,
    serverName: undefined,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
  } as const;
  const cluster = new Cluster(clusterOptions([backendConfig(`http://127.0.0.1:${port}`)], tls, { settings }), pools);
  return { setup, pools, backend: cluster.backends[0] as Backend };
}

function start(backend: Backend, count: number): TestCall[] {
  return Array.from({ length: count }, () => new TestCall(backend));
}

for (const protocol of [http1, many, http2]) {
  const { capacity } = protocol;
  describe(`a connection of ${protocol.title}`, () => {
    it('hands out calls up to its capacity, and is free again after the end of one', async (t) => {
      const { connection, listener, requests, send } = await connect(t, protocol);
      assert.equal(connection.capacity, capacity);
      assert.equal(connection.activeCalls, 0);
      assert.equal(connection.hasAnswered, false);
      const calls = Array.from({ length: capacity }, () => connection.openCall());
      assert.equal(connection.activeCalls, capacity);
      calls.forEach((call, at) => send(call, `call${at}`));
      await requests.waitFor(() => requests.length === capacity);
      requests.items[0]?.answer();
      await eventually(() => listener.events.includes(`free ${capacity - 1}`), { what: 'the connection to be free' });
      assert.deepEqual(listener.events, ['call0 200', 'call0 end', `free ${capacity - 1}`]);
      assert.equal(connection.hasAnswered, true);
    });

    it('says of a later call that it is reused, not of the first', async (t) => {
      const { connection, listener, requests, send } = await connect(t, protocol);
      const first = connection.openCall();
      send(first, 'first');
      assert.equal(first.reused, false);
      await requests.waitFor(() => requests.length === 1);
      requests.items[0]?.answer();
      await eventually(() => listener.events.includes('free 0'), { what: 'the connection to be free' });
      const second = connection.openCall();
      send(second, 'second');
      assert.equal(second.reused, true);
    });

    it('tells nothing of a call that is given up, and goes on where others can', async (t) => {
      const { connection, listener, requests, send } = await connect(t, protocol);
      const call = connection.openCall();
      send(call, 'given-up');
      await requests.waitFor(() => requests.length === 1);
      call.cancel();
      assert.equal(connection.activeCalls, 0);
      assert.deepEqual(listener.events, [capacity === 1 ? 'closed orderly' : 'free 0']);
      requests.items[0]?.answer();
      if (capacity === 1) return;
      send(connection.openCall(), 'next');
      await requests.waitFor(() => requests.length === 2);
      requests.items[1]?.answer();
      await eventually(() => listener.events.includes('next end'), { what: 'the next call to be answered' });
      assert.equal(listener.events.filter((event) => event.startsWith('given-up')).length, 0);
    });

    it('fails each of its calls once when the backend goes, after its owner heard of it', async (t) => {
      const { connection, listener, requests, send } = await connect(t, protocol);
      for (let at = 0; at < capacity; at += 1) send(connection.openCall(), `call${at}`);
      await requests.waitFor(() => requests.length === capacity);
      requests.items[0]?.socket.destroy();
      await eventually(() => listener.events.length > capacity, { what: 'the loss to be told' });
      const [first = '', ...rest] = listener.events;
      assert.match(first, /^closed /);
      assert.deepEqual(
        rest,
        Array.from({ length: capacity }, (_, at) => `call${at} backend_closed`),
      );
      assert.equal(connection.activeCalls, 0);
    });

    it('fails its calls with the fault that it is destroyed with, and tells nothing afterwards', async (t) => {
      const { connection, listener, requests, send } = await connect(t, protocol);
      send(connection.openCall(), 'call');
      await requests.waitFor(() => requests.length === 1);
      connection.destroy(new Fault('revoked', 'backend', { sent: true }));
      assert.deepEqual(listener.events, ['closed revoked', 'call revoked']);
      requests.items[0]?.answer();
      connection.destroy();
      await new Promise(setImmediate);
      assert.equal(listener.events.length, 2);
    });
  });

  describe(`a pool of ${protocol.title}`, () => {
    it('opens no more connections than it may and fills them; the next request waits for a call to end', async (t) => {
      const peer = await serve(t, protocol, true);
      const { backend, pools } = openPool(peer.port, protocol, { maxConnsPerHost: 2 });
      const places = 2 * capacity;
      const calls = start(backend, places + 1);
      await peer.requests.waitFor(() => peer.requests.length === places);
      assert.deepEqual(backend.pool.counts, { open: 2, idle: 0, dialing: 0, waiting: 1 });
      peer.requests.items[0]?.answer();
      await peer.requests.waitFor(() => peer.requests.length === places + 1);
      for (const request of peer.requests.items.slice(1)) request.answer();
      assert.equal((await Promise.all(calls.map((call) => call.answer))).length, places + 1);
      await eventually(() => backend.pool.counts.idle === 2, { what: 'both connections to be idle' });
      assert.equal(peer.accepted.length, 2);
      pools.close();
      assert.deepEqual(backend.pool.counts, { open: 0, idle: 0, dialing: 0, waiting: 0 });
    });

    it('opens connections by what the last one carried, one for each call at first', async (t) => {
      const peer = await serve(t, protocol, true);
      const { backend, pools } = openPool(peer.port, protocol);
      start(backend, 1);
      await peer.requests.waitFor(() => peer.requests.length === 1);
      const more = capacity * 2;
      start(backend, more);
      await peer.requests.waitFor(() => peer.requests.length === 1 + more);
      assert.equal(peer.accepted.length, Math.ceil((1 + more) / capacity));
      pools.close();
    });

    it('never opens a call beyond what the backend allows, and takes a call given up for a place', async (t) => {
      const peer = await serve(t, protocol, true);
      const { backend, pools } = openPool(peer.port, protocol, { maxConnsPerHost: 1 });
      const calls = start(backend, capacity + 1);
      await peer.requests.waitFor(() => peer.requests.length === capacity);
      assert.equal(backend.pool.counts.waiting, 1);
      calls[0]?.call?.cancel();
      await peer.requests.waitFor(() => peer.requests.length === capacity + 1);
      assert.equal((calls.at(-1)?.call?.reused ?? false) === capacity > 1, true);
      pools.close();
    });

    it('has a connection for a client that has none although another one fills all', async (t) => {
      const peer = await serve(t, protocol, true);
      const { backend, pools } = openPool(peer.port, protocol, { maxConnsPerHost: 2, reservedConnsPerHost: 1 });
      const [greedy, modest] = [new Caller('192.0.2.1', 'greedy', 'r'), new Caller('192.0.2.2', 'modest', 'r')];
      const places = 2 * capacity;
      const held = Array.from({ length: places + 3 }, () => new TestCall(backend, { caller: greedy }));
      await peer.requests.waitFor(() => peer.requests.length === places);
      const one = new TestCall(backend, { caller: modest, path: '/modest' });
      const request = await peer.requests.waitFor(({ path }) => path === '/modest');
      request.answer();
      assert.equal((await one.answer).status, 200);
      // The rest of what was opened for it is not for who has most.
      assert.equal(peer.requests.length, places + 1);
      assert.equal(held.filter(({ call }) => call !== undefined).length, places);
      pools.close();
    });

    it('fails every waiter of a backend that is not there', async () => {
      const { backend, pools } = openPool(await findFreePort(), protocol, { maxConnsPerHost: 1 });
      const faults = await Promise.all(Array.from({ length: 7 }, () => faultOf(new TestCall(backend))));
      assert.deepEqual(new Set(faults.map(({ code }) => code)), new Set(['refused']));
      assert.deepEqual(backend.pool.counts, { open: 0, idle: 0, dialing: 0, waiting: 0 });
      pools.close();
    });

    it('lets calls in progress end when it is closed, and gives no further one', async (t) => {
      const peer = await serve(t, protocol, true);
      const { backend, pools } = openPool(peer.port, protocol);
      const call = new TestCall(backend);
      await peer.requests.waitFor(() => peer.requests.length === 1);
      pools.close();
      assert.equal(backend.pool.counts.open, 1);
      peer.requests.items[0]?.answer();
      assert.equal((await call.answer).status, 200);
      await eventually(() => backend.pool.counts.open === 0, { what: 'the connection to close' });
    });

    it('is probed over the same protocol', async (t) => {
      const peer = await serve(t, protocol, false);
      const setup = makeDependencies(undefined, undefined, protocol.protocols);
      const config = {
        path: '/health',
        intervalMs: 60_000,
        timeoutMs: 5000,
        healthyStatuses: [],
        healthyThreshold: 1,
        unhealthyThreshold: 1,
        host: undefined,
        headers: [],
      };
      const endpoint = { scheme: 'http', host: '127.0.0.1', port: peer.port } as const;
      const check = new HealthCheck({ endpoint, identity: undefined, config, dependencies: setup });
      check.begin();
      t.after(() => check.close());
      await peer.requests.waitFor(({ path }) => path === '/health');
      await once(peer.accepted.items[0] as net.Socket, 'close');
      assert.equal(check.state().healthy, true);
    });
  });
}

describe('a capacity that changes', () => {
  it('lets waiters in when it grows, and no further call when it falls to nothing: another connection is opened', async (t) => {
    const peer = await serve(t, many, true);
    const { backend, pools } = openPool(peer.port, many, { maxConnsPerHost: 1 });
    const calls = start(backend, 4);
    await peer.requests.waitFor(() => peer.requests.length === 3);
    assert.equal(backend.pool.counts.waiting, 1);
    peer.accepted.items[0]?.write('0 5\n');
    await peer.requests.waitFor(() => peer.requests.length === 4);
    peer.accepted.items[0]?.write('0 0\n');
    for (const request of peer.requests.items) request.answer();
    await Promise.all(calls.map((call) => call.answer));
    await once(peer.accepted.items[0] as net.Socket, 'close');
    assert.equal(backend.pool.counts.open, 0);
    start(backend, 1);
    await peer.requests.waitFor(() => peer.requests.length === 5);
    assert.equal(peer.accepted.length, 2);
    pools.close();
  });
});
