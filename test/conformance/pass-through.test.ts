// Connections that are passed through, over real sockets: bytes and ends both ways, back-pressure, limits of every wait, TLS that is
// told apart by server name and ends at its target, and targets that are told who connects. A port with its log is a journey.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { after, before, describe, it, type TestContext } from 'node:test';
import tls from 'node:tls';
import { Deadlines } from '../../src/base/deadline.ts';
import { Fault } from '../../src/base/fault.ts';
import type { Forward } from '../../src/config/gateway-config.ts';
import { NameResolver } from '../../src/dns/name-resolver.ts';
import { addressOf } from '../../src/downstream/peer.ts';
import { type PassedEnd, PassedConnection } from '../../src/passthrough/connection.ts';
import { Targets } from '../../src/passthrough/target.ts';
import { readProxyHeader } from '../../src/proxy-protocol/reader.ts';
import { captureClientHello } from '../support/client-hello.ts';
import { findFreePort } from '../support/free-port.ts';
import { openPki, type Pki } from '../support/pki.ts';
import { resolverSettings } from '../support/resolver-settings.ts';
import { eventually, Feed } from '../support/wait-for.ts';
import { HandClock } from './upstream-setup.ts';

let pki: Pki;
before(async () => {
  pki = await openPki();
});
after(() => pki.remove());

const silent = { onLookUp: () => undefined, onAddresses: () => undefined, onLookUpFailure: () => undefined };
const times = { helloMs: 5_000, connectMs: 10_000, idleMs: 100_000 };

/** A target of the test's: its connections, as they come. */
async function startTarget(t: TestContext, options: net.ServerOpts = {}) {
  const sockets = new Feed<Socket>('connections to the target');
  const server = net.createServer({ allowHalfOpen: true, ...options }, (socket) => {
    socket.on('error', () => undefined);
    sockets.push(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets.items) socket.destroy();
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

type ForwardTo = { readonly port: number } & Partial<Forward>;

async function open(t: TestContext, forwards: readonly ForwardTo[], idleMs = times.idleMs) {
  const clock = new HandClock();
  const resolver = new NameResolver({ clock, random: () => 0, events: silent, settings: resolverSettings });
  const place = { file: 'test.yml', line: 1, col: 1 };
  const byDefault = { host: '127.0.0.1', serverNames: [], sendProxyProtocol: undefined, place };
  const targets = new Targets(
    forwards.map((forward) => ({ ...byDefault, ...forward })),
    { clock, resolver, random: () => 0 },
  );
  const deadlines = new Deadlines(clock);
  const ends = new Feed<PassedEnd>('ends');
  const connections = new Feed<PassedConnection>('connections');
  const owner = {
    onConnected: () => undefined,
    onConnectFailure: () => undefined,
    onOver: (_connection: PassedConnection, end: PassedEnd) => ends.push(end),
  };
  const listener = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const connection = new PassedConnection(
      socket,
      addressOf(socket),
      targets,
      { ...times, idleMs },
      { clock, deadlines },
      owner,
    );
    connection.begin();
    connections.push(connection);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const clients = new Set<Socket>();
  t.after(() => {
    listener.close();
    for (const client of clients) client.destroy();
    for (const connection of connections.items) connection.destroy(new Fault('draining', 'gateway'));
    targets.close();
    resolver.close();
  });
  const connect = async (): Promise<Socket> => {
    const client = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    clients.add(client);
    client.on('error', () => undefined);
    await once(client, 'connect');
    return client;
  };
  /** As a sweep of deadlines finds it. */
  const pass = (ms: number): void => clock.advance(ms + 100);
  return { port, clock, deadlines, ends, connections, connect, pass };
}

/** What is read until there are that many bytes. */
async function take(socket: Socket, count: number): Promise<string> {
  let found = '';
  while (found.length < count) {
    const chunk: unknown = socket.read() ?? (await once(socket, 'readable'), socket.read());
    if (Buffer.isBuffer(chunk)) found += chunk.toString('latin1');
  }
  return found;
}

/** All that comes until the other side has ended; the socket may still be written to. */
async function untilEnd(socket: Socket): Promise<string> {
  let found = '';
  socket.on('data', (chunk: Buffer) => (found += chunk.toString('latin1')));
  await once(socket, 'end');
  return found;
}

/** Ended or reset, nothing more comes. */
async function untilGone(socket: Socket): Promise<void> {
  socket.resume();
  await new Promise<void>((resolve) => {
    socket.once('end', resolve);
    socket.once('close', () => resolve());
  });
}

describe('a connection that is passed through', () => {
  it('carries bytes both ways, and counts them', async (t) => {
    const target = await startTarget(t);
    const { connect, ends } = await open(t, [target]);
    const client = await connect();
    client.write('hello');
    const there = await target.sockets.waitFor(() => true);
    assert.equal(await take(there, 5), 'hello');
    there.write('good day');
    assert.equal(await take(client, 8), 'good day');
    client.end();
    there.end();
    const { fault, receivedBytes, sentBytes, target: name } = await ends.waitFor(() => true);
    assert.deepEqual([fault, receivedBytes, sentBytes, name], [undefined, 5, 8, `127.0.0.1:${target.port}`]);
  });

  it('lets either side end first, and the other go on', async (t) => {
    const target = await startTarget(t);
    const { connect, ends } = await open(t, [target]);
    for (const clientFirst of [true, false]) {
      const from = target.sockets.length;
      const client = await connect();
      const there = await target.sockets.waitFor(() => true, { from });
      const [first, second] = clientFirst ? [client, there] : [there, client];
      first.end('the end');
      assert.equal(await untilEnd(second), 'the end');
      second.write('but ');
      second.end('more');
      assert.equal(await untilEnd(first), 'but more');
    }
    await ends.waitFor(() => ends.length === 2);
    assert.deepEqual(
      ends.items.map(({ fault }) => fault),
      [undefined, undefined],
    );
  });

  it('waits for a slow reader instead of keeping what the other side sends', async (t) => {
    const target = await startTarget(t, { pauseOnConnect: true });
    const { connect } = await open(t, [target]);
    const client = await connect();
    const there = await target.sockets.waitFor(() => true);
    const chunk = Buffer.alloc(1_000_000, 'x');
    const total = 100;
    let written = 0;
    const write = (): void => {
      while (written < total) {
        written += 1;
        if (!client.write(chunk)) break;
      }
      if (written === total) client.end();
    };
    client.on('drain', write);
    write();
    // Nobody reads: the client is held up long before its hundred megabytes are gone.
    let last = -1;
    await eventually(() => client.writableNeedDrain && last === (last = client.bytesWritten - client.writableLength), {
      what: 'the client to be held up',
    });
    assert.ok(written < total, `${written} MB were taken`);
    let read = 0;
    there.on('data', (piece: Buffer) => (read += piece.length)).resume();
    await once(there, 'end');
    assert.equal(read, total * chunk.length);
  });

  it('that one side resets is reset on the other, so that nobody takes it for complete', async (t) => {
    const target = await startTarget(t);
    const { connect, ends } = await open(t, [target]);
    for (const [clientBreaks, code] of [
      [true, 'client_aborted'],
      [false, 'backend_closed'],
    ] as const) {
      const from = target.sockets.length;
      const client = await connect();
      client.write('x');
      const there = await target.sockets.waitFor(() => true, { from });
      await take(there, 1);
      const [breaks, hears] = clientBreaks ? [client, there] : [there, client];
      const heard = once(hears, 'error');
      hears.resume();
      breaks.resetAndDestroy();
      const [error] = (await heard) as [NodeJS.ErrnoException];
      assert.equal(error.code, 'ECONNRESET');
      const end = await ends.waitFor(({ fault }) => fault?.code === code);
      assert.equal(end.fault?.source, clientBreaks ? 'client' : 'backend');
    }
  });

  it('ends where neither side says anything for too long, sooner where one has ended', async (t) => {
    const target = await startTarget(t);
    const { connect, ends, pass, deadlines } = await open(t, [target]);
    const client = await connect();
    client.write('x');
    const there = await target.sockets.waitFor(() => true);
    await take(there, 1);
    pass(99_000);
    there.write('y');
    await take(client, 1);
    pass(99_000);
    assert.equal(ends.length, 0, 'a byte in either direction is enough');
    pass(1_000);
    assert.equal((await ends.waitFor(() => true)).fault?.code, 'tunnel_idle');
    await untilGone(client);

    const half = await connect();
    half.end('x');
    const other = await target.sockets.waitFor(() => true, { from: 1 });
    await untilEnd(other);
    pass(60_000);
    assert.match((await ends.waitFor(() => true, { from: 1 })).fault?.detail ?? '', /one side had ended/);
    assert.equal(deadlines.size, 0);
  });

  it('is refused where nobody listens at the target, and keeps no bytes', async (t) => {
    const { connect, ends } = await open(t, [{ port: await findFreePort() }]);
    const client = await connect();
    client.write('x');
    const gone = untilGone(client);
    const { fault } = await ends.waitFor(() => true);
    assert.deepEqual([fault?.code, fault?.source], ['refused', 'backend']);
    await gone;
  });

  it('ends with the gateway', async (t) => {
    const target = await startTarget(t);
    const { connect, ends, connections } = await open(t, [target]);
    await connect();
    await target.sockets.waitFor(() => true);
    connections.items[0]?.destroy(new Fault('draining', 'gateway'));
    assert.equal((await ends.waitFor(() => true)).fault?.code, 'draining');
  });

  for (const sendProxyProtocol of [1, 2] as const)
    it(`tells a target who connects, in version ${sendProxyProtocol} of the PROXY protocol, before anything else`, async (t) => {
      const target = await startTarget(t);
      const { connect, port } = await open(t, [{ ...target, sendProxyProtocol }]);
      const client = await connect();
      client.end('hello');
      const there = await target.sockets.waitFor(() => true);
      const bytes = Buffer.from(await untilEnd(there), 'latin1');
      const header = readProxyHeader(bytes);
      assert.ok(header.kind === 'header');
      assert.deepEqual(
        [header.version, header.addresses],
        [
          sendProxyProtocol,
          {
            source: { address: '127.0.0.1', port: client.localPort },
            destination: { address: '127.0.0.1', port },
          },
        ],
      );
      assert.equal(bytes.toString('latin1', header.length), 'hello');
    });
});

describe('TLS that is told apart by server name', () => {
  /** Ends TLS, and answers with its name. */
  async function startTls(t: TestContext, name: string) {
    const { chainPem: cert, keyPem: key } = await pki.servers.issue({ kind: 'server', sans: ['*.wild.test', name] });
    const server = tls.createServer({ cert, key }, (socket) => {
      socket.on('error', () => undefined);
      socket.end(name);
    });
    server.on('tlsClientError', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    return (server.address() as AddressInfo).port;
  }

  async function openTwo(t: TestContext) {
    const [a, b] = [await startTls(t, 'a.test'), await startTls(t, 'b.test')];
    const setup = await open(t, [
      { port: a, serverNames: ['a.test'] },
      { port: b, serverNames: ['b.test', '*.wild.test'] },
    ]);
    const ask = async (servername: string): Promise<string> => {
      const socket = tls.connect({ host: '127.0.0.1', port: setup.port, servername, ca: pki.servers.certPem });
      return untilEnd(socket);
    };
    return { ...setup, ask };
  }

  it('ends at the target of its name, with that target’s own certificate', async (t) => {
    const { ask, ends } = await openTwo(t);
    assert.equal(await ask('a.test'), 'a.test');
    assert.equal(await ask('b.test'), 'b.test');
    assert.equal(await ask('x.wild.test'), 'b.test');
    const names = await ends
      .waitFor(() => ends.length === 3)
      .then(() => ends.items.map(({ serverName }) => serverName));
    assert.deepEqual(
      names.toSorted((one, other) => one.localeCompare(other)),
      ['a.test', 'b.test', 'x.wild.test'],
    );
  });

  it('is refused with an alert where the name leads nowhere', async (t) => {
    const { ask, ends } = await openTwo(t);
    await assert.rejects(ask('c.test'), { code: 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME' });
    const { fault, target, serverName } = await ends.waitFor(() => true);
    assert.deepEqual([fault?.code, target, serverName], ['unknown_sni', '', 'c.test']);
  });

  it('is refused without a server name, and where the first bytes are not TLS', async (t) => {
    const { port, connect, ends } = await openTwo(t);
    const nameless = tls.connect({ host: '127.0.0.1', port, ca: pki.servers.certPem });
    await assert.rejects(untilEnd(nameless), { code: 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME' });
    assert.equal((await ends.waitFor(() => true)).fault?.code, 'unknown_sni');
    const plain = await connect();
    plain.write('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    await untilGone(plain);
    assert.equal((await ends.waitFor(() => true, { from: 1 })).fault?.code, 'not_tls');
  });

  it('is found where the ClientHello comes a byte at a time, and refused where it never ends', async (t) => {
    const { connect, ends, pass } = await openTwo(t);
    const hello = await captureClientHello('a.test');
    const client = await connect();
    client.setNoDelay(true);
    for (const byte of hello) client.write(Buffer.of(byte));
    // The target speaks: it had the whole ClientHello.
    await once(client, 'readable');
    client.destroy();
    await ends.waitFor(({ target }) => target !== '');

    const stuck = await connect();
    stuck.write(hello.subarray(0, hello.length - 1));
    await eventually(() => stuck.bytesWritten === hello.length - 1, { what: 'the bytes to go out' });
    pass(times.helloMs);
    assert.equal((await ends.waitFor(({ fault }) => fault?.code === 'timeout')).fault?.source, 'client');
    await untilGone(stuck);
  });
});
