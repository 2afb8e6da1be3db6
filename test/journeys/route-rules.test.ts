// Certificates asked for at the handshake of one host and demanded by some of its routes: who may call which, what the log
// says of a denial and what the client learns, and that no other host and no plain port is any way round (incident 24).
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { curl, type CurlOptions, type CurlResult } from '../support/curl.ts';
import { type Gateway, type LogLine, startGateway } from '../support/gateway.ts';
import { keepConnection } from '../support/kept-connection.ts';
import { reloadBy } from '../support/mtls-setup.ts';
import { type Nginx, startNginx } from '../support/nginx.ts';
import { sClient } from '../support/openssl.ts';
import { type CertFiles, openPki, type Pki } from '../support/pki.ts';
import { readProblem } from '../support/problem-answer.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let pki: Pki;
let admin: CertFiles;
let nginx: Nginx;
let gateway: Gateway;

const adminRule = '[{type: URI, exact: "spiffe://example.org/admin"}, {trustDomain: ops.example.org}]';

const config = (rule = adminRule): string => `version: 2
gateway:
  accessLog: {path: stdout}
  tls:
    certificates: [{cert: names.crt, key: names.key}]
    policies:
      - {name: api, hosts: [api.test], clientAuth: {clientCA: clients-ca.crt, required: false}}
      - {name: strict, hosts: [strict.test], clientAuth: {clientCA: clients-ca.crt, required: true}}
      - {name: www, hosts: [www.test]}
  routes:
    - {name: public, path: /public, hosts: [api.test, www.test], target: "http://127.0.0.1:${nginx.port}"}
    - {name: members, path: /members, hosts: [api.test], target: "http://127.0.0.1:${nginx.port}", security: {clientCert: {required: true}}}
    - {name: admin, path: /admin, hosts: [api.test, strict.test], target: "http://127.0.0.1:${nginx.port}", security: {clientCert: {allow: ${rule}}}}
    - name: payments
      path: /payments
      hosts: [api.test, strict.test]
      target: "http://127.0.0.1:${nginx.port}"
      security: {clientCert: {allow: [{subject: {suffix: ', ou=Payments, O=Acme\\, Inc.'}}, {commonName: {exact: console}}]}}
    - {name: either, path: /either, hosts: [api.test], target: "http://127.0.0.1:${nginx.port}", security: {clientCert: {required: false, allow: ${rule}}}}
`;

before(async () => {
  pki = stack.use(await openPki());
  nginx = stack.use(await startNginx());
  admin = await pki.clients.issueFiles('admin', { kind: 'client', cn: 'admin', sans: ['spiffe://example.org/admin'] });
  await pki.servers.issueFiles('names', { kind: 'server', sans: ['api.test', 'strict.test', 'www.test'] });
  gateway = stack.use(await startGateway({ yaml: config(), dir: pki.dir }));
});

const ask = (
  who: CertFiles | undefined,
  path: string,
  host = 'api.test',
  options: CurlOptions = {},
): Promise<CurlResult> =>
  curl(`https://${host}:${gateway.ports.webSecure}${path}`, {
    ca: pki.servers.file,
    ...(who !== undefined && { cert: who.cert, key: who.key }),
    ...options,
  });
const plain = (path: string, options: CurlOptions = {}): Promise<CurlResult> =>
  curl(`http://api.test:${gateway.ports.web}${path}`, options);
const accessLine = (from: number, fits: (line: LogLine) => boolean): Promise<LogLine> =>
  gateway.waitForLog((line) => line['requestId'] !== undefined && fits(line), { from });

describe('a route', () => {
  it('lets in whom its rule names; every other client of the same connection kind gets 403', async () => {
    const rows: [path: string, anonymous: number, alice: number, admin: number][] = [
      ['/public', 200, 200, 200],
      ['/members', 403, 200, 200],
      ['/admin', 403, 403, 200],
      ['/either', 200, 403, 200],
    ];
    for (const [path, ...wanted] of rows) {
      const answers = [await ask(undefined, path), await ask(pki.alice, path), await ask(admin, path)];
      assert.deepEqual(
        answers.map(({ status }) => status),
        wanted,
        path,
      );
      for (const [at, answer] of answers.entries()) {
        if (answer.status !== 403) continue;
        assert.equal(readProblem(answer).code, at === 0 ? 'no_client_cert' : 'policy_denied');
        assert.doesNotMatch(
          answer.body,
          /spiffe|allow|clientCert|required|admin/,
          'the client learns nothing of the rule',
        );
      }
    }
  });

  it('judges each request of a connection for itself', async () => {
    using alice = await keepConnection({
      port: gateway.ports.webSecure,
      servername: 'api.test',
      as: pki.alice,
      ca: pki.servers.certPem,
    });
    for (const [path, status] of [
      ['/members', 200],
      ['/admin', 403],
      ['/public', 200],
      ['/admin', 403],
      ['/members', 200],
    ] as const) {
      assert.match(await alice.get(path), new RegExp(`^HTTP/1.1 ${status}`), path);
    }
  });

  it('behind a policy that requires certificates adds to what the policy asks', async () => {
    assert.equal((await ask(admin, '/admin', 'strict.test')).status, 200);
    assert.equal((await ask(pki.alice, '/admin', 'strict.test')).status, 403);
    assert.notEqual((await ask(undefined, '/admin', 'strict.test')).exitCode, 0);
  });

  it('that denies says so in the access log, with the rule', async () => {
    const from = gateway.log.length;
    await ask(pki.alice, '/admin/x?secret=1');
    const denied = await accessLine(from, ({ path }) => path === '/admin/x');
    assert.deepEqual(
      [denied['status'], denied['code'], denied['rule']],
      [403, 'policy_denied', 'clientCert.allow: URI exact "spiffe://example.org/admin", trustDomain "ops.example.org"'],
    );
    await ask(undefined, '/members/x');
    const anonymous = await accessLine(from, ({ path }) => path === '/members/x');
    assert.deepEqual([anonymous['code'], anonymous['rule']], ['no_client_cert', 'clientCert.required']);
    await ask(admin, '/admin/y');
    const passed = await accessLine(from, ({ path }) => path === '/admin/y');
    assert.deepEqual([passed['code'], passed['rule']], [undefined, undefined]);
  });

  it('never trusts what the request says about its client', async () => {
    const headers = {
      'X-Forwarded-Client-Cert': 'Hash=00;URI=spiffe://example.org/admin',
      'Client-Cert': ':AA==:',
      'X-Forwarded-Proto': 'https',
    };
    for (const who of [undefined, pki.alice]) {
      assert.equal((await ask(who, '/admin', 'api.test', { headers })).status, 403);
    }
  });
});

it('A route can go by the subject of certificates that have no other name, and no value in one looks like it', async () => {
  const issue = (name: string, subject: string) => pki.clients.issueFiles(name, { kind: 'client', subject, sans: [] });
  const who = await Promise.all([
    issue('till', '/O=Acme, Inc./OU=Payments/CN=till'),
    issue('console', '/CN=console'),
    issue('forged', '/CN=x,OU=Payments,O=Acme\\, Inc.'),
    issue('other', '/O=Acme, Inc./OU=Payments2/CN=till'),
  ]);
  const from = gateway.log.length;
  const statuses = [];
  for (const one of who) statuses.push((await ask(one, '/payments')).status);
  assert.deepEqual(statuses, [200, 200, 403, 403]);
  const denied = await accessLine(from, ({ path, status }) => path === '/payments' && status === 403);
  assert.match(
    String(denied['rule']),
    /^clientCert\.allow: subject suffix ",OU=Payments,O=Acme\\2C Inc\.", commonName exact "console"$/,
  );
});

describe('over plain HTTP', () => {
  it('a route that requires a certificate is redirected to or refused, never served, whatever headers claim', async () => {
    const before = nginx.access().length;
    for (const headers of [
      {},
      { 'X-Forwarded-Proto': 'https' },
      { 'X-Forwarded-Client-Cert': 'URI=spiffe://example.org/admin' },
    ]) {
      for (const path of ['/members', '/admin']) {
        const got = await plain(`${path}?x=1`, { headers });
        assert.deepEqual(
          [got.status, got.headers['location']],
          [308, `https://api.test:${gateway.ports.webSecure}${path}?x=1`],
        );
        const posted = await plain(path, { headers, method: 'POST', body: 'x' });
        assert.deepEqual([posted.status, readProblem(posted).code], [403, 'plaintext_refused']);
      }
    }
    assert.equal(nginx.access().length, before);
  });

  it('a route that lets anonymous clients in serves them, as it would over TLS', async () => {
    for (const path of ['/public', '/either']) assert.equal((await plain(path)).status, 200);
  });
});

describe('the handshake', () => {
  for (const tls of ['1.2', '1.3'] as const) {
    it(`over TLS ${tls} asks for a certificate only where the policy of the host does`, async () => {
      for (const [servername, asks] of [
        ['api.test', true],
        ['strict.test', true],
        ['www.test', false],
      ] as const) {
        const { output, acceptableCas } = await sClient({
          port: gateway.ports.webSecure,
          servername,
          tls,
          cert: admin.cert,
          key: admin.key,
          request: `GET /public HTTP/1.1\r\nHost: ${servername}\r\nConnection: close\r\n\r\n`,
          args: ['-msg'],
        });
        assert.equal(/CertificateRequest/.test(output), asks, output);
        assert.equal(acceptableCas.length, asks ? 1 : 0);
      }
    });
  }
});

describe('a reload', () => {
  it('puts a new rule in force for the next request of connections that are open', async () => {
    using alice = await keepConnection({
      port: gateway.ports.webSecure,
      servername: 'api.test',
      as: pki.alice,
      ca: pki.servers.certPem,
    });
    assert.match(await alice.get('/admin'), /^HTTP\/1.1 403/);
    assert.match(await alice.get('/members'), /^HTTP\/1.1 200/);
    const everybody = '[{type: URI, prefix: "spiffe://example.org/"}]';
    assert.ok((await reloadBy(gateway, () => gateway.rewrite(config(everybody)))).ok);
    assert.match(await alice.get('/admin'), /^HTTP\/1.1 200/, 'the connection itself is as good as it was');
    assert.ok((await reloadBy(gateway, () => gateway.rewrite(config()))).ok);
    assert.match(await alice.get('/admin'), /^HTTP\/1.1 403/);
  });
});
