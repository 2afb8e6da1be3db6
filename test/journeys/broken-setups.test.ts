// Set-ups that are broken in one place each, as people break them: what the log line says first (its `msg`), what the client is
// answered. One gateway for all of them: policies by server name for clients, a route for each backend.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get as httpGet } from '../../src/base/node-http.ts';
import net, { type AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { derTag } from '../../src/asn1/der.ts';
import { encodeDer, encodeName, encodePem } from '../../src/asn1/der-writer.ts';
import { dayMs } from '../../src/base/clock.ts';
import { readFacts } from '../../src/certs/facts-reader.ts';
import { type Issued, type LeafOptions, mintCa, openCa, type TestCa } from '../../src/certs/test-ca.ts';
import { openSwap } from '../support/certificate-swap.ts';
import { accepts, findFreePort } from '../support/free-port.ts';
import { type Gateway, type LogLine, startGateway } from '../support/gateway.ts';
import { reloadBy } from '../support/mtls-setup.ts';
import { startNginx } from '../support/nginx.ts';
import { sClient, type SClientOptions } from '../support/openssl.ts';
import { startProcess } from '../support/owned-process.ts';
import { requireCommand } from '../support/peers.ts';
import { openPki, type Pki } from '../support/pki.ts';
import { readProblem } from '../support/problem-answer.ts';
import { eventually } from '../support/wait-for.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());

let pki: Pki;
let gateway: Gateway;
let ports: Record<string, number>;
/** CAs of the policy `main`, besides that of alice. */
let limited: TestCa;
let below: TestCa;

const client = { kind: 'client', cn: 'bob' } as const;
const anyUsage = { oid: '2.5.29.37', value: Buffer.from('30060604551d2500', 'hex') };
const noAuthorityKey = { oid: '2.5.29.35', value: undefined };
const strange = { oid: '1.2.3.4', critical: true, value: Buffer.from('0500', 'hex') };

/** An authorityKeyIdentifier that asks for another certificate of the CA than the one that is there. */
function oldSerial(): { oid: string; value: Buffer } {
  const name = encodeName([[['O', 'Countersign Test']], [['CN', 'clients CA']]]);
  const asked = [encodeDer(0xa1, encodeDer(0xa4, name)), encodeDer(0x82, Buffer.from([0x42]))];
  return { oid: '2.5.29.35', value: encodeDer(derTag.sequence, Buffer.concat(asked)) };
}

async function setUp(): Promise<void> {
  pki = stack.use(await openPki());
  const { dir, clients, internal, backend } = pki;
  const only = encodeDer(derTag.sequence, encodeDer(0x82, Buffer.from('corp.test')));
  const value = encodeDer(derTag.sequence, encodeDer(0xa0, only));
  limited = await mintCa({ subject: '/CN=Limited', extensions: [{ oid: '2.5.29.30', critical: true, value }] });
  below = await clients.issueCa({ subject: '/O=Elsewhere/CN=Below' });
  dir.write('main-ca.crt', clients.certPem + limited.certPem);
  const list = (options: Parameters<TestCa['issueCrl']>[0]): string => encodePem('X509 CRL', clients.issueCrl(options));
  dir.write('main.crl', list({ revoked: [{ serial: '7777' }] }));
  dir.write('stale.crl', list({ thisUpdate: Date.now() - 2 * dayMs, nextUpdate: Date.now() - dayMs }));

  const other = await mintCa({ subject: '/O=Countersign Test/CN=Other' });
  const issuing = await internal.issueCa({ subject: '/CN=Issuing' });
  const server = { kind: 'server', sans: ['localhost'] } as const;
  const servers: Record<string, { issued: Issued; more?: string }> = {
    STRANGER: { issued: await other.issue(server) },
    HEADLESS: { issued: { ...(await issuing.issue(server)), chainPem: '' } },
    EXPIRED: { issued: await internal.issue({ ...server, ...past() }) },
    EARLY: { issued: await internal.issue({ ...server, notBefore: Date.now() + dayMs }) },
    CLIENTS: { issued: await internal.issue({ ...server, kind: 'client' }) },
    ELSEWHERE: { issued: await internal.issue({ ...server, sans: ['other.test'] }) },
    WEAK: {
      issued: await internal.issue({ ...server, key: 'rsa-1024' }),
      more: 'ssl_ciphers DEFAULT@SECLEVEL=0;',
    },
    OLD: { issued: backend, more: 'ssl_protocols TLSv1.1; ssl_ciphers DEFAULT@SECLEVEL=0;' },
    REVOKED: { issued: await internal.issue({ ...server, serial: '7778' }) },
  };
  const list2 = internal.issueCrl({ revoked: [{ serial: '7778' }] });
  dir.write('internal.crl', encodePem('X509 CRL', list2));
  ports = {};
  const blocks: string[] = [];
  for (const [name, { issued, more = 'ssl_protocols TLSv1.2 TLSv1.3;' }] of Object.entries(servers)) {
    ports[name] = await findFreePort();
    const cert = dir.write(`${name}.crt`, issued.chainPem === '' ? issued.certPem : issued.chainPem);
    const key = dir.write(`${name}.key`, issued.keyPem);
    blocks.push(`server { listen 127.0.0.1:${ports[name]} ssl; ssl_certificate ${cert}; ssl_certificate_key ${key};
      ${more} location / { return 200 "never\\n"; } }`);
  }
  const nginx = stack.use(await startNginx({ tls: backend, clientCa: internal.file, http: blocks.join('\n') }));
  Object.assign(ports, { NGINX: nginx.port, CLOSED: await findFreePort(), STRICT: await findFreePort() });
  await startStrict(ports['STRICT'] as number);
  Object.assign(ports, {
    PLAIN: await serve((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')),
    SILENT: await serve(() => undefined),
    HALVES: await serve((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n0123456789')),
    CHUNKS: await serve((socket) => socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n')),
    ALERTS: await serve((socket) => socket.end(Buffer.from([21, 3, 3, 0, 2, 2, 50]))),
    NOISE: await serve((socket) => socket.end('220 mail ready\r\n')),
  });
  gateway = stack.use(await startGateway({ yaml: yaml(), dir }));
}
before(setUp);

const past = (): Pick<LeafOptions, 'notBefore' | 'notAfter'> => ({
  notBefore: Date.now() - 3 * dayMs,
  notAfter: Date.now() - dayMs,
});

/** A TCP server that does `act` once something was sent. */
async function serve(act: (socket: net.Socket) => void): Promise<number> {
  const server = net.createServer((socket) => {
    stack.defer(() => void socket.destroy());
    socket.on('error', () => undefined);
    socket.once('data', () => act(socket));
  });
  stack.defer(() => void server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** A server that refuses certificates in TLS, with an alert, where nginx answers in HTTP. */
async function startStrict(port: number): Promise<void> {
  const { backend, internal } = pki;
  const args = ['s_server', '-accept', `127.0.0.1:${port}`, '-cert', backend.cert, '-key', backend.key, '-www'];
  args.push('-Verify', '1', '-verify_return_error', '-CAfile', internal.file);
  stack.use(await startProcess(requireCommand('openssl'), args, { name: 's_server' }));
  await eventually(() => accepts(port), { what: 's_server to listen' });
}

/** Port numbers for their names. */
const put = (text: string): string => text.replaceAll(/\b[A-Z]{3,}\b/g, (name) => String(ports[name] ?? name));

function yaml(): string {
  const policy = (name: string, auth: string, more = ''): string =>
    `      - {name: ${name}, hosts: [${name}.test], ${more}clientAuth: {clientCA: main-ca.crt, onFailure: explain, ${auth}}}`;
  const crl = (file: string): string => `crl: {sources: [${file}], onMissing: allow}`;
  const routes = backends.map(
    ({ route }, at) => `    - {name: r${at}, path: /${at}, hosts: [shop.test], ${put(route)}}`,
  );
  return `version: 2
gateway:
  accessLog: {enabled: true, path: stdout}
  tls:
    certificates: [{cert: edge.crt, key: edge.key}]
    policies:
${[
  policy('main', crl('main.crl')),
  policy('stale', crl('stale.crl')),
  policy('names', 'allowedSANs: [{type: URI, exact: "spiffe://example.org/admin"}]'),
  policy('pins', `allowedFingerprints: ["${'ab'.repeat(32)}"]`),
  policy('modern', 'maxDepth: 4', 'minVersion: TLSv1.3, '),
  policy('curves', 'maxDepth: 4', 'curves: [X25519, P-256], '),
  policy('optional', 'required: false'),
  policy('silent', 'maxDepth: 4').replace('explain', 'close'),
  policy('quiet', 'maxDepth: 4').replace('explain', 'close'),
].join('\n')}
      - {name: shop, hosts: [shop.test]}
  routes:
    - {name: clients, path: /, hosts: [main.test, stale.test, names.test, pins.test, modern.test, curves.test, optional.test, silent.test, quiet.test], target: "http://127.0.0.1:1", security: {clientCert: {required: true}}}
${routes.join('\n')}
`;
}

type ClientCase = {
  readonly name: string;
  /** Of the policy; default main. */
  readonly at?: string | false;
  /** Who comes; nobody where it is left out. */
  readonly as?: () => Promise<Issued>;
  readonly options?: Partial<SClientOptions>;
  /** What stands first in the log: code and cause. */
  readonly says: RegExp;
  /** What to do, where it is not what the code says. */
  readonly help?: RegExp;
  /** `answer`: a problem document with the code. `silence`: none is possible. A number: an alert of TLS. */
  readonly gets?: 'answer' | 'silence' | number;
};

const lone = (issued: Issued): Issued => ({ ...issued, chainPem: issued.certPem });
const byAlice = (change: Partial<LeafOptions>) => (): Promise<Issued> => pki.clients.issue({ ...client, ...change });

const clients: readonly ClientCase[] = [
  {
    name: 'a certificate of another CA of the same organisation',
    as: async () => (await mintCa({ subject: '/O=Countersign Test/CN=Other' })).issue(client),
    says: /untrusted_issuer: "CN=bob": its issuer "CN=Other,.*" is not among the anchors \("CN=clients CA.*another CA, or an intermediate/,
  },
  {
    name: 'a certificate of a CA of another organisation',
    as: async () => (await mintCa({ subject: '/O=Else/CN=Else' })).issue(client),
    says: /untrusted_issuer: "CN=bob": its issuer "CN=Else,O=Else" is not among the anchors/,
  },
  {
    name: 'a self-signed certificate',
    as: () => mintCa({ subject: '/CN=self', extensions: [{ oid: '2.5.29.15', value: undefined }] }),
    says: /untrusted_issuer: "CN=self" is self-signed and not among the anchors/,
  },
  {
    name: 'a certificate of our CA made anew under its old name',
    as: async () => (await mintCa({ subject: '/O=Countersign Test/CN=clients CA' })).issue(client),
    says: /untrusted_issuer: "CN=bob" names the issuer .* another key, .*: was the CA made anew\?/,
    help: /Add the certificate of the CA that did issue it/,
  },
  {
    name: 'a certificate named like its CA',
    as: async () =>
      (await mintCa({ subject: '/CN=twin' })).issue({ ...client, subject: '/CN=twin', extensions: [noAuthorityKey] }),
    says: /untrusted_issuer: "CN=twin": its issuer "CN=twin" is not among the anchors/,
  },
  {
    name: 'an intermediate that nobody has seen is not sent',
    as: async () => lone(await below.issue(client)),
    says: /untrusted_issuer: "CN=bob": its issuer "CN=Below,O=Elsewhere" is not .*an intermediate below one of them that was not sent/,
  },
  {
    name: 'a certificate that asks for an older certificate of its CA',
    as: byAlice({ extensions: [oldSerial()] }),
    says: /untrusted_issuer: "CN=bob" was issued by .*which is an anchor, but its authorityKeyIdentifier asks for .* serial number 42/,
  },
  {
    name: 'a certificate that was issued with a leaf',
    as: async () => openCa(pki.alice.certPem, pki.alice.keyPem, pki.clients.certPem).issue(client),
    says: /untrusted_issuer: "CN=bob" was issued by "CN=alice", which is not a CA/,
  },
  { name: 'an expired certificate', as: byAlice(past()), says: /expired: "CN=bob": it expired on .*our clock says/ },
  {
    name: 'a certificate that is not valid yet',
    as: byAlice({ notBefore: Date.now() + dayMs }),
    says: /not_yet_valid: "CN=bob": it is valid from/,
  },
  { name: 'a revoked certificate', as: byAlice({ serial: '7777' }), says: /revoked: .*7777/ },
  { name: 'a stale CRL', at: 'stale', as: byAlice({}), says: /crl_stale: .*"CN=bob", serial/ },
  {
    name: 'a certificate for servers',
    as: byAlice({ kind: 'server' }),
    says: /wrong_purpose: "CN=bob" is not made for a client: its extended key usage lacks clientAuth \(serial/,
  },
  {
    name: 'a certificate for anyExtendedKeyUsage',
    as: byAlice({ extensions: [anyUsage] }),
    says: /wrong_purpose: .*lacks clientAuth \(anyExtendedKeyUsage does not stand for it\)/,
  },
  { name: 'a weak key', as: byAlice({ key: 'rsa-1024' }), says: /weak_key: "CN=bob": the key is RSA of 1024 bits/ },
  { name: 'a signature with SHA-1', as: byAlice({ hash: 'sha1' }), says: /weak_key: "CN=bob": .*SHA-1/ },
  {
    name: 'a name that the CA may not certify',
    as: async () => limited.issue({ ...client, sans: ['a.evil.test'] }),
    says: /name_mismatch: "CN=bob": its CA "CN=Limited" may not certify DNS:a\.evil\.test: .*DNS:corp\.test only/,
    help: /issued by a CA that may certify this name/,
  },
  {
    name: 'a critical extension that nobody knows',
    as: byAlice({ extensions: [strange] }),
    says: /malformed_cert: "CN=bob" has the critical extension 1\.2\.3\.4/,
  },
  {
    name: 'another name than the policy allows',
    at: 'names',
    as: byAlice({ sans: ['x.test'] }),
    says: /name_mismatch: .*x\.test/,
  },
  {
    name: 'another certificate than the pinned one',
    at: 'pins',
    as: byAlice({}),
    says: /pin_mismatch: .*"CN=bob", serial/,
  },
  { name: 'no certificate', says: /no_client_cert: the client sent no certificate \(from 127\.0\.0\.1\)/ },
  {
    name: 'no certificate, TLS 1.2, and a policy that closes',
    at: 'silent',
    options: { tls: '1.2' },
    says: /no_client_cert: the client sent no certificate/,
    gets: 40,
  },
  {
    name: 'no certificate, TLS 1.3, and a policy that closes',
    at: 'quiet',
    options: { tls: '1.3' },
    says: /no_client_cert: the client sent no certificate/,
    gets: 116,
  },
  {
    name: 'an expired certificate, and a policy that closes',
    at: 'silent',
    as: byAlice(past()),
    says: /expired: "CN=bob": it expired on .*serial/,
    gets: 'silence',
  },
  {
    name: 'TLS 1.2 where the policy wants 1.3',
    at: 'modern',
    as: byAlice({}),
    options: { tls: '1.2' },
    says: /protocol_mismatch: .*the client offers TLSv1\.2, the policy TLSv1\.3 to TLSv1\.3/,
    gets: 70,
  },
  {
    name: 'no common cipher',
    as: byAlice({}),
    options: { tls: '1.2', args: ['-cipher', 'AES128-SHA:@SECLEVEL=0'] },
    says: /protocol_mismatch: no TLS version, cipher or group in common \(no_shared_cipher\)/,
    gets: 40,
  },
  {
    name: 'no common application protocol',
    as: byAlice({}),
    options: { args: ['-alpn', 'mqtt'] },
    says: /protocol_mismatch: no application protocol in common \(ALPN\): the client offers mqtt, we speak .*http\/1\.1/,
    help: /ALPN/,
    gets: 120,
  },
  {
    name: 'a key on a curve that is not offered, TLS 1.2',
    at: 'curves',
    as: byAlice({ key: 'ec-p384' }),
    options: { tls: '1.2' },
    says: /protocol_mismatch: the key of the certificate is on a curve .*: its key is EC P-384 \("CN=bob", serial/,
    help: /`curves`/,
    gets: 47,
  },
  {
    name: 'a server name that nobody here has',
    at: 'nobody',
    says: /unknown_sni: no policy has this server name/,
    gets: 'silence',
  },
];

/** What an s_client said and got, with its certificate in files. */
async function ask({ at = 'main', as, options }: ClientCase, port = gateway.ports.webSecure) {
  const who = await as?.();
  const { dir } = pki;
  const files = who && {
    cert: dir.write('bob.crt', who.certPem),
    key: dir.write('bob.key', who.keyPem),
    ...(who.chainPem !== '' && who.chainPem !== who.certPem && { chain: dir.write('bob-chain.crt', who.chainPem) }),
  };
  const args = ['-cipher', 'DEFAULT@SECLEVEL=0'];
  return sClient({ port, servername: at === false ? false : `${at}.test`, args, ...files, ...options });
}

function expectClient(
  { says, help, gets = 'answer' }: ClientCase,
  answer: Awaited<ReturnType<typeof ask>>,
  line: LogLine,
) {
  assert.match(line.msg, new RegExp(`^handshake refused: ${says.source}`));
  assert.ok(line.msg.length < 600, line.msg);
  assert.match(String(line['help']), help ?? /^[A-Z].{20}/);
  assert.equal(Object.keys(line).at(-1), 'help');
  if (gets === 'answer')
    assert.match(answer.response, new RegExp(`^HTTP/1\\.1 403 [^]*"code":"${String(line['code'])}"`));
  else assert.equal(answer.status, undefined);
  if (typeof gets === 'number') assert.equal(answer.alert?.number, gets, answer.output);
}

describe('a client is told, and so is whoever reads the log:', () => {
  for (const one of clients) {
    it(one.name, async () => {
      const from = gateway.log.length;
      const answer = await ask(one);
      expectClient(one, answer, await gateway.waitForLog(({ msg }) => msg.startsWith('handshake refused'), { from }));
    });
  }

  it('an intermediate that is known is not sent', async () => {
    const good = await below.issue(client);
    // From one who sends it: the route behind has nobody, but the handshake passes.
    assert.equal((await ask({ name: '', says: /x/, as: async () => good })).status, 502);
    const from = gateway.log.length;
    const one: ClientCase = {
      name: '',
      as: async () => lone(good),
      says: /missing_intermediate: "CN=bob" was sent without the intermediate "CN=Below,O=Elsewhere", which is known here/,
    };
    const answer = await ask(one);
    expectClient(one, answer, await gateway.waitForLog(({ msg }) => msg.startsWith('handshake refused'), { from }));
  });

  for (const [name, certificates, says] of [
    [
      "somebody else's certificate, without its key",
      () => [pki.alice.der],
      /unproven_key: the client did not prove .*\("CN=alice", serial [0-9a-f]+, from/,
    ],
    ['a certificate that is none', () => [Buffer.from('hello')], /malformed_cert: the certificate .* cannot be read/],
  ] as const) {
    it(name, async () => {
      const swap = await openSwap(gateway.ports.webSecure, certificates());
      stack.defer(() => swap.close());
      const from = gateway.log.length;
      await ask({ name, says, as: byAlice({}), options: { tls: '1.2' } }, swap.port);
      const line = await gateway.waitForLog(({ msg }) => msg.startsWith('handshake refused'), { from });
      assert.match(line.msg, new RegExp(`^handshake refused: ${says.source}`));
    });
  }

  it('plain HTTP on the TLS port', async () => {
    const from = gateway.log.length;
    const answer = await get(gateway.ports.webSecure, '/');
    assert.equal(answer.status, 400);
    const line = await gateway.waitForLog(({ msg }) => msg.startsWith('handshake refused'), { from });
    assert.match(line.msg, /^handshake refused: not_tls: plain HTTP on a TLS port/);
  });

  it('no certificate, for a route that requires one where the policy does not', async () => {
    const from = gateway.log.length;
    const answer = await ask({ name: '', says: /x/, at: 'optional' });
    assert.match(answer.response, /^HTTP\/1\.1 403 [^]*"code":"no_client_cert"/);
    const line = await gateway.waitForLog(({ rule }) => rule !== undefined, { from });
    assert.deepEqual([line['code'], line['rule']], ['no_client_cert', 'clientCert.required']);
    assert.match(String(line['detail']), /the route requires a client certificate, and the client has shown none/);
  });

  it('a request that is none, with the place where it breaks', async () => {
    const from = gateway.log.length;
    const request = 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n';
    await ask({ name: '', says: /x/, as: byAlice({}), options: { request } });
    const line = await gateway.waitForLog(({ code }) => code === 'bad_request', { from });
    assert.match(String(line['detail']), /host/i);
  });
});

type BackendCase = {
  readonly name: string;
  readonly route: string;
  readonly status?: number;
  /** undefined: the answer had begun, and is visibly cut off. */
  readonly title: RegExp | undefined;
  readonly says: RegExp;
  readonly help?: RegExp;
};

const identity = 'clientCert: gateway.crt, clientKey: gateway.key';
const trusting = 'rootCAs: internal-ca.crt';
const stranger = 'clientCert: stranger.crt, clientKey: stranger.key';
const to = (port: string, tls = `${trusting}, ${identity}`, more = ''): string =>
  `target: "https://localhost:${port}"${more}, security: {tls: {${tls}}}`;

const backends: readonly BackendCase[] = [
  {
    name: 'nobody listens',
    route: to('CLOSED'),
    title: /connection refused/,
    says: /refused: localhost:CLOSED: connect ECONNREFUSED/,
  },
  {
    name: 'its certificate is of another CA of the same organisation',
    route: to('STRANGER'),
    title: /certificate of the backend from an issuer that is not trusted/,
    says: /untrusted_issuer: localhost:STRANGER: "CN=localhost": its issuer "CN=Other,.*another CA, or an intermediate .*serial/,
    help: /rootCAs/,
  },
  {
    name: 'it does not send its intermediate',
    route: to('HEADLESS'),
    title: /not trusted/,
    says: /untrusted_issuer: localhost:HEADLESS: "CN=localhost": its issuer "CN=Issuing" .*an intermediate .* not sent along/,
  },
  {
    name: 'its certificate has expired',
    route: to('EXPIRED'),
    title: /certificate of the backend expired/,
    says: /expired: localhost:EXPIRED: "CN=localhost": it expired on .*serial/,
    help: /Renew the certificate of the backend/,
  },
  {
    name: 'its certificate is not valid yet',
    route: to('EARLY'),
    title: /certificate of the backend not valid yet/,
    says: /not_yet_valid: localhost:EARLY: "CN=localhost": it is valid from/,
  },
  {
    name: 'its certificate is for clients',
    route: to('CLIENTS'),
    title: /made for another purpose/,
    says: /wrong_purpose: localhost:CLIENTS: .*its extended key usage lacks serverAuth/,
    help: /serverAuth/,
  },
  {
    name: 'its certificate names another host',
    route: to('ELSEWHERE'),
    title: /does not have the wanted name/,
    says: /name_mismatch: localhost:ELSEWHERE: .*does not cover localhost: it carries other\.test/,
    help: /serverName/,
  },
  {
    name: 'its key is weak',
    route: to('WEAK'),
    title: /too weak|in common/,
    says: /(?:weak_key|protocol_mismatch): localhost:WEAK: /,
  },
  {
    name: 'it is revoked',
    route: to('REVOKED', `${trusting}, ${identity}, crl: {sources: [internal.crl]}`),
    title: /certificate of the backend revoked/,
    says: /revoked: localhost:REVOKED: .*7778/,
  },
  {
    name: 'it speaks TLS 1.1 only',
    route: to('OLD'),
    title: /no TLS version or cipher in common with the backend/,
    says: /protocol_mismatch: localhost:OLD: .*we offer TLSv1\.2 to TLSv1\.3/,
  },
  {
    name: 'it speaks plain HTTP',
    route: to('PLAIN'),
    title: /one side speaks TLS/,
    says: /not_tls: localhost:PLAIN: the first bytes are not TLS/,
    help: /http:\/\//,
  },
  {
    name: 'it speaks TLS where the route says http, and answers with an alert',
    route: 'target: "http://localhost:ALERTS"',
    title: /one side speaks TLS/,
    says: /not_tls: the backend speaks TLS on this port, and the route asks in plain HTTP/,
    help: /https:\/\//,
  },
  {
    name: "it speaks TLS where the route says http, and answers with nginx's page",
    route: 'target: "http://localhost:NGINX"',
    title: /one side speaks TLS/,
    says: /not_tls: the backend speaks TLS on this port/,
    help: /https:\/\//,
  },
  {
    name: 'it speaks something else',
    route: 'target: "http://localhost:NOISE"',
    title: /malformed answer/,
    says: /backend_protocol: /,
  },
  {
    name: 'it wants a certificate and the route has none: an alert',
    route: to('STRICT', trusting),
    title: /requires a certificate of the gateway/,
    says: /no_client_cert: localhost:STRICT requires a client certificate and the route has none/,
    help: /security\.tls\.clientCert/,
  },
  {
    name: 'it wants a certificate and the route has none: an alert, TLS 1.2',
    route: to('STRICT', `${trusting}, maxVersion: TLSv1.2`),
    title: /requires a certificate of the gateway/,
    says: /no_client_cert: localhost:STRICT requires a client certificate and the route has none/,
    help: /security\.tls\.clientCert/,
  },
  {
    name: "it wants a certificate and the route has none: nginx's page",
    route: to('NGINX', trusting),
    title: /requires a certificate of the gateway/,
    says: /no_client_cert: localhost:NGINX requires a client certificate and the route has none/,
    help: /security\.tls\.clientCert/,
  },
  {
    name: 'it does not know the CA of our certificate: an alert',
    route: to('STRICT', `${trusting}, ${stranger}`),
    title: /the backend refused the gateway/,
    says: /refused_by_peer: localhost:STRICT refused our client certificate \("CN=alice" from "CN=strangers CA.*\): .*unknown_ca/,
    help: /explain backend/,
  },
  {
    name: "it does not know the CA of our certificate: nginx's page",
    route: to('NGINX', `${trusting}, ${stranger}`),
    title: /the backend refused the gateway/,
    says: /refused_by_peer: localhost:NGINX could not verify our client certificate \("CN=alice" from "CN=strangers CA.*\)/,
    help: /explain backend/,
  },
  {
    name: 'it accepts the connection and says nothing',
    route: to('SILENT', undefined, ', timeouts: {handshake: 200ms}'),
    status: 504,
    title: /timed out/,
    says: /timeout: localhost:SILENT .*did not finish the TLS handshake within 200 ms/,
  },
  {
    name: 'it takes the request and does not answer',
    route: 'target: "http://localhost:SILENT", timeouts: {response: 200ms}',
    status: 504,
    title: /did not answer in time/,
    says: /response_timeout: localhost:SILENT did not answer within 200 ms/,
  },
  {
    name: 'its name leads nowhere',
    route: 'target: "http://nowhere.invalid"',
    title: /did not resolve/,
    says: /dns: nowhere\.invalid:80: /,
  },
  {
    name: 'it sends half an answer',
    route: 'target: "http://localhost:HALVES"',
    status: 200,
    title: undefined,
    says: /backend_truncated: closed after 10 of 1000 bytes of its answer/,
  },
  {
    name: 'it ends an answer in chunks before its end',
    route: 'target: "http://localhost:CHUNKS"',
    status: 200,
    title: undefined,
    says: /backend_truncated: closed after 5 bytes of its answer, before its end/,
  },
];

/** The case of a backend where nobody listens. */
const gone = 0;

type PlainAnswer = { status: number; headers: Record<string, string>; body: string; complete: boolean };

function get(port: number, path: string): Promise<PlainAnswer> {
  return new Promise((resolve, reject) => {
    const request = httpGet(
      { host: '127.0.0.1', port, path, agent: false, headers: { host: 'shop.test' } },
      (answer) => {
        let body = '';
        answer.setEncoding('utf8').on('data', (piece: string) => (body += piece));
        answer.on('error', () => undefined);
        answer.on('close', () =>
          resolve({
            status: answer.statusCode ?? 0,
            headers: answer.headers as Record<string, string>,
            body,
            complete: answer.complete,
          }),
        );
      },
    );
    request.on('error', reject);
  });
}

describe('where a backend cannot be used, the client is told whose fault it is, and the log why:', () => {
  for (const [at, { name, status = 502, title, says, help = /^[A-Z].{20}/ }] of backends.entries()) {
    it(name, async () => {
      const answer = await get(gateway.ports.web, `/${at}`);
      assert.equal(answer.status, status, answer.body);
      if (title === undefined) assert.equal(answer.complete, false);
      else {
        readProblem(
          answer,
          Object.values(ports).map((port) => `:${port}`),
        );
        assert.match((JSON.parse(answer.body) as { title: string }).title, title);
      }
      const line = await gateway.waitForLog((one) => one['route'] === `r${at}` && one.msg.startsWith('request failed'));
      assert.match(line.msg, new RegExp(`^request failed: ${put(says.source)}`));
      assert.match(line.msg, new RegExp(` \\(route r${at}\\)$`));
      assert.match(String(line['help']), help);
      assert.equal(Object.keys(line).at(-1), 'help');
    });
  }
});

describe('a line that was written a moment ago', () => {
  it('is not written again, but for another certificate behind the same address, and after a reload', async () => {
    const [one, two] = await Promise.all([
      pki.clients.issue({ ...client, ...past() }),
      pki.clients.issue({ ...client, ...past() }),
    ]);
    const from = gateway.log.length;
    const told = (): unknown[] =>
      gateway.log.items
        .slice(from)
        .filter(({ code, leaf }) => code === 'expired' && leaf !== undefined)
        .map((line) => [(line['leaf'] as { serial: string }).serial, line['repeated']]);
    const [first, second] = [one, two].map(({ der }) => readFacts(der).serial);
    for (const who of [one, one, two]) await ask({ name: '', says: /x/, as: async () => who });
    await eventually(() => told().length === 2, { what: 'two lines' });
    assert.deepEqual(told(), [
      [first, 0],
      [second, 0],
    ]);
    await get(gateway.ports.web, `/${gone}`);
    await get(gateway.ports.web, `/${gone}`);
    assert.ok((await reloadBy(gateway, () => gateway.rewrite(`${yaml()}# again\n`))).ok);
    const failed = (): number =>
      gateway.log.items.filter(({ msg, route }) => msg.startsWith('request failed') && route === `r${gone}`).length;
    const before = failed();
    await get(gateway.ports.web, `/${gone}`);
    await ask({ name: '', says: /x/, as: async () => one });
    await eventually(() => told().length === 4 && failed() === before + 1, {
      what: 'the sum, and the first line anew',
    });
    assert.deepEqual(told().slice(2), [
      [first, 1],
      [first, 0],
    ]);
  });
});
