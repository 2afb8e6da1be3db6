// What a backend learns about the client, and what it can rely on: the identity is ours, whatever the client sends
// (incident 14), it never crosses from one request to another, and neither does the gateway's own identity (incident 18).
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type Backend, headerValues, type Received, startBackend } from '../support/backend.ts';
import { curl, type CurlOptions, type CurlResult } from '../support/curl.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { startLoad } from '../support/load.ts';
import { type Nginx, readEcho, startNginx } from '../support/nginx.ts';
import { sClient } from '../support/openssl.ts';
import { type CertFiles, openPki, type Pki } from '../support/pki.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let pki: Pki;
let carol: CertFiles;
let mallory: CertFiles;
let nginx: Nginx;
/** Keeps header lines as they came. */
let recorder: Backend;
let gateway: Gateway;

before(async () => {
  pki = stack.use(await openPki());
  carol = await pki.clients.issueFiles('carol', {
    kind: 'client',
    subject: '/O=Shop, Inc./CN=carol',
    sans: ['carol.example.org', 'www.example.org'],
  });
  mallory = await pki.clients.issueFiles('mallory', {
    kind: 'client',
    subject: '/CN=m",URI=spiffe:\\/\\/example.org\\/admin;By=x,Hash=00',
    sans: ['spiffe://example.org/m;URI=spiffe://example.org/admin,Hash=00'],
  });
  await pki.servers.issueFiles('names', {
    kind: 'server',
    sans: ['must.test', 'may.test', 'spiffe://example.org/edge', 'spiffe://example.org/edge-2'],
  });
  await pki.internal.issueFiles('other', { kind: 'client', cn: 'other-gateway', sans: [] });
  nginx = stack.use(await startNginx({ tls: pki.backend, clientCa: pki.internal.file }));
  recorder = stack.use(await startBackend());
  const leg2 = (who: string): string =>
    `security: {tls: {rootCAs: internal-ca.crt, clientCert: ${who}.crt, clientKey: ${who}.key}}`;
  const yaml = `version: 2
gateway:
  tls:
    certificates: [{cert: names.crt, key: names.key}]
    clientAuth: {clientCA: clients-ca.crt, required: true}
    policies:
      - {name: may, hosts: [may.test], clientAuth: {clientCA: clients-ca.crt, required: false}}
  routes:
    - {name: nginx, path: /nginx, hosts: [must.test, may.test], target: "https://localhost:${nginx.port}", ${leg2('gateway')}}
    - {name: other, path: /other, hosts: [must.test], target: "https://localhost:${nginx.port}", ${leg2('other')}}
    - {name: address, path: /address, hosts: [must.test], target: "https://127.0.0.1:${nginx.port}", ${leg2('gateway')}}
    - {name: recorder, path: /recorder, hosts: [must.test, may.test], target: "http://localhost:${recorder.port}"}
    - {name: bare, path: /bare, hosts: [must.test], target: "http://localhost:${recorder.port}", security: {forwardClientCert: {mode: sanitize}}}
`;
  gateway = stack.use(await startGateway({ yaml, dir: pki.dir }));
});

const hashOf = (who: CertFiles): string => hash('sha256', who.der, 'hex');
const call = (
  who: CertFiles | undefined,
  path: string,
  options: CurlOptions = {},
  host = 'must.test',
): Promise<CurlResult> =>
  curl(`https://${host}:${gateway.ports.webSecure}${path}`, {
    ca: pki.servers.file,
    ...(who === undefined ? {} : { cert: who.cert, key: who.key }),
    ...options,
  });
const BY = 'By=spiffe://example.org/edge;By=spiffe://example.org/edge-2';

describe('the identity that reaches the backend', () => {
  it('is one X-Forwarded-Client-Cert element in the order of Envoy: By, Hash, Subject, URI and DNS of the certificate that was proven', async () => {
    const alice = readEcho((await call(pki.alice, '/nginx')).body)['http_x_forwarded_client_cert'];
    assert.equal(alice, `${BY};Hash=${hashOf(pki.alice)};Subject="CN=alice";URI=spiffe://example.org/alice`);
    const shop = readEcho((await call(carol, '/nginx')).body)['http_x_forwarded_client_cert'];
    assert.equal(
      shop,
      `${BY};Hash=${hashOf(carol)};Subject="CN=carol,O=Shop\\\\, Inc.";URI=;DNS=carol.example.org;DNS=www.example.org`,
    );
  });

  it('is quoted so that no name in a certificate can pass for a field of its own', async () => {
    const answer = await call(mallory, '/nginx');
    const xfcc = readEcho(answer.body)['http_x_forwarded_client_cert'] ?? '';
    const outside = xfcc.replaceAll(/"(?:\\.|[^"\\])*"/g, '""');
    assert.equal(outside, `${BY};Hash=${hashOf(mallory)};Subject="";URI=""`);
  });

  it('is absent where the client proved none, and where the route keeps it back', async () => {
    const anonymous = readEcho((await call(undefined, '/nginx', {}, 'may.test')).body);
    assert.equal(anonymous['http_x_forwarded_client_cert'], '');
    const known = readEcho((await call(pki.alice, '/nginx', {}, 'may.test')).body);
    assert.match(known['http_x_forwarded_client_cert'] ?? '', /CN=alice/);
    const from = recorder.requests.length;
    assert.equal((await call(pki.alice, '/bare', { headers: { 'X-Forwarded-Client-Cert': 'Hash=00' } })).status, 200);
    const received = await recorder.requests.waitFor(({ url }) => url === '/bare', { from });
    assert.deepEqual(headerValues(received, 'x-forwarded-client-cert'), []);
  });

  it('never crosses from one client to another over shared backend connections', async () => {
    const judge = (name: string) => (answer: { body: string }) =>
      new RegExp(`Subject="CN=${name}[",]`).test(readEcho(answer.body)['http_x_forwarded_client_cert'] ?? '')
        ? undefined
        : `not ${name}: ${answer.body}`;
    const load = (who: CertFiles, name: string) =>
      startLoad({
        port: gateway.ports.webSecure,
        servername: 'must.test',
        ca: pki.servers.certPem,
        cert: who.chainPem,
        key: who.keyPem,
        path: '/nginx',
        connections: 3,
        judge: judge(name),
      });
    await using alice = load(pki.alice, 'alice');
    await using other = load(carol, 'carol');
    await Promise.all([alice.waitForOk(150), other.waitForOk(150)]);
    const counts = [await alice.stop(), await other.stop()];
    for (const { failed, reasons } of counts) assert.equal(failed, 0, [...reasons.keys()].join('; '));
  });
});

const FORGEABLE = [
  'X-Forwarded-Client-Cert',
  'Client-Cert',
  'Client-Cert-Chain',
  'X-Client-Cert',
  'X-Client-Cert-Chain',
  'X-SSL-Cert',
  'X-SSL-Client-Cert',
  'X-SSL-Client-Verify',
  'X-SSL-Client-S-DN',
  'X-Forwarded-Tls-Client-Cert',
  'X-Forwarded-Tls-Client-Cert-Info',
  'SSL-Client-Cert',
  'SSL-Client-Verify',
  'X-Forwarded-For',
  'X-Forwarded-Proto',
  'X-Forwarded-Host',
  'X-Real-IP',
  'X-Request-Id',
  'Forwarded',
] as const;
const fold = (name: string): string => name.toLowerCase().replaceAll('_', '-');
const spellings = (name: string): string[] => [
  name,
  name.toLowerCase(),
  name.toUpperCase(),
  name.replaceAll('-', '_'),
  name.toUpperCase().replaceAll('-', '_'),
  name.replace('-', '_').toLowerCase(),
];
const FORGED = 'forged-by-the-client';

/** What of ours may be there, once each: everything else that could be taken for it must be gone. */
function assertNothingForged(received: Received, ours: readonly string[]): void {
  const { rawHeaders, rawTrailers } = received;
  const names = rawHeaders.filter((_, at) => at % 2 === 0).map(fold);
  for (const name of FORGEABLE.map(fold)) {
    const count = names.filter((one) => one === name).length;
    assert.equal(count, ours.includes(name) ? 1 : 0, `${name}: ${JSON.stringify(rawHeaders)}`);
  }
  assert.ok(!JSON.stringify([rawHeaders, rawTrailers]).includes(FORGED), JSON.stringify([rawHeaders, rawTrailers]));
}

const WAYS: [way: string, ours: readonly string[], host: string, who: 'alice' | 'nobody' | 'plain'][] = [
  ['over mutual TLS', ['x-forwarded-client-cert'], 'must.test', 'alice'],
  ['over TLS without a certificate', [], 'may.test', 'nobody'],
  ['over plain HTTP', [], 'may.test', 'plain'],
];
const ALWAYS = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-real-ip', 'x-request-id'];

describe('what a client says about itself', () => {
  /** Sends raw bytes the given way and returns what the backend received, or undefined where nothing reached it. */
  async function send(who: 'alice' | 'nobody' | 'plain', host: string, path: string, request: string) {
    const from = recorder.requests.length;
    const text = request.replaceAll('@HOST@', host);
    let status: number | undefined;
    if (who === 'plain') {
      const answer = await new Promise<string>((resolve) => {
        let got = '';
        const socket = connect(gateway.ports.web, '127.0.0.1', () => socket.write(text, 'latin1'));
        socket.setEncoding('latin1').on('data', (piece: string) => (got += piece));
        socket.on('close', () => resolve(got)).on('error', () => {});
      });
      status = Number(answer.slice(9, 12));
    } else {
      const { cert, key } = pki.alice;
      const to = { port: gateway.ports.webSecure, servername: host, request: text };
      status = (await sClient(who === 'alice' ? { ...to, cert, key } : to)).status;
    }
    const seen = recorder.requests.items.slice(from).find(({ url }) => url === path);
    return { status, seen };
  }

  for (const [way, ours, host, who] of WAYS) {
    it(`is gone in every spelling, twice and more, ${way}`, async () => {
      const lines = FORGEABLE.flatMap(spellings).flatMap((name) => `${name}: ${FORGED}`);
      // In several requests: the number of header lines has its limit.
      for (let at = 0; at < lines.length; at += 40) {
        const path = `/recorder/${way.length}/${at}`;
        const some = lines.slice(at, at + 40).join('\r\n');
        const { status, seen } = await send(
          who,
          host,
          path,
          `GET ${path} HTTP/1.1\r\nHost: @HOST@\r\n${some}\r\nX-Mine: kept\r\nConnection: close\r\n\r\n`,
        );
        assert.equal(status, 200);
        assert.ok(seen !== undefined);
        assertNothingForged(seen, [...ours, ...ALWAYS]);
        assert.deepEqual(headerValues(seen, 'x-mine'), ['kept']);
      }
    });

    it(`cannot make the gateway drop what it says itself, by nominating it in Connection, ${way}`, async () => {
      const path = `/recorder/nominated/${way.length}`;
      const nominated = ['close', ...FORGEABLE, 'x_forwarded_client_cert', 'X-Mine', 'Host'].join(', ');
      const { status, seen } = await send(
        who,
        host,
        path,
        `GET ${path} HTTP/1.1\r\nHost: @HOST@\r\nX-Forwarded-Client-Cert: ${FORGED}\r\nX-Mine: gone\r\nX-Other: kept\r\nConnection: ${nominated}\r\n\r\n`,
      );
      assert.equal(status, 200);
      assert.ok(seen !== undefined);
      assertNothingForged(seen, [...ours, ...ALWAYS]);
      assert.deepEqual([headerValues(seen, 'x-mine'), headerValues(seen, 'x-other')], [[], ['kept']]);
      assert.equal(headerValues(seen, 'host').length, 1);
    });

    it(`is gone from trailers too, ${way}`, async () => {
      const path = `/recorder/trailers/${way.length}`;
      const trailers = FORGEABLE.map((name) => `${name}: ${FORGED}\r\n`).join('');
      const { status, seen } = await send(
        who,
        host,
        path,
        `POST ${path} HTTP/1.1\r\nHost: @HOST@\r\nTransfer-Encoding: chunked\r\nTrailer: X-Forwarded-Client-Cert, X-Sum\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n${trailers}X-Sum: 5\r\n\r\n`,
      );
      assert.equal(status, 200);
      assert.ok(seen !== undefined);
      assert.equal(seen.body.toString(), 'hello');
      assertNothingForged(seen, [...ours, ...ALWAYS]);
      assert.deepEqual(seen.rawTrailers, ['X-Sum', '5']);
    });

    it(`cannot hide in a folded line or behind a space, ${way}`, async () => {
      for (const [at, line] of [
        `X-A: 1\r\n X-Forwarded-Client-Cert: ${FORGED}`,
        `X-Forwarded-Client-Cert : ${FORGED}`,
        `\tX-Forwarded-Client-Cert: ${FORGED}`,
        `X-A: 1\nX-Forwarded-Client-Cert: ${FORGED}`,
        `X-A: 1\rX-Forwarded-Client-Cert: ${FORGED}`,
      ].entries()) {
        const path = `/recorder/hidden/${way.length}/${at}`;
        const { status, seen } = await send(
          who,
          host,
          path,
          `GET ${path} HTTP/1.1\r\nHost: @HOST@\r\n${line}\r\nConnection: close\r\n\r\n`,
        );
        assert.deepEqual([status, seen], [400, undefined], JSON.stringify(line));
      }
    });
  }

  it('about hops behind it is gone as well, and the fields of a single hop are not passed on', async () => {
    const path = '/recorder/hops';
    const { seen } = await send(
      'alice',
      'must.test',
      path,
      `GET ${path} HTTP/1.1\r\nHost: @HOST@\r\nConnection: close, Keep-Alive\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\nX-Forwarded-For: 203.0.113.7\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n`,
    );
    assert.ok(seen !== undefined);
    for (const name of ['keep-alive', 'proxy-connection', 'upgrade']) assert.deepEqual(headerValues(seen, name), []);
    assert.deepEqual(headerValues(seen, 'x-forwarded-for'), ['127.0.0.1']);
    assert.deepEqual(headerValues(seen, 'x-forwarded-proto'), ['https']);
    assert.equal(headerValues(seen, 'traceparent').length, 1);
  });
});

describe('the connections to nginx', () => {
  it('are kept and used again, one request after the other', async () => {
    const from = nginx.access().length;
    await using load = startLoad({
      port: gateway.ports.webSecure,
      servername: 'must.test',
      ca: pki.servers.certPem,
      cert: pki.alice.chainPem,
      key: pki.alice.keyPem,
      path: '/nginx/kept',
      connections: 1,
    });
    await load.waitForOk(20);
    await load.stop();
    const entries = nginx
      .access()
      .slice(from)
      .filter(({ uri }) => uri === '/nginx/kept');
    assert.ok(entries.length >= 20);
    assert.equal(new Set(entries.map(({ connection }) => connection)).size, 1);
  });

  it('resume TLS sessions where a second one is opened', async () => {
    await using load = startLoad({
      port: gateway.ports.webSecure,
      servername: 'must.test',
      ca: pki.servers.certPem,
      cert: pki.alice.chainPem,
      key: pki.alice.keyPem,
      path: '/nginx/many',
      connections: 12,
    });
    await load.waitForOk(100);
    await load.stop();
    assert.ok(nginx.access().some(({ session }) => session === 'r'));
  });

  it('carry one identity each: two routes to one address never share a connection or a session', async () => {
    const loadOf = (path: string, subject: string) =>
      startLoad({
        port: gateway.ports.webSecure,
        servername: 'must.test',
        ca: pki.servers.certPem,
        cert: pki.alice.chainPem,
        key: pki.alice.keyPem,
        path,
        connections: 3,
        judge: ({ body }) => (readEcho(body)['ssl_client_s_dn'] === subject ? undefined : `not ${subject}: ${body}`),
      });
    await using one = loadOf('/nginx', 'CN=gateway');
    await using two = loadOf('/other', 'CN=other-gateway');
    await Promise.all([one.waitForOk(100), two.waitForOk(100)]);
    assert.deepEqual([(await one.stop()).failed, (await two.stop()).failed], [0, 0]);
  });

  it('are made without SNI where the backend is an IP address, and with its name where it has one', async () => {
    assert.equal(readEcho((await call(pki.alice, '/address')).body)['ssl_server_name'], '');
    assert.equal(readEcho((await call(pki.alice, '/nginx')).body)['ssl_server_name'], 'localhost');
  });
});
