// What an nginx behind the gateway learns about the client: one element, quoted, that never crosses from one request to
// another, and neither does the gateway's own identity (incident 18).
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { type Backend, headerValues, startBackend } from '../support/backend.ts';
import { curl, type CurlOptions, type CurlResult } from '../support/curl.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { startLoad } from '../support/load.ts';
import { type Nginx, readEcho, startNginx } from '../support/nginx.ts';
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
      `${BY};Hash=${hashOf(carol)};Subject="CN=carol,O=Shop\\, Inc.";URI=;DNS=carol.example.org;DNS=www.example.org`,
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
    const verify = (name: string) => (answer: { body: string }) =>
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
        verify: verify(name),
      });
    await using alice = load(pki.alice, 'alice');
    await using other = load(carol, 'carol');
    await Promise.all([alice.waitForOk(150), other.waitForOk(150)]);
    const counts = [await alice.stop(), await other.stop()];
    for (const { failed, reasons } of counts) assert.equal(failed, 0, [...reasons.keys()].join('; '));
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
        verify: ({ body }) => (readEcho(body)['ssl_client_s_dn'] === subject ? undefined : `not ${subject}: ${body}`),
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
