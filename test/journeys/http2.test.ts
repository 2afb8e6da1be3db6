// HTTP/2 over mutual TLS on both legs, with real peers: node:http2 (nghttp2) as client and as a backend that waits, nginx as
// backends of HTTP/2 and HTTP/1.1, one of which ends each connection after ten requests.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2, { constants, type ClientHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { serialOf, takenIn, writeCrl } from '../support/crls.ts';
import { curl } from '../support/curl.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { sumOf } from '../support/mtls-setup.ts';
import { type Nginx, readEcho, startNginx } from '../support/nginx.ts';
import { type CertFiles, openPki, type Pki } from '../support/pki.ts';
import { eventually, Feed } from '../support/wait-for.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let pki: Pki;
let nginx: Nginx;
let restless: Nginx;
let gateway: Gateway;
/** Requests at the backend that answers only when a test says so. */
const waiting = new Feed<ServerHttp2Stream>('requests at the backend');

const yaml = (slowPort: number): string => {
  const security = (http2: string): string =>
    `security: {tls: {rootCAs: internal-ca.crt, clientCert: gateway.crt, clientKey: gateway.key, http2: "${http2}"}}`;
  return `version: 2
gateway:
  timeouts: {drain: 10s}
  tls:
    certificates: [{cert: edge.crt, key: edge.key}]
    defaultPolicy: main
    policies:
      - name: main
        hosts: [localhost, a.test]
        clientAuth: {clientCA: clients-ca.crt, required: true, crl: {sources: [clients.crl]}, distrustGrace: 0s}
      - {name: other, hosts: [b.test], clientAuth: {clientCA: clients-ca.crt, required: true}}
  routes:
    - {name: two, path: /two, target: "https://localhost:${nginx.port}", ${security('on')}}
    - {name: one, path: /one, target: "https://localhost:${nginx.port}", ${security('off')}}
    - {name: restless, path: /restless, target: "https://localhost:${restless.port}", ${security('on')}}
    - {name: slow, path: /slow, target: "https://localhost:${slowPort}", ${security('auto')}}
`;
};

before(async () => {
  pki = stack.use(await openPki());
  writeCrl(pki.dir, 'clients.crl', pki.clients, { number: 1 });
  const tls = { tls: pki.backend, clientCa: pki.internal.file, http2: true };
  nginx = stack.use(await startNginx(tls));
  restless = stack.use(await startNginx({ ...tls, server: 'keepalive_requests 10;' }));
  const { chainPem: cert, keyPem: key } = pki.backend;
  const slow = http2.createSecureServer({ cert, key, ca: pki.internal.certPem, requestCert: true });
  slow.on('stream', (stream) => {
    const taken = stream as ServerHttp2Stream;
    taken.on('error', () => undefined);
    waiting.push(taken);
  });
  slow.on('sessionError', () => undefined);
  slow.listen(0, '127.0.0.1');
  await once(slow, 'listening');
  stack.defer(() => void slow.close());
  gateway = stack.use(await startGateway({ dir: pki.dir, yaml: yaml((slow.address() as AddressInfo).port) }));
});

type Answer = { readonly status: number; readonly body: string; readonly trailers: http2.IncomingHttpHeaders };

class Client implements Disposable {
  readonly session: ClientHttp2Session;
  readonly closed: Promise<unknown>;

  constructor(as: CertFiles = pki.alice) {
    const trust = { ca: pki.servers.certPem, cert: as.chainPem, key: as.keyPem };
    this.session = http2.connect(`https://localhost:${gateway.ports.webSecure}`, { ...trust, servername: 'localhost' });
    this.session.on('error', () => undefined);
    this.closed = once(this.session, 'close');
  }

  /** Rejects where the stream is reset or lost. */
  async ask(
    path: string,
    headers: http2.OutgoingHttpHeaders = {},
    body?: string,
    trailers?: http2.OutgoingHttpHeaders,
  ): Promise<Answer> {
    const stream = this.session.request({ ':path': path, ...headers }, { waitForTrailers: trailers !== undefined });
    if (trailers !== undefined) stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    stream.end(body);
    let status = 0;
    let received: http2.IncomingHttpHeaders = {};
    stream.on('response', (fields) => (status = Number(fields[':status'])));
    stream.on('trailers', (fields) => (received = fields));
    const pieces: Buffer[] = [];
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    await once(stream, 'close');
    if (stream.rstCode !== 0 || status === 0) throw new Error(`reset with ${stream.rstCode}, status ${status}`);
    return { status, body: Buffer.concat(pieces).toString(), trailers: received };
  }

  [Symbol.dispose](): void {
    this.session.destroy();
  }
}

const accessOf = async (path: string): Promise<Record<string, unknown>> =>
  gateway.waitForLog((line) => line['path'] === path, { what: `the line of ${path}` });

describe('HTTP/2', () => {
  it('and HTTP/1.1 pass to HTTP/2 and to HTTP/1.1, with the identity of the client', async () => {
    using client = new Client();
    for (const [path, protocol] of [
      ['/two', 'HTTP/2.0'],
      ['/one', 'HTTP/1.1'],
    ] as const) {
      const asked = { ca: pki.servers.file, cert: pki.alice.cert, key: pki.alice.key };
      const url = `https://localhost:${gateway.ports.webSecure}${path}/h1`;
      const one = await curl(url, {
        args: ['--http1.1', '--cacert', asked.ca, '--cert', asked.cert, '--key', asked.key],
      });
      const two = await client.ask(`${path}/h2`);
      for (const { status, body } of [one, two]) {
        assert.equal(status, 200);
        const echo = readEcho(body);
        assert.equal(echo['server_protocol'], protocol);
        assert.match(echo['http_x_forwarded_client_cert'] ?? '', /alice/);
        assert.equal(echo['ssl_client_verify'], 'SUCCESS');
      }
    }
    assert.equal((await accessOf('/two/h1'))['protocol'], 'HTTP/1.1');
    assert.equal((await accessOf('/two/h2'))['protocol'], 'HTTP/2.0');
  });

  it('refuses a host of another policy with 421 on its stream, and the connection stays', async () => {
    using client = new Client();
    const socket = client.session.socket as TLSSocket;
    const [misdirected, own] = await Promise.all([
      client.ask('/two', { ':authority': 'b.test' }),
      client.ask('/two', { ':authority': 'a.test' }),
    ]);
    assert.deepEqual([misdirected.status, own.status], [421, 200]);
    assert.equal((await client.ask('/two')).status, 200);
    assert.equal(socket.destroyed, false);
    await assert.rejects(client.ask('/two', { ':authority': 'a.test', host: 'b.test' }), /NGHTTP2_PROTOCOL_ERROR/);
  });

  it('strips what a client says of its own identity, in fields and in trailers', async () => {
    using client = new Client();
    const forged = { 'x-forwarded-client-cert': 'Hash=evil', 'client-cert': ':evil:' };
    const { body } = await client.ask('/two', forged);
    assert.doesNotMatch(body, /evil/);
    const from = waiting.length;
    const answer = client.ask('/slow', { ':method': 'POST', ...forged }, 'body', { ...forged, 'x-sum': '4' });
    const stream = await waiting.waitFor(() => true, { from });
    const trailers = once(stream, 'trailers') as Promise<[http2.IncomingHttpHeaders]>;
    stream.resume();
    const [received] = await trailers;
    assert.deepEqual(Object.entries(received), [['x-sum', '4']]);
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-after': 'all' }));
    stream.end('answered');
    const { status, body: answered, trailers: after_ } = await answer;
    assert.deepEqual([status, answered, after_['x-after']], [200, 'answered', 'all']);
  });

  it('loses no request to a backend that ends its connections after ten: they are sent again, with their bodies', async () => {
    using client = new Client();
    const answers = await Promise.all(
      Array.from({ length: 300 }, async (_, at) =>
        client.ask('/restless', at % 3 === 0 ? { ':method': 'POST' } : {}, at % 3 === 0 ? `body ${at}` : undefined),
      ),
    );
    const failed = answers.filter(({ status }) => status !== 200);
    assert.deepEqual(
      failed.map(({ status, body }) => `${status} ${body}`),
      [],
    );
  });

  it('fails every stream of a backend that is killed, and serves the next one', async () => {
    using client = new Client();
    const from = waiting.length;
    const asked = Array.from({ length: 20 }, async (_, at) => client.ask('/slow', { ':method': 'POST' }, `x${at}`));
    await eventually(() => waiting.length === from + 20, { what: 'twenty requests at the backend' });
    const begun = waiting.items[from];
    begun?.respond({ ':status': 200 });
    begun?.write('half');
    await eventually(async () => sumOf((await gateway.admin('/metrics')).body, 'countersign_requests_active') >= 20, {
      what: 'the requests to be counted',
    });
    begun?.session?.socket.destroy();
    const outcomes = await Promise.allSettled(asked);
    for (const one of outcomes) if (one.status === 'fulfilled') assert.equal(one.value.status, 502);
    assert.ok(outcomes.filter(({ status }) => status === 'rejected').length <= 1, 'one answer had begun');
    assert.equal((await client.ask('/two')).status, 200);
  });

  it('cuts a client that is revoked in the middle of a stream, and no other', async () => {
    const bob = await pki.clients.issueFiles('bob', { kind: 'client', cn: 'bob' });
    using revoked = new Client(bob);
    using kept = new Client();
    const from = waiting.length;
    const [lost, served] = [revoked.ask('/slow/bob'), kept.ask('/slow/alice')];
    lost.catch(() => undefined);
    await eventually(() => waiting.length === from + 2, { what: 'both at the backend' });
    const list = [{ serial: serialOf(bob), reason: 1 }];
    await takenIn(gateway, '02', () => writeCrl(pki.dir, 'clients.crl', pki.clients, { number: 2, revoked: list }));
    await revoked.closed;
    await assert.rejects(lost);
    const { status, code } = await accessOf('/slow/bob');
    assert.deepEqual([status, code], [0, 'revoked']);
    for (const stream of waiting.items.slice(from)) {
      if (stream.closed) continue;
      stream.respond({ ':status': 200 });
      stream.end('ok');
    }
    assert.equal((await served).body, 'ok');
  });

  it('answers a hundred open streams through a reload and through a drain', async () => {
    using client = new Client();
    const from = waiting.length;
    const answer = (stream: ServerHttp2Stream): void => {
      stream.respond({ ':status': 200 });
      stream.end('late');
    };
    const asked = Array.from({ length: 100 }, async (_, at) => client.ask('/slow', { ':method': 'POST' }, `x${at}`));
    await eventually(() => waiting.length === from + 100, { what: 'a hundred at the backend' });
    const before_ = gateway.log.length;
    gateway.reload();
    await gateway.waitForLog(({ msg }) => msg === 'configuration reloaded', { from: before_ });
    for (const stream of waiting.items.slice(from, from + 50)) answer(stream);
    const goneAway = once(client.session, 'goaway') as Promise<[code: number]>;
    let numbers = '';
    const count = (name: string, labels: string): number => sumOf(numbers, `countersign_http2_${name}`, labels);
    await eventually(
      async () => {
        numbers = (await gateway.admin('/metrics')).body;
        return ['client', 'backend'].every((leg) => count('streams_active', `leg="${leg}"`) === 50);
      },
      { what: 'fifty streams on either leg' },
    );
    assert.equal(count('connections_active', 'leg="client"'), 1);
    assert.ok(count('streams_total', 'leg="client"') > 400);
    assert.ok(count('resets_total', 'leg="client",direction="sent"') > 0, 'of host that was not :authority');
    assert.ok(count('goaways_total', 'leg="backend",direction="received",code="NO_ERROR"') > 10, 'of the restless one');
    const stopped = gateway.stop();
    assert.equal((await goneAway)[0], constants.NGHTTP2_NO_ERROR);
    for (const stream of waiting.items.slice(from + 50, from + 100)) answer(stream);
    const answers = await Promise.all(asked);
    assert.deepEqual(new Set(answers.map(({ status, body }) => `${status} ${body}`)), new Set(['200 late']));
    assert.equal((await stopped).code, 0);
  });
});
