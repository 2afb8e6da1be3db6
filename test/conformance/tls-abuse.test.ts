// Facts N12, N21 and N27, incidents 12 and 21: what a client can do to the listener around and after the handshake, and what
// the listener does about it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { systemClock } from '../../src/base/clock.ts';
import { selfTest } from '../../src/downstream/self-test.ts';
import type { Issued } from '../../src/certs/test-ca.ts';
import { captureClientHello } from '../support/client-hello.ts';
import { sClient } from '../support/openssl.ts';
import { type Authority, type CertFiles, openAuthority } from '../support/pki.ts';
import { openTempDir } from '../support/temp.ts';
import { SAFETY_NET_MS } from '../support/wait-for.ts';
import { type Edge, openEdge } from './tls-edge.ts';

const dir = openTempDir('tls-abuse');
let alpha: Authority;
let server: Issued;
let alice: CertFiles;

before(async () => {
  alpha = await openAuthority(dir, 'alpha');
  [server, alice] = await Promise.all([
    alpha.issue({ kind: 'server', sans: ['a.test'] }),
    alpha.issueFiles('alice', { kind: 'client', cn: 'alice' }),
  ]);
});
after(() => dir.remove());

const policies = (): { a: { server: Issued; ca: string } } => ({ a: { server, ca: alpha.certPem } });

/** A TCP connection that is open; `closed` resolves when it is no longer. */
async function open(port: number): Promise<{ socket: Socket; closed: Promise<unknown> }> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.resume();
  const closed = new Promise((resolve) => socket.on('close', resolve));
  await new Promise((resolve) => socket.on('connect', resolve));
  return { socket, closed };
}

async function asAlice(downstream: Edge, args: readonly string[] = []): ReturnType<typeof sClient> {
  return sClient({ port: downstream.port, servername: 'a.test', cert: alice.cert, key: alice.key, args });
}

test('a TLS 1.2 client cannot renegotiate, so no other certificate can come after the verdict', async () => {
  using downstream = await openEdge({ policies: policies() });
  const args = ['s_client', '-connect', `127.0.0.1:${downstream.port}`, '-servername', 'a.test', '-tls1_2'];
  const child = spawn('openssl', [...args, '-cert', alice.cert, '-key', alice.key], { timeout: SAFETY_NET_MS });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => output.push(String(chunk)));
  const exited = new Promise((resolve) => child.on('close', resolve));
  await downstream.peers.waitFor(() => true);
  child.stdin.write('R\n');
  await exited;
  assert.match(output.join(''), /RENEGOTIATING[^]*no renegotiation/);
  assert.equal(downstream.peers.length, 1);
  assert.deepEqual(downstream.defects, []);
});

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`a ${version} connection that turns to garbage after the handshake is closed at once`, async () => {
    using downstream = await openEdge({ policies: policies(), onConnection: (socket) => socket.resume() });
    const { socket, closed } = await open(downstream.port);
    const tls = connectTls({
      socket,
      servername: 'a.test',
      cert: alice.chainPem,
      key: alice.keyPem,
      rejectUnauthorized: false,
      minVersion: version,
      maxVersion: version,
    });
    tls.on('error', () => {});
    await downstream.peers.waitFor(() => true);
    socket.write(Buffer.concat([Buffer.from([23, 3, 3, 0, 40]), Buffer.alloc(40, 9)]));
    await closed;
    assert.deepEqual(downstream.defects, []);
  });
}

test('a client that resets in the middle of anything is no news for the process', async () => {
  using downstream = await openEdge({ policies: policies() });
  const early = await open(downstream.port);
  early.socket.write(Buffer.from([22, 3, 1]));
  early.socket.resetAndDestroy();
  await early.closed;
  const late = await open(downstream.port);
  const tls = connectTls({
    socket: late.socket,
    servername: 'a.test',
    cert: alice.chainPem,
    key: alice.keyPem,
    rejectUnauthorized: false,
  });
  tls.on('error', () => {});
  await downstream.peers.waitFor(() => true);
  assert.equal(downstream.open.size, 1);
  late.socket.resetAndDestroy();
  await late.closed;
  while (downstream.open.size + downstream.listener.pending > 0) await new Promise(setImmediate);
  assert.equal((await asAlice(downstream)).established, true);
  assert.deepEqual(downstream.defects, []);
});

test('ALPN: http/1.1 is chosen among others, none is fine, nothing in common is an alert', async () => {
  using downstream = await openEdge({ policies: policies() });
  for (const [args, alpn] of [
    [['-alpn', 'h2,http/1.1'], /ALPN protocol: http\/1\.1/],
    [['-alpn', 'http/1.0'], /ALPN protocol: http\/1\.0/],
    [[], /No ALPN negotiated/],
  ] as const) {
    const result = await asAlice(downstream, args);
    assert.equal(result.status, 200);
    assert.match(result.output, alpn);
  }
  const result = await asAlice(downstream, ['-alpn', 'h2,h3']);
  assert.equal(result.alert?.number, 120);
  assert.equal((await downstream.refusals.waitFor(() => true)).code, 'protocol_mismatch');
});

test('a client outside the versions of the policy gets an alert, and the record shows both ranges', async () => {
  using downstream = await openEdge({
    policies: { a: { server, minVersion: 'TLSv1.3' }, b: { server, maxVersion: 'TLSv1.2' } },
  });
  const old = await sClient({ port: downstream.port, servername: 'a.test', tls: '1.2' });
  const young = await sClient({ port: downstream.port, servername: 'b.test', tls: '1.3' });
  assert.deepEqual([old.alert?.number, young.alert?.number], [70, 70]);
  const [first, second] = downstream.refusals.items;
  assert.equal(first?.code, 'protocol_mismatch');
  assert.match(first?.detail ?? '', /the client offers TLSv1.2, the policy TLSv1.3 to TLSv1.3$/);
  assert.match(second?.detail ?? '', /the client offers TLSv1.3, the policy TLSv1.2 to TLSv1.2$/);
  assert.equal((await sClient({ port: downstream.port, servername: 'a.test', tls: '1.3' })).status, 200);
});

test('a client that dislikes our certificate says so, and the record repeats it', async () => {
  using downstream = await openEdge({ policies: { a: { server } } });
  const stranger = await openAuthority(dir, 'stranger');
  await sClient({
    port: downstream.port,
    servername: 'a.test',
    tls: '1.2',
    ca: stranger.file,
    args: ['-verify_return_error'],
  });
  const record = await downstream.refusals.waitFor(() => true);
  assert.equal(record.code, 'refused_by_peer');
  assert.match(record.raw, /ALERT_UNKNOWN_CA$/);
});

test('silent connections keep nobody out: where places are short the oldest of them goes, and is counted', async () => {
  using downstream = await openEdge({ policies: policies(), pendingHandshakes: { max: 2, maxPerNetwork: 0 } });
  const first = await open(downstream.port);
  const port = first.socket.localPort;
  const second = await open(downstream.port);
  assert.equal((await asAlice(downstream)).status, 200);
  await first.closed;
  const record = await downstream.refusals.waitFor(() => true);
  assert.deepEqual([record.code, record.remotePort], ['handshake_limit', port]);
  assert.equal(downstream.listener.pending, 1, 'the younger one stays');
  second.socket.destroy();
});

test('clients that stop after their ClientHello keep nobody out: the oldest gives way, and the places come back', async () => {
  using downstream = await openEdge({ policies: policies(), pendingHandshakes: { max: 8, maxPerNetwork: 0 } });
  const hello = await captureClientHello('a.test');
  const stalled: Awaited<ReturnType<typeof open>>[] = [];
  const ports: (number | undefined)[] = [];
  for (let count = 0; count < 40; count += 1) {
    const client = await open(downstream.port);
    stalled.push(client);
    ports.push(client.socket.localPort);
    client.socket.write(hello);
    // The answer shows that the handshake is under way, and stalled from now on.
    await once(client.socket, 'data');
    if (count % 10 === 9)
      assert.equal((await asAlice(downstream)).status, 200, `after ${count + 1} stalled handshakes`);
  }
  const record = await downstream.refusals.waitFor(() => true);
  assert.deepEqual([record.code, record.remotePort], ['handshake_limit', ports[0]]);
  assert.match(record.detail, /its place was needed, after its ClientHello/);
  assert.ok(downstream.listener.pending <= 8);
  for (const { socket } of stalled) socket.destroy();
  await Promise.all(stalled.map(({ closed }) => closed));
  // The places come back with the close events of the server's side, which follow those of ours.
  while (downstream.listener.pending > 0) await new Promise(setImmediate);
  assert.deepEqual(downstream.defects, []);
});

test('one address has no more handshakes under way than its limit', async () => {
  using downstream = await openEdge({ policies: policies(), pendingHandshakes: { max: 100, maxPerNetwork: 1 } });
  const first = await open(downstream.port);
  const second = await open(downstream.port);
  await first.closed;
  assert.equal(downstream.listener.pending, 1);
  second.socket.destroy();
});

test('more connections than allowed are turned away, and counted', async () => {
  using downstream = await openEdge({ policies: policies(), limits: { maxConnections: 1 } });
  const first = await open(downstream.port);
  const second = await open(downstream.port);
  await second.closed;
  assert.equal((await downstream.refusals.waitFor(() => true)).code, 'handshake_limit');
  first.socket.destroy();
});

test('more handshakes per second than allowed are refused before they cost anything', async () => {
  // Time stands still, so that the second does not end while the test runs.
  const clock = {
    now: () => Date.now(),
    monotonic: () => 0,
    after: (ms: number, act: () => void) => systemClock.after(ms, act),
  };
  using downstream = await openEdge({ policies: policies(), handshakesPerSecond: 2, clock });
  const codes = [await asAlice(downstream), await asAlice(downstream), await asAlice(downstream)].map(
    ({ status }) => status,
  );
  assert.deepEqual(codes, [200, 200, undefined]);
  assert.deepEqual(
    downstream.outcomes.items.map(({ code }) => code),
    ['ok', 'ok', 'handshake_limit'],
  );
});

test('an exception in the flow costs its connection and nothing else', async () => {
  using downstream = await openEdge({
    policies: policies(),
    onConnection: () => {
      throw new Error('defect');
    },
  });
  assert.equal((await asAlice(downstream)).status, undefined);
  assert.equal((await asAlice(downstream)).status, undefined);
  assert.deepEqual(downstream.defects.map(String), ['Error: defect', 'Error: defect']);
  while (downstream.open.size > 0) await new Promise(setImmediate);
});

test('an exception while a refusal is reported costs nothing but the report', async () => {
  const onRefused = (): void => {
    throw new Error('defect');
  };
  using downstream = await openEdge({ policies: policies(), onRefused });
  const noName = await sClient({ port: downstream.port, servername: false });
  const noCertificate = await sClient({ port: downstream.port, servername: 'a.test' });
  const noProtocol = await asAlice(downstream, ['-alpn', 'h3']);
  assert.deepEqual([noName.status, noCertificate.status, noProtocol.status], [undefined, undefined, undefined]);
  assert.equal((await asAlice(downstream)).status, 200);
  assert.equal(downstream.defects.length, 3);
  assert.equal(downstream.listener.pending, 0);
});

test('a closed listener accepts nobody and leaves open connections alone', async () => {
  using downstream = await openEdge({ policies: policies(), onConnection: (socket) => socket.pipe(socket) });
  const tls = connectTls({
    port: downstream.port,
    servername: 'a.test',
    cert: alice.chainPem,
    key: alice.keyPem,
    rejectUnauthorized: false,
  });
  await new Promise((resolve) => tls.on('secureConnect', resolve));
  await downstream.peers.waitFor(() => true);
  downstream.listener.close();
  const refused = await new Promise((resolve) => connect(downstream.port, '127.0.0.1').on('error', resolve));
  assert.match(String(refused), /ECONNREFUSED/);
  tls.write('still here');
  assert.equal(String(await new Promise((resolve) => tls.once('data', resolve))), 'still here');
  const live = [...downstream.open.values()].map(({ policy, identity }) => `${policy} ${identity?.leaf.subject}`);
  assert.deepEqual(live, ['a CN=alice']);
  tls.destroy();
});

test('this runtime passes the self-test that the gateway makes before it serves', async () => {
  await selfTest();
});
