// Incidents 4, 5 and 12, facts N16, N20, N27 and N28: however a ClientHello arrives, it gets the right policy or a close, and
// nothing that a client can send before TLS takes the process along.
import assert from 'node:assert/strict';
import { connect, createServer, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { sClient } from '../support/openssl.ts';
import { type Authority, type CertFiles, openAuthority } from '../support/pki.ts';
import { openTempDir } from '../support/temp.ts';
import { type Edge, openEdge } from './tls-edge.ts';

const dir = openTempDir('tls-client-hello');
let alpha: Authority;
let beta: Authority;
let serverA: CertFiles;
let serverB: CertFiles;
let alice: CertFiles;

before(async () => {
  [alpha, beta] = await Promise.all([openAuthority(dir, 'alpha'), openAuthority(dir, 'beta')]);
  [serverA, serverB, alice] = await Promise.all([
    alpha.issueFiles('server-a', { kind: 'server', cn: 'A', sans: ['a.test'] }),
    beta.issueFiles('server-b', { kind: 'server', cn: 'B', sans: ['b.test'] }),
    alpha.issueFiles('alice', { kind: 'client', cn: 'alice' }),
  ]);
});
after(() => dir.remove());

/** a asks for a certificate of alpha, b for none and is what nameless clients get where there is a default. */
async function open(
  options: { readonly defaultPolicy?: string; readonly handshakeTimeoutMs?: number } = {},
): Promise<Edge> {
  return openEdge({
    policies: { a: { server: serverA, ca: alpha.certPem }, b: { server: serverB, hosts: ['b.test', '*.wild.test'] } },
    ...options,
  });
}

/** A real ClientHello with a post-quantum key share, as Node's own client makes it. */
async function captureHello(servername: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      const reader: Buffer[] = [];
      socket.on('error', () => {});
      socket.on('data', (chunk: Buffer) => {
        reader.push(chunk);
        const bytes = Buffer.concat(reader);
        if (bytes.length < 5 || bytes.length < 5 + bytes.readUInt16BE(3)) return;
        socket.destroy();
        server.close();
        resolve(bytes);
      });
    });
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address === null || typeof address === 'string') return reject(new Error('no port'));
      const client = connectTls({
        host: '127.0.0.1',
        port: address.port,
        servername,
        ecdhCurve: 'X25519MLKEM768:X25519',
      });
      client.on('error', () => {});
    });
  });
}

/** Writes pieces one by one, each after the one before was taken; yields all that came back until the server closes. */
async function sendRaw(port: number, pieces: readonly Buffer[], end = true): Promise<Buffer> {
  const socket = connect(port, '127.0.0.1').setNoDelay(true);
  const received: Buffer[] = [];
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => received.push(chunk));
  const closed = new Promise((resolve) => socket.on('close', resolve));
  for (const piece of pieces) {
    if (socket.destroyed) break;
    await new Promise((resolve) => socket.write(piece, resolve));
  }
  if (end) socket.end();
  await closed;
  return Buffer.concat(received);
}

/** Waits for the first bytes of an answer, then hangs up. */
async function firstAnswer(port: number, pieces: readonly Buffer[]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, '127.0.0.1').setNoDelay(true);
    socket.on('error', reject);
    socket.once('data', (chunk: Buffer) => {
      socket.destroy();
      resolve(chunk);
    });
    socket.once('close', () => resolve(Buffer.alloc(0)));
    const write = (at: number): void => {
      const piece = pieces[at];
      if (piece !== undefined) socket.write(piece, () => setImmediate(write, at + 1));
    };
    write(0);
  });
}

function bytesOf(whole: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(whole.length / size) }, (_, index) =>
    whole.subarray(index * size, (index + 1) * size),
  );
}

/** The same handshake message in records of `size` bytes. */
function inRecords(hello: Buffer, size: number): Buffer {
  return Buffer.concat(
    bytesOf(hello.subarray(5), size).flatMap((part) => [
      Buffer.from([22, 3, 1, part.length >> 8, part.length & 0xff]),
      part,
    ]),
  );
}

const serverHello = 22;
const unrecognizedName = Buffer.from([21, 3, 3, 0, 2, 2, 112]);
const decodeError = Buffer.from([21, 3, 3, 0, 2, 2, 50]);

test('a ClientHello of post-quantum size is one that the server answers, however it is cut', async () => {
  using downstream = await open();
  const hello = await captureHello('a.test');
  assert.ok(hello.length > 1400, `${hello.length} bytes`);
  for (const pieces of [
    [hello],
    bytesOf(hello, 1),
    bytesOf(hello, 536),
    [inRecords(hello, 100)],
    bytesOf(inRecords(hello, 1), 700),
    bytesOf(inRecords(hello, 7), 3),
  ]) {
    assert.equal((await firstAnswer(downstream.port, pieces))[0], serverHello);
  }
  await downstream.refusals.waitFor(() => downstream.refusals.length === 6);
  const refusals = downstream.refusals.items.map(({ policy, serverName }) => `${policy} ${serverName}`);
  for (const refusal of refusals) assert.equal(refusal, 'a a.test', 'hung up on in the right policy');
});

test('a fragmented ClientHello never falls to the default policy', async () => {
  using downstream = await open({ defaultPolicy: 'b' });
  const hello = await captureHello('a.test');
  for (const pieces of [bytesOf(hello, 1), bytesOf(inRecords(hello, 1), 500)]) {
    const from = downstream.refusals.length;
    await firstAnswer(downstream.port, pieces);
    const refusal = await downstream.refusals.waitFor(() => true, { from });
    assert.deepEqual([refusal.policy, refusal.serverName], ['a', 'a.test']);
  }
});

test('upper case and a trailing dot choose the same policy, the longest wildcard its own', async () => {
  using downstream = await open();
  for (const [servername, wanted] of [
    ['A.TEST', 'A'],
    ['a.test.', 'A'],
    ['A.tEsT.', 'A'],
    ['b.test', 'B'],
    ['x.WILD.test', 'B'],
    ['y.x.wild.test.', 'B'],
  ] as const) {
    const result = await sClient({ port: downstream.port, servername, cert: alice.cert, key: alice.key });
    assert.deepEqual([result.status, result.serverSubject], [200, `CN=${wanted}`], servername);
  }
  assert.deepEqual(
    downstream.peers.items.map(({ serverName }) => serverName),
    ['a.test', 'a.test', 'a.test', 'b.test', 'x.wild.test', 'y.x.wild.test'],
  );
});

test('an unknown or absent server name is refused with unrecognized_name where there is no default', async () => {
  using downstream = await open();
  for (const servername of ['nobody.test', 'xa.test', 'wild.test', false] as const) {
    for (const tls of ['1.2', '1.3'] as const) {
      const result = await sClient({ port: downstream.port, servername, tls, cert: alice.cert, key: alice.key });
      assert.deepEqual([result.established, result.status], [false, undefined]);
      assert.match(result.output, /alert number 112/);
    }
  }
  assert.deepEqual(new Set(downstream.refusals.items.map(({ code }) => code)), new Set(['unknown_sni']));
});

test('with a default policy, unknown and absent names and addresses get it', async () => {
  using downstream = await open({ defaultPolicy: 'b' });
  for (const servername of ['nobody.test', '192.0.2.1', false] as const) {
    const result = await sClient({ port: downstream.port, servername });
    assert.deepEqual([result.status, result.serverSubject], [200, 'CN=B']);
  }
});

test('a server name that could mean two things is refused before TLS starts', async () => {
  using downstream = await open({ defaultPolicy: 'b' });
  const hello = await captureHello('a.test');
  const at = hello.indexOf('a.test');
  for (const name of ['a\0test', 'a test', 'a\ntest', 'a\u007ftest']) {
    const changed = Buffer.from(hello);
    changed.write(name, at, 'latin1');
    assert.deepEqual(await sendRaw(downstream.port, [changed]), decodeError);
  }
  assert.deepEqual(new Set(downstream.refusals.items.map(({ code }) => code)), new Set(['not_tls']));
  assert.equal(downstream.peers.length, 0);
});

test('what is no ClientHello is refused, and one name more than we know does no harm', async () => {
  using downstream = await open();
  const hello = await captureHello('nobody.test');
  assert.deepEqual(await sendRaw(downstream.port, [hello]), unrecognizedName);
  assert.deepEqual(await sendRaw(downstream.port, [Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 0])]), decodeError);
  assert.deepEqual(await sendRaw(downstream.port, [Buffer.from([22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff])]), decodeError);
  assert.equal((await sendRaw(downstream.port, [Buffer.from('\x80\x2e\x01\x03\x01', 'latin1')])).length, 0);
});

test('plain HTTP on the TLS port is told so in plain text, and nothing of it is served', async () => {
  using downstream = await open({ defaultPolicy: 'b' });
  for (const request of ['GET / HTTP/1.1\r\nHost: b.test\r\n\r\n', 'G', 'POST /x HTTP/1.0\r\n\r\n']) {
    const text = (await sendRaw(downstream.port, [Buffer.from(request)], false)).toString();
    assert.match(text, /^HTTP\/1\.1 400 Bad Request\r\n/);
    assert.match(text, /\r\nConnection: close\r\n/);
    assert.match(text, /\r\n\r\nClient sent plain HTTP to an HTTPS port\n$/);
  }
  assert.deepEqual(new Set(downstream.refusals.items.map(({ code }) => code)), new Set(['not_tls']));
  assert.equal(downstream.peers.length, 0);
});

test('a port check that says nothing leaves no trace; one that breaks off in the middle does', async () => {
  using downstream = await open();
  await sendRaw(downstream.port, []);
  const hello = await captureHello('a.test');
  await sendRaw(downstream.port, [hello.subarray(0, 100)]);
  const refusal = await downstream.refusals.waitFor(() => true);
  assert.deepEqual([refusal.code, downstream.refusals.length, downstream.outcomes.length], ['refused_by_peer', 1, 1]);
  assert.equal(downstream.listener.pending, 0);
});

test('a client that drips its ClientHello, or says nothing, is cut off by the handshake timeout', async () => {
  // What is sent has to be read before that.
  using downstream = await open({ handshakeTimeoutMs: 1_500 });
  const hello = await captureHello('a.test');
  const [part, nothing, whole] = await Promise.all(
    [[hello.subarray(0, 20)], [], [hello]].map(async (pieces) => sendRaw(downstream.port, pieces, false)),
  );
  assert.deepEqual([part?.length, nothing?.length, whole?.[0]], [0, 0, serverHello]);
  const details = downstream.refusals.items.map(({ code, detail }) => `${code}: ${detail}`);
  assert.deepEqual(details.toSorted(), [
    'timeout: the handshake was not finished in time, after its ClientHello',
    'timeout: the handshake was not finished in time, before it sent anything',
    'timeout: the handshake was not finished in time, within its ClientHello',
  ]);
  assert.equal(downstream.listener.pending, 0);
});

test('two hundred hostile byte strings later the listener still serves, and no exception reached it', async () => {
  using downstream = await open();
  const hello = await captureHello('a.test');
  // A fixed linear congruence: hostile, and the same each time.
  let state = 12_345;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state % below;
  };
  const hostile = Array.from({ length: 200 }, (_, round) => {
    if (round % 4 === 0) return Buffer.from(Array.from({ length: random(600) }, () => random(256)));
    const changed = Buffer.from(round % 4 === 1 ? inRecords(hello, 1 + random(300)) : hello);
    for (let change = 0; change <= random(6); change += 1) changed[random(changed.length)] = random(256);
    return round % 4 === 2 ? changed.subarray(0, random(changed.length)) : changed;
  });
  for (let at = 0; at < hostile.length; at += 20) {
    await Promise.all(hostile.slice(at, at + 20).map((bytes) => sendRaw(downstream.port, [bytes])));
  }
  const good = await sClient({ port: downstream.port, servername: 'a.test', cert: alice.cert, key: alice.key });
  assert.equal(good.status, 200);
  assert.deepEqual(downstream.defects, []);
  assert.equal(downstream.peers.length, 1);
  assert.equal(downstream.listener.pending, 0);
  for (const { code } of downstream.refusals.items) assert.notEqual(code, 'internal');
});
