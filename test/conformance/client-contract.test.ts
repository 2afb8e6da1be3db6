// The contract of client connections (src/http/client-connection.ts), of every protocol that there is, over plain TCP and
// over TLS: how they are drained, dismissed and destroyed, what they say that they serve, and what their owner is told.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import tls from 'node:tls';
import { Deadlines } from '../../src/base/deadline.ts';
import { Fault } from '../../src/base/fault.ts';
import { mintCa } from '../../src/certs/test-ca.ts';
import { ClientProtocols, http2Protocol, type AcceptedSocket } from '../../src/downstream/protocols.ts';
import type { ClientConnection } from '../../src/http/client-connection.ts';
import type { Exchange } from '../../src/http/exchange.ts';
import { FieldBlock } from '../../src/http/field.ts';
import { defaultHttpLimits } from '../../src/http/limits.ts';
import { serverTimeouts } from '../support/server-timeouts.ts';
import { BufferPool } from '../../src/http/buffer-pool.ts';
import { TurnEnd } from '../../src/http/turn-end.ts';
import { Http2Shared } from '../../src/http2/shared.ts';
import { DateField } from '../../src/http/date-field.ts';
import { eventually, Feed } from '../support/wait-for.ts';
import { preface, emptySettings, frame } from '../support/http2-frames.ts';
import { HandClock, Listening, names } from './http1-harness.ts';
import { FrameSplitter, headers, request, requestLines, Type } from './http2-harness.ts';

/** A client that speaks the protocol by hand. */
type Protocol = {
  readonly title: string;
  readonly protocols: ClientProtocols;
  /** What the client offers; '' nothing, so that its first bytes say what it speaks. */
  readonly alpn: string;
  /** Requests do not wait for each other, so that one need not end the connection. */
  readonly isMultiplexed: boolean;
  /** What a client says before it asks. */
  readonly greeting: string;
  /** What a client says by itself to what it received. */
  replies(received: string): string[];
  request(path: string): string;
  /** A request with a body of `length` bytes, of which none is sent. */
  upload(path: string, length: number): string;
  /** Status codes of the answers in what was received. */
  statuses(received: string): number[];
};

const http1: Protocol = {
  title: 'HTTP/1.1',
  protocols: new ClientProtocols(),
  alpn: 'http/1.1',
  isMultiplexed: false,
  greeting: '',
  replies: () => [],
  request: (path) => `GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`,
  upload: (path, length) => `POST ${path} HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${length}\r\n\r\n`,
  statuses: (received) => [...received.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => Number(status)),
};

/** Of any connection: they only have to grow. */
let lastStream = -1;
const nextStream = (): number => (lastStream += 2);

const http2: Protocol = {
  title: 'HTTP/2',
  protocols: new ClientProtocols([http2Protocol]),
  alpn: 'h2',
  isMultiplexed: true,
  greeting: Buffer.concat([preface, emptySettings]).toString('latin1'),
  replies: (received) =>
    split(received)
      .filter(({ type, flags }) => type === Type.ping && flags === 0)
      .map(({ payload }) => frame(Type.ping, 1, 0, payload).toString('latin1')),
  request: (path) => request(nextStream(), path).toString('latin1'),
  upload: (path, length) =>
    headers(nextStream(), requestLines('POST', path, [['content-length', String(length)]])).toString('latin1'),
  statuses: (received) =>
    split(received)
      .filter(({ type }) => type === Type.headers)
      .map(({ text }) => Number(text.split(' ')[2])),
};

const split = (received: string) => new FrameSplitter('client').add(Buffer.from(received, 'latin1'));

const ca = await mintCa();
const pair = await ca.issue({ kind: 'server', sans: ['a.test'] });

class Client {
  readonly socket: net.Socket;
  readonly #protocol: Protocol;
  received = '';
  ending: string | undefined;
  #replied = 0;
  #isWithin = false;

  constructor(socket: net.Socket, protocol: Protocol) {
    this.socket = socket;
    this.#protocol = protocol;
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      this.received += chunk;
      this.#reply();
    });
    this.send(protocol.greeting);
    socket.on('end', () => (this.ending ??= 'end'));
    socket.on('error', (error: NodeJS.ErrnoException) => (this.ending ??= error.code));
    socket.on('close', () => (this.ending ??= 'close'));
  }

  /** `isPart`: the rest of what is begun comes with the next one. */
  send(text: string, isPart = false): this {
    this.socket.write(text, 'latin1');
    this.#isWithin = isPart;
    this.#reply();
    return this;
  }

  #reply(): void {
    if (this.#isWithin) return;
    const replies = this.#protocol.replies(this.received).slice(this.#replied);
    this.#replied += replies.length;
    for (const reply of replies) this.socket.write(reply, 'latin1');
  }

  get statuses(): number[] {
    return this.#protocol.statuses(this.received);
  }

  async answers(count: number): Promise<number[]> {
    await eventually(() => this.statuses.length >= count, { what: `${count} answers` });
    return this.statuses;
  }

  async end(): Promise<number[]> {
    await eventually(() => this.ending !== undefined, { what: 'the connection to end' });
    return this.statuses;
  }
}

async function open(t: TestContext, protocol: Protocol, secure: boolean) {
  const clock = new HandClock();
  const exchanges = new Feed<Exchange>('requests');
  const closed = new Feed<ClientConnection>('closed');
  const connections = new Feed<ClientConnection>('connections');
  const options = {
    names,
    limits: defaultHttpLimits,
    timeouts: serverTimeouts,
    deadlines: new Deadlines(clock),
    clock,
    date: new DateField(clock),
    buffers: new BufferPool(),
    turn: new TurnEnd(),
    http2: new Http2Shared(names),
    maxConcurrentStreams: 100,
    priorKnowledge: true,
  };
  const handler = { onRequest: (exchange: Exchange) => exchanges.push(exchange), onBadRequest: () => {} };
  const owner = { onClosed: (connection: ClientConnection) => closed.push(connection) };
  const take = (accepted: AcceptedSocket): void =>
    connections.push(protocol.protocols.open(accepted, options, handler, owner));
  const listener = net.createServer((transport) => {
    transport.on('error', () => {});
    if (!secure) return take({ socket: transport, transport });
    const socket = new tls.TLSSocket(transport, {
      isServer: true,
      cert: pair.chainPem,
      key: pair.keyPem,
      ALPNProtocols: ['h2', 'http/1.1'],
    });
    socket.on('error', () => {});
    socket.once('secure', () => take({ socket, transport }));
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const socket = secure
    ? tls.connect({
        port,
        host: '127.0.0.1',
        ca: ca.rootPem,
        servername: 'a.test',
        ...(protocol.alpn !== '' && { ALPNProtocols: [protocol.alpn] }),
      })
    : net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const client = new Client(socket, protocol);
  t.after(() => {
    socket.destroy();
    listener.close();
  });
  const connection = await connections.waitFor(() => true);
  return { client, connection, clock, exchanges, closed, protocol };
}

const answer = (exchange: Exchange, status = 200): void => exchange.respond(status, FieldBlock.empty, 'ok');

/** Both, from clients without ALPN. */
const unsaid = [
  { ...http1, protocols: http2.protocols, title: 'HTTP/1.1 without ALPN', alpn: '' },
  { ...http2, title: 'HTTP/2 by prior knowledge', alpn: '' },
];

for (const protocol of [http1, http2, ...unsaid]) {
  // Over plain TCP nothing but HTTP/1.1 is spoken.
  for (const secure of protocol === http1 ? [false, true] : [true]) {
    describe(`a client connection of ${protocol.title} over ${secure ? 'TLS' : 'plain TCP'}`, () => {
      it('says how many requests it serves', async (t) => {
        const { client, connection, exchanges } = await open(t, protocol, secure);
        assert.equal(connection.activeRequests, 0);
        client.send(protocol.request('/a'));
        const exchange = await exchanges.waitFor(() => true);
        assert.equal(connection.activeRequests, 1);
        answer(exchange);
        assert.equal(connection.activeRequests, 0);
        assert.deepEqual(await client.answers(1), [200]);
      });

      it('ends at once when it is drained and serves nothing, and tells its owner once', async (t) => {
        const { client, connection, closed } = await open(t, protocol, secure);
        connection.drain();
        assert.deepEqual(await client.end(), []);
        assert.equal(client.ending, 'end');
        client.socket.end();
        assert.equal(await closed.waitFor(() => true), connection);
        connection.destroy();
        connection.drain();
        connection.dismiss();
        connection.drainAfterFirst();
        await new Promise(setImmediate);
        assert.equal(closed.length, 1);
      });

      it('answers what it serves when it is drained, then ends', async (t) => {
        const { client, connection, exchanges } = await open(t, protocol, secure);
        client.send(protocol.request('/a'));
        const exchange = await exchanges.waitFor(() => true);
        connection.drain();
        assert.equal(connection.activeRequests, 1);
        answer(exchange);
        assert.deepEqual(await client.end(), [200]);
        assert.equal(client.ending, 'end');
        assert.equal(exchanges.length, 1);
      });

      it('answers a request whose head was on its way when it was drained, but not when it was dismissed', async (t) => {
        for (const [end, statuses] of [
          ['drain', [200]],
          ['dismiss', []],
        ] as const) {
          const { client, connection, exchanges } = await open(t, protocol, secure);
          const first = protocol.request('/first');
          const head = protocol.request('/a');
          // The first request makes sure that the half of the second, sent with it, was received.
          client.send(first + head.slice(0, 10), true);
          answer(await exchanges.waitFor(() => true));
          await client.answers(1);
          connection[end]();
          client.send(head.slice(10));
          if (end === 'drain') answer(await exchanges.waitFor(() => true, { from: 1 }));
          assert.deepEqual(await client.end(), [200, ...statuses]);
          assert.equal(exchanges.length, 1 + statuses.length);
        }
      });

      it('answers what it serves when it is dismissed, and nothing that was sent behind it', async (t) => {
        const { client, connection, exchanges } = await open(t, protocol, secure);
        const behind = protocol.isMultiplexed ? '' : protocol.request('/b');
        client.send(protocol.request('/a') + behind);
        const exchange = await exchanges.waitFor(() => true);
        connection.dismiss();
        client.send(protocol.request('/c'));
        answer(exchange);
        assert.deepEqual(await client.end(), [200]);
        assert.equal(exchanges.length, 1);
      });

      it('that has asked nothing yet is answered once when it is drained after its first request', async (t) => {
        const { client, connection, exchanges } = await open(t, protocol, secure);
        connection.drainAfterFirst();
        await new Promise(setImmediate);
        assert.equal(client.ending, undefined);
        client.send(protocol.request('/a'));
        answer(await exchanges.waitFor(() => true));
        assert.deepEqual(await client.end(), [200]);
      });

      it('that has asked before ends at once when it is drained after its first request', async (t) => {
        const { client, connection, exchanges } = await open(t, protocol, secure);
        client.send(protocol.request('/a'));
        answer(await exchanges.waitFor(() => true));
        await client.answers(1);
        connection.drainAfterFirst();
        assert.deepEqual(await client.end(), [200]);
      });

      it('that asks nothing is not waited for longer than its first head may take', async (t) => {
        const { client, connection, clock } = await open(t, protocol, secure);
        connection.drainAfterFirst();
        clock.turn(serverTimeouts.headMs + 1000);
        assert.deepEqual(await client.end(), []);
      });

      it('fails what it serves, once, before destroy returns; afterwards nothing is served', async (t) => {
        const { client, connection, exchanges, closed } = await open(t, protocol, secure);
        client.send(protocol.upload('/a', 10));
        const exchange = await exchanges.waitFor(() => true);
        const faults: string[] = [];
        const sink = new Listening();
        sink.onClientFailure = ({ code }: Fault) => void faults.push(`${code}, told ${closed.length}`);
        exchange.receive(sink, 0);
        connection.destroy(new Fault('draining', 'gateway'));
        assert.deepEqual(faults, ['draining, told 0']);
        assert.equal(connection.activeRequests, 0);
        assert.equal(exchange.canRespond, false);
        answer(exchange);
        await closed.waitFor(() => true);
        connection.destroy();
        assert.deepEqual([await client.end(), faults.length, closed.length], [[], 1, 1]);
      });

      it('tells the owner of a client that goes away', async (t) => {
        const { client, connection, closed } = await open(t, protocol, secure);
        client.socket.destroy();
        assert.equal(await closed.waitFor(() => true), connection);
      });

      describe('whose request waits before its body is wanted', () => {
        it('tells the watcher of a client that goes away, and nobody afterwards', async (t) => {
          const { client, exchanges } = await open(t, protocol, secure);
          client.send(protocol.upload('/a', 10));
          const exchange = await exchanges.waitFor(() => true);
          const failed = Promise.withResolvers<Fault>();
          exchange.watch({ onClientFailure: (fault) => failed.resolve(fault) });
          client.socket.destroy();
          assert.equal((await failed.promise).code, 'client_aborted');
          assert.equal(exchange.canRespond, false);
          const late = Promise.withResolvers<Fault>();
          exchange.watch({ onClientFailure: (fault) => late.resolve(fault) });
          assert.equal(await late.promise, await failed.promise);
        });

        // With windows the client counts for itself: conformance/http2-server.
        if (!protocol.isMultiplexed) {
          it('takes nothing of its body but what may be held, loses nothing, and delivers all of it afterwards', async (t) => {
            const { client, exchanges } = await open(t, protocol, secure);
            const body = 'x'.repeat(32_000_000);
            client.send(protocol.upload('/a', body.length));
            const exchange = await exchanges.waitFor(() => true);
            exchange.watch({ onClientFailure: ({ code }) => assert.fail(code) });
            client.send(body);
            // The kernel takes what it can; the rest stays with the client for as long as nobody reads.
            await eventually(() => client.socket.bytesWritten > 0, { what: 'the client to write' });
            for (let i = 0; i < 50; i++) await new Promise(setImmediate);
            assert.equal(exchange.receivedBytes, 0);
            assert.ok(client.socket.writableLength > 0, 'everything was taken from the client');
            const sink = new Listening();
            exchange.receive(sink, 0);
            assert.equal((await sink.ended.promise).length, body.length);
            answer(exchange);
            assert.deepEqual(await client.answers(1), [200]);
          });
        }

        it('is told when the whole request is late, and may still answer', async (t) => {
          const { client, clock, exchanges } = await open(t, protocol, secure);
          client.send(protocol.upload('/a', 10));
          const exchange = await exchanges.waitFor(() => true);
          exchange.watch({ onClientFailure: ({ status }) => answer(exchange, status) });
          clock.turn(serverTimeouts.requestMs + 1000);
          assert.deepEqual(await (protocol.isMultiplexed ? client.answers(1) : client.end()), [408]);
        });

        it('has no limit on an answer that takes long where nothing is to come from the client', async (t) => {
          const { client, clock, exchanges } = await open(t, protocol, secure);
          client.send(protocol.request('/a'));
          const exchange = await exchanges.waitFor(() => true);
          exchange.watch({ onClientFailure: ({ code }) => assert.fail(code) });
          clock.turn(serverTimeouts.requestMs + 60_000);
          answer(exchange);
          assert.deepEqual(await client.answers(1), [200]);
        });
      });
    });
  }
}
