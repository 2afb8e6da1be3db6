// What backends are told about a client, in each dialect and mode, per gateway and per route, compared with what `openssl
// x509` and nginx say of the same certificate; and what becomes of a client that cannot be told about.
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { parseXfcc } from '../../src/forwarding/xfcc.ts';
import { type Backend, headerValues, type Received, startBackend } from '../support/backend.ts';
import { curl } from '../support/curl.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { readByteSequences, readEscapedPem, readSanList } from '../support/identity-readers.ts';
import { sumOf } from '../support/mtls-setup.ts';
import { type Nginx, readEcho, startNginx } from '../support/nginx.ts';
import { sClient } from '../support/openssl.ts';
import { runToEnd } from '../support/owned-process.ts';
import { requireCommand } from '../support/peers.ts';
import { type CertFiles, openPki, type Pki } from '../support/pki.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let pki: Pki;
/** Below an intermediate. */
let carol: CertFiles;
let intermediate: Buffer;
/** More names than fit. */
let crowd: CertFiles;
let recorder: Backend;
let nginx: Nginx;
let gateway: Gateway;

const MODES = ['sanitize', 'sanitizeSet', 'forwardOnly', 'appendForward', 'alwaysForwardOnly'] as const;

before(async () => {
  pki = stack.use(await openPki());
  const issuing = await pki.clients.issueCa({ subject: '/O=Shop, Inc./CN=issuing CA' });
  intermediate = issuing.der;
  pki.dir.write('issuing.crt', issuing.certPem);
  const issued = await issuing.issue({
    kind: 'client',
    subject: '/C=CN/O=Shop, Inc./OU=a+b/OU=Zo\u00eb/CN=carol "c"',
    sans: ['spiffe://example.org/ns/prod/sa/carol', 'carol.example.org', '192.0.2.7', 'carol@example.org'],
    serial: '00a1b2c3d4e5f60708090a',
  });
  const files = { cert: pki.dir.write('carol.crt', issued.chainPem), key: pki.dir.write('carol.key', issued.keyPem) };
  carol = { ...issued, ...files };
  crowd = await pki.clients.issueFiles('crowd', {
    kind: 'client',
    cn: 'crowd',
    sans: Array.from({ length: 500 }, (_, i) => `member-${i}.a-rather-long-name.example.org`),
  });
  await pki.servers.issueFiles('names', {
    kind: 'server',
    sans: ['must.test', 'may.test', 'spiffe://example.org/edge'],
  });
  recorder = stack.use(await startBackend());
  const both = pki.dir.write('both.crt', pki.internal.certPem + pki.clients.certPem);
  nginx = stack.use(
    await startNginx({
      tls: pki.backend,
      clientCa: both,
      echo: [
        '$ssl_client_escaped_cert',
        '$ssl_client_s_dn',
        '$ssl_client_i_dn',
        '$ssl_client_serial',
        '$http_x_pem',
        '$http_x_subject',
        '$http_x_issuer',
        '$http_x_serial',
      ],
      server: 'large_client_header_buffers 4 32k;',
    }),
  );
  gateway = stack.use(await startGateway({ yaml: configuration() }));
});

function configuration(tls = ''): string {
  const file = (name: string) => pki.dir.file(name);
  const target = `target: "http://localhost:${recorder.port}"`;
  const forward = (settings: string) => `security: {forwardClientCert: ${settings}}`;
  return `version: 2
gateway:
  accessLog: {enabled: false}
  tls:
    certificates: [{cert: ${file('names.crt')}, key: ${file('names.key')}}]
    clientAuth: {clientCA: ${pki.clients.file}, required: true}
${tls}
    policies:
      - {name: may, hosts: [may.test], clientAuth: {clientCA: ${pki.clients.file}, required: false}}
  forwardClientCert:
    xfcc: {cert: true, chain: true}
    rfc9440: {clientCert: true, chain: true}
    custom:
      - {name: X-Pem, value: pem}
      - {name: X-Der, value: der}
      - {name: X-Subject, value: subject}
      - {name: X-Issuer, value: issuer}
      - {name: X-Serial, value: serial}
      - {name: X-Fingerprint, value: fingerprint}
      - {name: X-Spiffe, value: spiffe}
      - {name: X-Sans, value: sans}
  routes:
    - {name: gateway, path: /gateway, hosts: [must.test, may.test], ${target}}
    - {name: own, path: /own, hosts: [must.test], ${target}, ${forward('{mode: sanitize, rfc9440: {clientCert: true, chain: false}, custom: [{name: SSL_CLIENT_S_DN, value: subject}]}')}}
    - {name: nothing, path: /nothing, hosts: [must.test], ${target}, ${forward('{mode: sanitize, rfc9440: {clientCert: false, chain: false}, custom: []}')}}
    - {name: short, path: /short, hosts: [must.test], ${target}, ${forward('{xfcc: {cert: false, chain: false, dns: false}, rfc9440: {clientCert: false, chain: false}, custom: []}')}}
    - name: nginx
      path: /nginx
      hosts: [must.test]
      target: https://localhost:${nginx.port}
      security: {tls: {rootCAs: ${pki.internal.file}, clientCert: ${pki.gateway.cert}, clientKey: ${pki.gateway.key}}}
${MODES.map((mode) => `    - {name: ${mode}, path: /${mode}, hosts: [must.test, may.test], ${target}, ${forward(`{mode: ${mode}, xfcc: {cert: false, chain: false}, custom: [{name: X-Subject, value: subject}]}`)}}`).join('\n')}
`;
}

/** One request; what the backend received, or the refusal. */
async function call(
  who: CertFiles | undefined,
  path: string,
  headers: Record<string, string> = {},
  host = 'must.test',
): Promise<{ status: number; body: string; seen: Received | undefined }> {
  const from = recorder.requests.length;
  const { status, body } = await curl(`https://${host}:${gateway.ports.webSecure}${path}`, {
    ca: pki.servers.file,
    ...(who === undefined ? {} : { cert: who.cert, key: who.key }),
    headers,
  });
  return { status, body, seen: recorder.requests.items.slice(from).find(({ url }) => url === path) };
}

async function received(...args: Parameters<typeof call>): Promise<Received> {
  const { status, body, seen } = await call(...args);
  assert.equal(status, 200, body);
  assert.ok(seen !== undefined);
  return seen;
}

/** The only value of a field; undefined where it is absent. */
function field(request: Received, name: string): string | undefined {
  const values = headerValues(request, name);
  assert.ok(values.length < 2, `${name} twice`);
  return values[0];
}

async function x509(who: CertFiles, ...args: string[]): Promise<string> {
  const run = await runToEnd(requireCommand('openssl'), ['x509', '-in', who.cert, '-noout', ...args]);
  assert.equal(run.code, 0, run.stderr);
  return run.stdout.trim();
}

const OURS = ['x-forwarded-client-cert', 'client-cert', 'client-cert-chain', 'x-pem', 'x-subject', 'x-sans'];

describe('what backends are told', () => {
  it('is what openssl says of the certificate, in every field', async () => {
    const seen = await received(carol, '/gateway');
    const xfcc = field(seen, 'x-forwarded-client-cert') ?? '';
    const [element, ...more] = parseXfcc(xfcc) ?? [];
    assert.ok(element !== undefined && more.length === 0, xfcc);
    const { cert = '', chain = '', ...rest } = element;
    const names = { uris: ['spiffe://example.org/ns/prod/sa/carol'], dns: ['carol.example.org'] };
    const subject = (await x509(carol, '-subject', '-nameopt', 'RFC2253')).replace(/^subject=/, '');
    const sha256 = hash('sha256', carol.der, 'hex');
    // The quotes of the name as hex pairs, all else as OpenSSL writes it.
    const quotable = subject.replaceAll('\\"', '\\22');
    assert.deepEqual(rest, { by: ['spiffe://example.org/edge'], hash: sha256, subject: quotable, ...names });
    assert.deepEqual(readEscapedPem(cert), [carol.der]);
    assert.deepEqual(readEscapedPem(chain), [carol.der, intermediate]);

    assert.deepEqual(readByteSequences(field(seen, 'client-cert') ?? ''), [carol.der]);
    assert.deepEqual(readByteSequences(field(seen, 'client-cert-chain') ?? ''), [intermediate]);

    assert.deepEqual(readEscapedPem(field(seen, 'x-pem') ?? ''), [carol.der]);
    assert.equal(field(seen, 'x-der'), carol.der.toString('base64'));
    assert.equal(field(seen, 'x-subject'), subject);
    assert.equal(`issuer=${field(seen, 'x-issuer')}`, await x509(carol, '-issuer', '-nameopt', 'RFC2253'));
    assert.equal(`serial=${field(seen, 'x-serial')}`, await x509(carol, '-serial'));
    const fingerprint = (await x509(carol, '-fingerprint', '-sha256')).replace(/^.*=/, '').replaceAll(':', '');
    assert.equal(field(seen, 'x-fingerprint'), fingerprint.toLowerCase());
    assert.equal(field(seen, 'x-spiffe'), 'spiffe://example.org/ns/prod/sa/carol');
    assert.deepEqual(readSanList(field(seen, 'x-sans') ?? ''), [
      { type: 'URI', value: 'spiffe://example.org/ns/prod/sa/carol' },
      { type: 'DNS', value: 'carol.example.org' },
      { type: 'IP', value: '192.0.2.7' },
      { type: 'EMAIL', value: 'carol@example.org' },
    ]);
  });

  it('is, byte for byte, what nginx would have told them', async () => {
    const { cert, key } = carol;
    const ca = pki.internal.file;
    const direct = readEcho((await curl(`https://localhost:${nginx.port}/nginx`, { ca, cert, key })).body);
    const through = readEcho(
      (await curl(`https://must.test:${gateway.ports.webSecure}/nginx`, { ca: pki.servers.file, cert, key })).body,
    );
    assert.match(direct['ssl_client_escaped_cert'] ?? '', /^-----BEGIN%20CERTIFICATE-----%0A/);
    assert.equal(through['http_x_pem'], direct['ssl_client_escaped_cert']);
    assert.equal(through['http_x_subject'], direct['ssl_client_s_dn']);
    assert.equal(through['http_x_issuer'], direct['ssl_client_i_dn']);
    assert.equal(through['http_x_serial'], direct['ssl_client_serial']);
    assert.equal(through['ssl_client_s_dn'], 'CN=gateway');
  });

  it('has no chain below the anchor itself, no SPIFFE ID where there is none, and nothing of an anonymous client', async () => {
    const alice = await received(pki.alice, '/gateway');
    assert.equal(field(alice, 'client-cert-chain'), undefined);
    assert.deepEqual(readByteSequences(field(alice, 'client-cert') ?? ''), [pki.alice.der]);
    const nameless = await pki.clients.issueFiles('nameless', { kind: 'client', cn: 'nameless', sans: [] });
    const seen = await received(nameless, '/gateway');
    assert.deepEqual([field(seen, 'x-spiffe'), field(seen, 'x-sans')], [undefined, undefined]);
    assert.equal(field(seen, 'x-subject'), 'CN=nameless');
    const nobody = await received(undefined, '/gateway', {}, 'may.test');
    for (const name of OURS) assert.equal(field(nobody, name), undefined, name);
  });

  it('is what the route says where it says something, also on one connection', async () => {
    const own = await received(carol, '/own');
    assert.equal(field(own, 'x-forwarded-client-cert'), undefined);
    assert.deepEqual(readByteSequences(field(own, 'client-cert') ?? ''), [carol.der]);
    assert.equal(field(own, 'client-cert-chain'), undefined);
    assert.match(field(own, 'SSL_CLIENT_S_DN') ?? '', /^CN=carol /);
    assert.equal(field(own, 'x-subject'), undefined);

    const nothing = await received(carol, '/nothing');
    for (const name of [...OURS, 'ssl_client_s_dn']) assert.equal(field(nothing, name), undefined, name);

    const short = await received(carol, '/short');
    assert.match(field(short, 'x-forwarded-client-cert') ?? '', /^By=[^;]+;Hash=[^;]+;Subject="[^;]+";URI=[^;]+$/);

    const from = recorder.requests.length;
    const paths = ['/own', '/nothing', '/gateway', '/short', '/own', '/gateway', '/nothing'];
    const request = paths.map((path, at) => {
      const last = at === paths.length - 1 ? 'Connection: close\r\n' : '';
      return `GET ${path} HTTP/1.1\r\nHost: must.test\r\n${last}\r\n`;
    });
    const { port, cert, key } = { port: gateway.ports.webSecure, ...carol };
    await sClient({
      port,
      servername: 'must.test',
      cert,
      key,
      chain: pki.dir.file('issuing.crt'),
      request: request.join(''),
    });
    const seen = recorder.requests.items.slice(from);
    assert.deepEqual(
      seen.map(({ url }) => url),
      paths,
    );
    for (const one of seen) {
      assert.equal(field(one, 'x-forwarded-client-cert') !== undefined, ['/gateway', '/short'].includes(one.url));
      assert.equal(field(one, 'client-cert') !== undefined, ['/gateway', '/own'].includes(one.url));
      assert.equal(field(one, 'ssl_client_s_dn') !== undefined, one.url === '/own');
    }
  });
});

const SENT = 'Hash=00;URI=spiffe://example.org/behind-a-proxy';

describe('the modes', () => {
  for (const mode of MODES) {
    it(`${mode}: of an authenticated and an anonymous client`, async () => {
      const headers = { 'X-Forwarded-Client-Cert': SENT, 'Client-Cert': ':AAAA:', 'X-Subject': 'CN=root' };
      const known = await received(carol, `/${mode}`, headers);
      const own = field(await received(carol, '/short'), 'x-forwarded-client-cert') ?? '';
      const ours = `${own};DNS=carol.example.org`;
      const said = field(known, 'x-forwarded-client-cert');
      const expected = {
        sanitize: undefined,
        sanitizeSet: ours,
        forwardOnly: SENT,
        appendForward: `${SENT},${ours}`,
        alwaysForwardOnly: SENT,
      };
      assert.equal(said, expected[mode]);
      assert.deepEqual(readByteSequences(field(known, 'client-cert') ?? ''), [carol.der]);
      assert.match(field(known, 'x-subject') ?? '', /^CN=carol /);

      const nobody = await received(undefined, `/${mode}`, headers, 'may.test');
      assert.equal(field(nobody, 'x-forwarded-client-cert'), mode === 'alwaysForwardOnly' ? SENT : undefined);
      for (const name of ['client-cert', 'client-cert-chain', 'x-subject'])
        assert.equal(field(nobody, name), undefined);

      const bad = await call(carol, `/${mode}`, { 'X-Forwarded-Client-Cert': 'Subject="CN=open' });
      const passesOn = ['forwardOnly', 'appendForward', 'alwaysForwardOnly'].includes(mode);
      assert.deepEqual([bad.status, bad.seen === undefined], passesOn ? [400, true] : [200, false]);
    });
  }
});

describe('an identity that cannot be forwarded', () => {
  it('for its size: the request is refused, on the routes that would forward it', async () => {
    const before = sumOf((await gateway.admin('/metrics')).body, 'countersign_faults_total', 'identity_too_large');
    for (const path of ['/gateway', '/sanitizeSet']) {
      const { status, body, seen } = await call(crowd, path);
      assert.deepEqual([status, seen], [403, undefined], path);
      assert.equal((JSON.parse(body) as { code: string }).code, 'identity_too_large');
    }
    assert.equal((await call(crowd, '/nothing')).status, 200);
    const after = sumOf((await gateway.admin('/metrics')).body, 'countersign_faults_total', 'identity_too_large');
    assert.equal(after - before, 2);
  });

  it('for a chain that is not known: it goes without, counted', async () => {
    const keys = pki.dir.write('ticket-keys', 'k'.repeat(64));
    const yaml = configuration(`    sessionResumption: {keys: ${keys}}`);
    const session = pki.dir.file('session');
    const connect = async (to: Gateway, sessions: { sessionIn?: string; sessionOut?: string }) => {
      const { cert, key } = carol;
      const from = recorder.requests.length;
      const request = 'GET /gateway HTTP/1.1\r\nHost: must.test\r\nConnection: close\r\n\r\n';
      const chain = pki.dir.file('issuing.crt');
      const port = to.ports.webSecure;
      const answer = await sClient({ port, servername: 'must.test', cert, key, chain, request, ...sessions });
      assert.equal(answer.status, 200, answer.output);
      return { reused: answer.reused, seen: recorder.requests.items[from] };
    };
    // Ticket keys change on the clock: where they did between the two connections, the session is worth nothing.
    for (let attempt = 1; ; attempt += 1) {
      {
        await using one = await startGateway({ yaml });
        const { seen } = await connect(one, { sessionOut: session });
        assert.ok(seen !== undefined && field(seen, 'client-cert-chain') !== undefined);
      }
      await using two = await startGateway({ yaml });
      const { reused, seen } = await connect(two, { sessionIn: session });
      if (!reused && attempt < 3) continue;
      assert.ok(reused && seen !== undefined);
      assert.deepEqual(readByteSequences(field(seen, 'client-cert') ?? ''), [carol.der]);
      assert.equal(field(seen, 'client-cert-chain'), undefined);
      assert.match(field(seen, 'x-forwarded-client-cert') ?? '', /;Cert="[^"]+";Subject="/);
      const { body } = await two.admin('/metrics');
      assert.equal(sumOf(body, 'countersign_identity_chain_unknown_total'), 1);
      return;
    }
  });
});
