// What becomes of a WebSocket, of HTTP/1.1 and of HTTP/2 (RFC 8441), in the life of a real gateway: it outlives a reload, ends with
// the trust in either of its ends (incident 23), and is closed in order when the gateway stops. One gateway for all, in this order.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http2 from 'node:http2';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { serialOf, takenIn, writeCrl } from '../support/crls.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { reloadBy } from '../support/mtls-setup.ts';
import { type CertFiles, openPki, type Pki } from '../support/pki.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let pki: Pki;
let gateway: Gateway;
let bob: CertFiles;
/** The certificate of the second backend. */
let other: CertFiles;
let yaml: string;

/** A backend that says what it hears. */
async function startEcho({ chainPem: cert, keyPem: key }: CertFiles): Promise<number> {
  const server = createServer({ cert, key, ca: pki.internal.certPem, requestCert: true });
  const sockets = new WebSocketServer({ server, perMessageDeflate: true });
  sockets.on('connection', (socket) =>
    socket.on('message', (data: Buffer, binary) => {
      if (String(data) === 'enough') socket.close(3000, 'heard enough');
      else socket.send(data, { binary });
    }),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(() => {
    for (const socket of sockets.clients) socket.terminate();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

before(async () => {
  pki = stack.use(await openPki());
  bob = await pki.clients.issueFiles('bob', { kind: 'client', cn: 'bob' });
  other = await pki.internal.issueFiles('other', { kind: 'server', sans: ['localhost'] });
  writeCrl(pki.dir, 'clients.crl', pki.clients, { number: 1 });
  writeCrl(pki.dir, 'backends.crl', pki.internal, { number: 17 });
  const tls =
    '{rootCAs: internal-ca.crt, clientCert: gateway.crt, clientKey: gateway.key, crl: {sources: backends.crl}}';
  const route = (name: string, port: number): string =>
    `{name: ${name}, path: /${name}, target: "https://localhost:${port}", security: {tls: ${tls}}}`;
  yaml = `version: 2
gateway:
  timeouts: {drain: 3s}
  tls:
    certificates: [{cert: edge.crt, key: edge.key}]
    clientAuth: {clientCA: clients-ca.crt, required: true, crl: {sources: [clients.crl]}, distrustGrace: 200ms}
  routes:
    - ${route('chat', await startEcho(pki.backend))}
    - ${route('other', await startEcho(other))}
`;
  gateway = stack.use(await startGateway({ dir: pki.dir, yaml }));
});

type Talk = {
  /** What comes back. */
  echo(text: string): Promise<string>;
  /** The code of the close frame; `1006` without one. */
  readonly closed: Promise<number>;
};

const trustOf = (as: CertFiles) => ({ ca: pki.servers.certPem, cert: as.chainPem, key: as.keyPem });

async function talkHttp1(as: CertFiles, path: string): Promise<Talk> {
  const socket = new WebSocket(`wss://localhost:${gateway.ports.webSecure}${path}`, trustOf(as));
  stack.defer(() => socket.terminate());
  await once(socket, 'open');
  return {
    async echo(text) {
      socket.send(text);
      return String((await once(socket, 'message'))[0]);
    },
    closed: once(socket, 'close').then(([code]) => code as number),
  };
}

async function talkHttp2(as: CertFiles, path: string): Promise<Talk> {
  const session = http2.connect(`https://localhost:${gateway.ports.webSecure}`, trustOf(as));
  stack.defer(() => session.destroy());
  session.on('error', () => undefined);
  await once(session, 'remoteSettings');
  const stream = session.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': 'https',
    ':path': path,
    ':authority': 'localhost',
    'sec-websocket-version': '13',
  });
  stream.on('error', () => undefined);
  const [{ ':status': status }] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
  assert.equal(status, 200);
  const closed = once(stream, 'close');
  const read = async (length: number): Promise<Buffer> => {
    for (;;) {
      const bytes = stream.read(length) as Buffer | null;
      if (bytes !== null) return bytes;
      if (stream.destroyed) return Buffer.alloc(0);
      await Promise.race([once(stream, 'readable'), closed]);
    }
  };
  const closing = async (): Promise<number> => {
    const frame = await read(4);
    const code = frame.length < 4 ? 1006 : frame.readUInt16BE(2);
    if (!stream.destroyed) stream.end(Buffer.from([0x88, 0x82, 0, 0, 0, 0, code >> 8, code & 255]));
    stream.resume();
    await closed;
    return code;
  };
  return {
    async echo(text) {
      // RFC 6455 section 5.2: a masked text frame there, one without a mask back.
      stream.write(Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0, ...Buffer.from(text)]));
      const frame = await read(2 + text.length);
      assert.deepEqual([...frame.subarray(0, 2)], [0x81, text.length]);
      return frame.toString('latin1', 2);
    },
    get closed() {
      return closing();
    },
  };
}

async function talkBoth(as: CertFiles, path: string): Promise<Talk[]> {
  const talks = await Promise.all([talkHttp1(as, path), talkHttp2(as, path)]);
  await expectEcho(talks);
  return talks;
}

async function expectEcho(talks: readonly Talk[]): Promise<void> {
  for (const talk of talks) assert.equal(await talk.echo('hello'), 'hello');
}

const closed = async (talks: readonly Talk[]): Promise<number[]> => Promise.all(talks.map(async (talk) => talk.closed));

/** `STATUS code` of both WebSockets of `path` in the access log. */
async function outcomesOf(path: string): Promise<string[]> {
  const lines = () => gateway.log.items.filter((line) => line['path'] === path);
  await gateway.waitForLog(() => lines().length === 2, { what: `both lines of ${path}` });
  return lines()
    .map((line) => `${String(line['status'])} ${String(line['code'])}`)
    .toSorted();
}

describe('a WebSocket of HTTP/1.1', () => {
  it('passes compressed messages, pings, and the code with which either end closes it', async () => {
    const open = async (): Promise<WebSocket> => {
      const socket = new WebSocket(`wss://localhost:${gateway.ports.webSecure}/chat/codes`, trustOf(pki.alice));
      stack.defer(() => socket.terminate());
      await once(socket, 'open');
      return socket;
    };
    const socket = await open();
    assert.match(socket.extensions, /permessage-deflate/);
    const large = randomBytes(300_000).toString('hex');
    socket.send(large);
    assert.equal(String((await once(socket, 'message'))[0]), large);
    socket.ping('there?');
    assert.equal(String((await once(socket, 'pong'))[0]), 'there?');
    socket.send('enough');
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
    assert.deepEqual([code, String(reason)], [3000, 'heard enough']);
    const other = await open();
    other.close(4001, 'for my part');
    assert.equal((await once(other, 'close'))[0], 4001);
    assert.deepEqual(await outcomesOf('/chat/codes'), ['101 undefined', '101 undefined']);
  });
});

describe('a WebSocket of HTTP/1.1 and one of HTTP/2', () => {
  it('outlive a reload, end with the trust in their client or backend, and are told when the gateway stops', async () => {
    const kept = await talkBoth(pki.alice, '/chat/alice');
    const reload = await reloadBy(gateway, () =>
      gateway.rewrite(`${yaml}    - {name: more, path: /more, target: "http://127.0.0.1:9"}\n`),
    );
    assert.ok(reload.ok, JSON.stringify(reload.lines));
    await expectEcho(kept);

    const revoked = await talkBoth(bob, '/chat/bob');
    const from = gateway.log.length;
    const clients = [{ serial: serialOf(bob), reason: 1 }];
    await takenIn(gateway, '02', () => writeCrl(pki.dir, 'clients.crl', pki.clients, { number: 2, revoked: clients }));
    assert.deepEqual(await closed(revoked), [1008, 1008]);
    const cut = await gateway.waitForLog(({ msg }) => msg.startsWith('client connections closed: revoked'), { from });
    assert.deepEqual([cut['clients'], cut['connections']], [['CN=bob'], 2]);
    assert.deepEqual(await outcomesOf('/chat/bob'), ['101 revoked', '200 revoked']);
    await expectEcho(kept);

    const lost = await talkBoth(pki.alice, '/other/alice');
    const backends = [{ serial: serialOf(other), reason: 1 }];
    writeCrl(pki.dir, 'backends.crl', pki.internal, { number: 18, revoked: backends });
    assert.deepEqual(await closed(lost), [1006, 1006]);
    assert.deepEqual(await outcomesOf('/other/alice'), ['101 revoked', '200 revoked']);
    await expectEcho(kept);

    gateway.signal('SIGTERM');
    assert.deepEqual(await closed(kept), [1001, 1001]);
    assert.deepEqual(await outcomesOf('/chat/alice'), ['101 draining', '200 draining']);
    assert.deepEqual(await gateway.exited, { code: 0, signal: null });
  });
});
