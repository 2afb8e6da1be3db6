// PROXY headers in front of TLS, and limits of one client, with real sockets: whose headers are believed, what happens to all
// others, and that nobody pays for somebody who is slow.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, afterEach, before, describe, test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Issued } from '../../src/certs/test-ca.ts';
import { systemClock } from '../../src/base/clock.ts';
import { diagnoseHandshake } from '../../src/diagnosis/diagnose-handshake.ts';
import { loadTarget } from '../../src/diagnosis/target.ts';
import { ProxySources } from '../../src/downstream/proxy-sources.ts';
import { writeProxyHeader } from '../../src/proxy-protocol/writer.ts';
import { captureClientHello } from '../support/client-hello.ts';
import { type Authority, openAuthority } from '../support/pki.ts';
import { openTempDir } from '../support/temp.ts';
import { HandClock } from './http1-harness.ts';
import { type Edge, type EdgeOptions, openEdge } from './tls-edge.ts';

const dir = openTempDir('proxy-protocol');
let ca: Authority;
let server: Issued;
let alice: Issued;

before(async () => {
  ca = await openAuthority(dir, 'ca');
  [server, alice] = await Promise.all([
    ca.issue({ kind: 'server', sans: ['a.test'] }),
    ca.issue({ kind: 'client', cn: 'alice' }),
  ]);
});
after(() => dir.remove());

const dialled = new Set<Socket>();
afterEach(() => {
  for (const socket of dialled) socket.destroy();
  dialled.clear();
});

const local = '127.0.0.1/32';
const destination = { address: '198.51.100.9', port: 443 };
const headerOf = (address: string, version: 1 | 2 = 2, port = 12_345): Buffer =>
  writeProxyHeader(version, { source: { address, port }, destination });

/** An edge that takes local connections for a balancer's; `keep`: served connections stay open. */
async function open(options: Partial<EdgeOptions> = {}, keep = true): Promise<Edge> {
  return openEdge({
    policies: { a: { server, ca: ca.certPem } },
    admission: { proxySources: new ProxySources({ from: [local], others: 'direct' }) },
    ...(keep && { onConnection: (socket: Socket) => socket.resume() }),
    ...options,
  });
}

async function dial({ port }: Edge): Promise<{ socket: Socket; closed: Promise<unknown> }> {
  const socket = connect(port, '127.0.0.1');
  dialled.add(socket);
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.on('close', resolve));
  await once(socket, 'connect');
  return { socket, closed };
}

function startTls(socket: Socket): TLSSocket {
  const credentials = { cert: alice.chainPem, key: alice.keyPem };
  const tls = connectTls({ socket, servername: 'a.test', ...credentials, rejectUnauthorized: false });
  tls.on('error', () => {});
  return tls;
}

/** A client behind the balancer: header, then TLS. */
async function come(edge: Edge, header: Buffer): Promise<{ tls: TLSSocket; closed: Promise<unknown> }> {
  const { socket, closed } = await dial(edge);
  socket.write(header);
  return { tls: startTls(socket), closed };
}

describe('a connection of a balancer', () => {
  test('is its client’s, with address and port of the header, in both versions and both families', async () => {
    using edge = await open();
    const expected: [string, number, string | undefined][] = [];
    for (const version of [1, 2] as const) {
      for (const address of ['192.0.2.1', '2001:db8::1']) {
        const from = edge.peers.length;
        const { tls } = await come(edge, headerOf(address, version));
        await edge.peers.waitFor(() => true, { from });
        expected.push([address, 12_345, '127.0.0.1']);
        tls.destroy();
      }
    }
    assert.deepEqual(
      edge.peers.items.map(({ remoteAddress, remotePort, balancer }) => [remoteAddress, remotePort, balancer]),
      expected,
    );
    assert.deepEqual([edge.refusals.length, edge.defects.length, edge.listener.pending], [0, 0, 0]);
  });

  test('is served whether header and ClientHello come in one piece or byte by byte', async () => {
    using edge = await open();
    const hello = await captureClientHello('a.test');
    for (const header of [headerOf('192.0.2.1', 1), headerOf('192.0.2.1', 2)]) {
      const bytes = Buffer.concat([header, hello]);
      const whole = await dial(edge);
      whole.socket.write(bytes);
      // The first flight of the server: the handshake has begun, and it was our ClientHello.
      const [first] = (await once(whole.socket, 'data')) as [Buffer];
      assert.equal(first[0], 22);
      whole.socket.destroy();
      const dripped = await dial(edge);
      dripped.socket.setNoDelay(true);
      for (const byte of bytes) await new Promise((resolve) => dripped.socket.write(Buffer.from([byte]), resolve));
      const [again] = (await once(dripped.socket, 'data')) as [Buffer];
      assert.equal(again[0], 22);
      dripped.socket.destroy();
    }
  });

  test('is the balancer’s own where it says LOCAL or UNKNOWN, and none where it only looks whether the port is open', async () => {
    using edge = await open();
    for (const version of [1, 2] as const) {
      const from = edge.peers.length;
      const { tls } = await come(edge, writeProxyHeader(version, undefined));
      assert.equal((await edge.peers.waitFor(() => true, { from })).remoteAddress, '127.0.0.1');
      tls.destroy();
    }
    const silent = await dial(edge);
    silent.socket.end();
    silent.socket.resume();
    await silent.closed;
    assert.equal(edge.refusals.length, 0);
    assert.equal(edge.listener.pending, 0);
  });

  test('is nobody’s where it was reset before it was accepted, as health checks do with a header sent', async () => {
    using edge = await open();
    const ended: Promise<unknown>[] = [];
    for (let count = 0; count < 100; count += 1) {
      const socket = connect(edge.port, '127.0.0.1');
      socket.on('error', () => {});
      ended.push(new Promise((resolve) => socket.on('close', resolve)));
      socket.on('connect', () => socket.write(writeProxyHeader(2, undefined), () => socket.resetAndDestroy()));
    }
    await Promise.all(ended);
    const { tls } = await come(edge, headerOf('192.0.2.1'));
    await edge.peers.waitFor(() => true);
    assert.deepEqual([edge.refusals.items, edge.defects], [[], []]);
    tls.destroy();
  });

  test('is refused without a header, with a broken one, and with two', async () => {
    using edge = await open();
    const hello = await captureClientHello('a.test');
    const spoilt = headerOf('192.0.2.1');
    spoilt[20] = (spoilt[20] as number) ^ 1;
    const cases: [Buffer, string, RegExp][] = [
      [hello, 'bad_proxy_header', /^no PROXY header, and this address has to send one$/],
      [Buffer.from('PROXY TCP4 a.test 192.0.2.9 1 2\r\n'), 'bad_proxy_header', /PROXY header: its line is not/],
      [Buffer.from(`PROXY ${'x'.repeat(200)}`), 'bad_proxy_header', /no end of the line within 107 bytes/],
      [spoilt, 'bad_proxy_header', /its checksum is wrong/],
      [Buffer.concat([headerOf('192.0.2.1'), headerOf('192.0.2.2')]), 'untrusted_proxy', /two PROXY headers/],
      [Buffer.concat([headerOf('192.0.2.1'), headerOf('192.0.2.2', 1)]), 'untrusted_proxy', /two PROXY headers/],
    ];
    for (const [bytes, code, detail] of cases) {
      const from = edge.refusals.length;
      const { socket, closed } = await dial(edge);
      socket.resume();
      socket.write(bytes);
      await closed;
      const record = await edge.refusals.waitFor(() => true, { from });
      assert.equal(record.code, code);
      assert.match(record.detail, detail);
    }
    assert.deepEqual([edge.peers.length, edge.listener.pending], [0, 0]);
    assert.equal(edge.refusals.items[4]?.remoteAddress, '192.0.2.1', 'whoever was named first');
  });

  test('that is slow with its header is ended by the deadline of the handshake, and others are served meanwhile', async () => {
    const clock = new (class extends HandClock {
      override now = () => Date.now();
    })();
    using edge = await open({ clock, handshakeTimeoutMs: 5_000 });
    const header = headerOf('192.0.2.1', 1);
    const slow = await dial(edge);
    slow.socket.resume();
    const { tls } = await come(edge, headerOf('192.0.2.2'));
    await edge.peers.waitFor(({ remoteAddress }) => remoteAddress === '192.0.2.2');
    for (let at = 0; at < 10; at += 1) {
      await new Promise((resolve) => slow.socket.write(header.subarray(at, at + 1), resolve));
      clock.turn(400);
    }
    assert.equal(edge.listener.pending, 1, 'it is waited for as long as the handshake may take');
    clock.turn(2_000);
    await slow.closed;
    const record = await edge.refusals.waitFor(() => true);
    assert.deepEqual([record.code, record.remoteAddress], ['timeout', '127.0.0.1']);
    assert.match(record.detail, /the PROXY header was not finished in time/);
    tls.destroy();
  });

  test('that waits with its header keeps out nobody: the oldest gives way', async () => {
    using edge = await open({ pendingHandshakes: { max: 2, maxPerNetwork: 1 } });
    const waiting = [await dial(edge), await dial(edge)];
    for (const { socket } of waiting) socket.write('PROXY');
    while (edge.listener.pending < 2) await new Promise(setImmediate);
    const { tls } = await come(edge, headerOf('192.0.2.2'));
    await edge.peers.waitFor(() => true);
    await waiting[0]?.closed;
    assert.equal((await edge.refusals.waitFor(() => true)).code, 'handshake_limit');
    tls.destroy();
    for (const { socket } of waiting) socket.destroy();
  });
});

describe('a connection from elsewhere', () => {
  const others = (how: 'direct' | 'refuse'): Partial<EdgeOptions> => ({
    admission: { proxySources: new ProxySources({ from: ['192.0.2.0/24'], others: how }) },
  });

  test('is a client’s own, and refused as soon as it claims another address', async () => {
    using edge = await open(others('direct'));
    const { tls } = await come(edge, Buffer.alloc(0));
    const peer = await edge.peers.waitFor(() => true);
    assert.deepEqual([peer.remoteAddress, peer.balancer], ['127.0.0.1', undefined]);
    tls.destroy();
    for (const version of [1, 2] as const) {
      const from = edge.refusals.length;
      const { tls: liar, closed } = await come(edge, headerOf('10.0.0.1', version));
      await closed;
      liar.destroy();
      const record = await edge.refusals.waitFor(() => true, { from });
      assert.deepEqual([record.code, record.remoteAddress], ['untrusted_proxy', '127.0.0.1']);
    }
    assert.equal(edge.peers.length, 1);
  });

  test('is refused at once where only balancers may connect', async () => {
    using edge = await open(others('refuse'));
    const { closed } = await come(edge, Buffer.alloc(0));
    await closed;
    const record = await edge.refusals.waitFor(() => true);
    assert.deepEqual([record.code, edge.peers.length], ['untrusted_proxy', 0]);
  });
});

describe('explain handshake', () => {
  const look = async (edge: Edge, proxyProtocol?: 1 | 2) => {
    const options = { ca: ca.file, path: '/', alpn: 'none', timeout: 10, servername: 'a.test' };
    const version = proxyProtocol === undefined ? {} : { proxyProtocol };
    const target = await loadTarget(`127.0.0.1:${edge.port}`, { ...options, ...version }, Date.now());
    return (await diagnoseHandshake(target, systemClock)).steps;
  };

  test('climbs behind a PROXY header of its own, and says what is missing where it sends none', async () => {
    using edge = await open({ policies: { a: { server } } }, false);
    for (const version of [1, 2] as const) {
      const from = edge.peers.length;
      const steps = await look(edge, version);
      assert.deepEqual(
        steps.filter(({ status }) => status === 'failed'),
        [],
      );
      assert.ok(steps[1]?.notes.includes(`a PROXY header of version ${version} was sent first`));
      const peer = await edge.peers.waitFor(() => true, { from });
      assert.deepEqual([peer.remoteAddress, peer.balancer], ['127.0.0.1', '127.0.0.1']);
    }
    const broken = (await look(edge)).find(({ status }) => status === 'failed');
    assert.equal(broken?.step, 'tls');
    assert.match(broken?.failure?.remedy ?? '', /--proxy-protocol 2/);
  });
});

describe('what one client may have', () => {
  test('is counted by the address that the balancer names: open connections', async () => {
    using edge = await open({
      admission: {
        proxySources: new ProxySources({ from: [local], others: 'direct' }),
        connectionsPerClient: 2,
        isExempt: (address) => address === '192.0.2.99',
      },
    });
    const first = await come(edge, headerOf('192.0.2.1'));
    await come(edge, headerOf('192.0.2.1'));
    await edge.peers.waitFor(() => edge.peers.length === 2);
    const third = await come(edge, headerOf('192.0.2.1', 1));
    await third.closed;
    const record = await edge.refusals.waitFor(() => true);
    assert.deepEqual([record.code, record.remoteAddress], ['client_limit', '192.0.2.1']);
    assert.match(record.detail, /clientLimits\.connections was reached: 2 of 192\.0\.2\.1/);
    // Somebody else behind the same balancer, and an address behind which many stand.
    for (const address of ['192.0.2.2', '192.0.2.99', '192.0.2.99', '192.0.2.99']) await come(edge, headerOf(address));
    await edge.peers.waitFor(() => edge.peers.length === 6);
    // A place that is given back is another's.
    first.tls.destroy();
    await first.closed;
    while (edge.open.size > 5) await new Promise(setImmediate);
    const from = edge.peers.length;
    await come(edge, headerOf('192.0.2.1'));
    await edge.peers.waitFor(() => true, { from });
    assert.equal(edge.refusals.length, 1);
    assert.deepEqual(
      edge.outcomes.items.map(({ code }) => code).filter((code) => code !== 'ok'),
      ['client_limit'],
    );
  });

  test('is counted where connections come and go, refused ones too: nothing is left of them', async () => {
    using edge = await open({ admission: { connectionsPerClient: 1, proxySources: undefined } });
    for (let round = 0; round < 20; round += 1) {
      const { socket, closed } = await dial(edge);
      socket.resume();
      if (round % 2 === 0) socket.write('not TLS at all');
      else socket.destroy();
      await closed;
      while (edge.listener.pending > 0) await new Promise(setImmediate);
      await new Promise(setImmediate);
    }
    assert.ok(edge.refusals.items.every(({ code }) => code === 'not_tls'));
    const { tls } = await come(edge, Buffer.alloc(0));
    await edge.peers.waitFor(() => true);
    tls.destroy();
  });

  test('is counted likewise: handshakes a second', async () => {
    const clock = new (class extends HandClock {
      override now = () => Date.now();
    })();
    using edge = await open({
      clock,
      admission: {
        proxySources: new ProxySources({ from: [local], others: 'direct' }),
        handshakesPerClient: 1,
      },
    });
    await come(edge, headerOf('192.0.2.1'));
    await edge.peers.waitFor(() => true);
    const second = await come(edge, headerOf('192.0.2.1'));
    await second.closed;
    assert.equal((await edge.refusals.waitFor(() => true)).detail, 'clientLimits.handshakesPerSecond was reached');
    await come(edge, headerOf('192.0.2.2'));
    await edge.peers.waitFor(({ remoteAddress }) => remoteAddress === '192.0.2.2');
    clock.turn(1_000);
    const from = edge.peers.length;
    await come(edge, headerOf('192.0.2.1'));
    await edge.peers.waitFor(() => true, { from });
  });

  test('handshakes under way are those of the client, not of the balancer', async () => {
    using edge = await open({ pendingHandshakes: { max: 100, maxPerNetwork: 1 } });
    const hello = await captureClientHello('a.test');
    const stall = async (address: string): Promise<Awaited<ReturnType<typeof dial>>> => {
      const client = await dial(edge);
      client.socket.write(Buffer.concat([headerOf(address), hello]));
      await once(client.socket, 'data');
      client.socket.resume();
      return client;
    };
    const first = await stall('192.0.2.1');
    const other = await stall('192.0.2.2');
    assert.equal(edge.listener.pending, 2);
    await stall('192.0.2.1');
    await first.closed;
    assert.equal((await edge.refusals.waitFor(() => true)).remoteAddress, '192.0.2.1');
    assert.ok(!other.socket.destroyed);
    assert.equal(edge.listener.pending, 2);
  });
});
