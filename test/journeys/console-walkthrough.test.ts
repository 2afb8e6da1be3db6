// The walk-through of the console's documentation: prepare three certificates, name service address, client certificate,
// CA and SNI, switch `ssl_verify_client on` in nginx, send a test request. And the ways in which it goes wrong, each with
// its own code for the client and its own sentence for the operator.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { mintCa } from '../../src/certs/test-ca.ts';
import { startBackend } from '../support/backend.ts';
import { curl } from '../support/curl.ts';
import { accepts, findFreePort } from '../support/free-port.ts';
import { type Gateway, type LogLine, startGateway } from '../support/gateway.ts';
import { type Nginx, readEcho, startNginx } from '../support/nginx.ts';
import { type OwnedProcess, runToEnd, startProcess } from '../support/owned-process.ts';
import { requireCommand } from '../support/peers.ts';
import { openPki, type Pki } from '../support/pki.ts';
import { readProblem } from '../support/problem-answer.ts';
import { eventually } from '../support/wait-for.ts';
import { openTempDir, type TempDir } from '../support/temp.ts';

const CLI = fileURLToPath(new URL('../../bin/countersign.js', import.meta.url));

/** Everything the console asks for: address, client certificate, CA, SNI. */
const service = (ports: Readonly<Record<string, number>>): string => `version: 2
gateway:
  entryPoints: {webSecure: {enabled: false}}
  routes:
${Object.entries(ports)
  .map(([path, port]) => route(path, port))
  .join('\n')}
`;
const route = (path: string, port: number): string => `
    - name: api${path}
      path: ${path}
      target: https://localhost:${port}
      security:
        tls:
          clientCert: client.crt
          clientKey: client.key
          rootCAs: ca.crt
          serverName: api.example.com`;

describe("the console's walk-through", () => {
  it('passes its test request with the certificates of `pki init`, a backend nginx that verifies clients, and SNI', async () => {
    using dir = openTempDir('console');
    const made = await runToEnd(process.execPath, [CLI, 'pki', 'init', dir.path, '--host', 'api.example.com']);
    assert.equal(made.code, 0, made.stderr);
    const tls = { cert: dir.file('server.crt'), key: dir.file('server.key') };
    await using nginx = await startNginx({ tls, clientCa: dir.file('ca.crt') });
    await using gateway = await startGateway({ yaml: service({ '/': nginx.port }), dir });

    const answer = await curl(`http://api.example.com:${gateway.ports.web}/test`);
    assert.equal(answer.status, 200, answer.body);
    const echo = readEcho(answer.body);
    assert.equal(echo['ssl_client_verify'], 'SUCCESS');
    assert.equal(echo['ssl_client_s_dn'], 'CN=client');
    assert.equal(echo['ssl_server_name'], 'api.example.com');

    const direct = `https://api.example.com:${nginx.port}/test`;
    const client = { cert: dir.file('client.crt'), key: dir.file('client.key') };
    assert.equal((await curl(direct, { ca: dir.file('ca.crt'), ...client })).status, 200);
    assert.equal((await curl(direct, { ca: dir.file('ca.crt') })).status, 400);
  });
});

describe('the certificates of the appendix', () => {
  const stack = new AsyncDisposableStack();
  after(() => stack.disposeAsync());
  let dir: TempDir;
  let asWritten: Nginx;
  let withSan: Nginx;
  let gateway: Gateway;
  before(async () => {
    dir = stack.use(openTempDir('appendix'));
    await runAppendix(dir);
    const key = dir.file('server.key');
    asWritten = stack.use(
      await startNginx({ tls: { cert: dir.file('server.crt'), key }, clientCa: dir.file('ca.crt') }),
    );
    withSan = stack.use(
      await startNginx({ tls: { cert: dir.file('server-san.crt'), key }, clientCa: dir.file('ca.crt') }),
    );
    const yaml = service({ '/as-written': asWritten.port, '/with-san': withSan.port });
    gateway = stack.use(await startGateway({ yaml, dir }));
  });
  const call = (path: string) => curl(`http://api.example.com:${gateway.ports.web}${path}`);

  it('do not name the backend as RFC 9525 asks, in a SAN, and the log says that a CN does not count', async () => {
    const refused = await call('/as-written');
    const { requestId } = expectProblem(refused, 502, 'name_mismatch');
    const line = await gateway.waitForLog((entry) => entry['requestId'] === requestId && 'detail' in entry);
    assert.match(String(line['detail']), /does not cover api\.example\.com/);
    assert.match(String(line['detail']), /common name/i);
    assert.equal(asWritten.access().length, 0, 'the request never reached the backend');
  });

  it('work once the certificate of the backend carries its name as SAN', async () => {
    const answer = await call('/with-san');
    assert.equal(answer.status, 200, answer.body);
    assert.equal(readEcho(answer.body)['ssl_client_s_dn'], 'CN=Gateway,O=Test,C=CN');
  });
});

/** The commands of the appendix, word for word; and one more, which signs the server's request again with a SAN. */
async function runAppendix(dir: TempDir): Promise<void> {
  const openssl = async (line: string): Promise<void> => {
    const run = await runToEnd(requireCommand('openssl'), line.split(' '), { cwd: dir.path });
    assert.equal(run.code, 0, run.stderr);
  };
  dir.write('san', 'subjectAltName=DNS:api.example.com');
  const signed = '-CA ca.crt -CAkey ca.key -CAcreateserial -days 3650';
  await openssl('genrsa -out ca.key 2048');
  await openssl('req -new -x509 -key ca.key -out ca.crt -days 3650 -subj /C=CN/O=Test/CN=RootCA');
  await openssl('genrsa -out server.key 2048');
  await openssl('req -new -key server.key -out server.csr -subj /C=CN/O=Test/CN=api.example.com');
  await openssl(`x509 -req -in server.csr -out server.crt ${signed}`);
  await openssl(`x509 -req -in server.csr -out server-san.crt ${signed} -extfile san`);
  await openssl('genrsa -out client.key 2048');
  await openssl('req -new -key client.key -out client.csr -subj /C=CN/O=Test/CN=Gateway');
  await openssl(`x509 -req -in client.csr -out client.crt ${signed}`);
}

function expectProblem(
  answer: Parameters<typeof readProblem>[0],
  status: number,
  code: string,
  internals: string[] = [],
) {
  const problem = readProblem(answer, internals);
  assert.deepEqual([problem.status, problem.code], [status, code]);
  return problem;
}

/** A server that refuses certificates in TLS, with an alert, where nginx answers in HTTP. */
async function startSServer(port: number, { backend, internal }: Pki): Promise<OwnedProcess> {
  const args = ['s_server', '-accept', `127.0.0.1:${port}`, '-cert', backend.cert, '-key', backend.key, '-www'];
  args.push('-Verify', '1', '-verify_return_error', '-CAfile', internal.file);
  const server = await startProcess(requireCommand('openssl'), args, { name: 's_server' });
  await eventually(() => accepts(port), { what: 's_server to listen' });
  return server;
}

type Case = {
  readonly name: string;
  readonly route: string;
  readonly status: number;
  readonly code: string;
  readonly detail: RegExp;
};

const identity = 'clientCert: gateway.crt, clientKey: gateway.key';
const trusting = 'rootCAs: internal-ca.crt';
const cases: readonly Case[] = [
  {
    name: "no client certificate is configured, TLS 1.3: nginx's 400 page",
    route: `target: https://localhost:NGINX, security: {tls: {${trusting}}}`,
    status: 502,
    code: 'no_client_cert',
    detail: /localhost:NGINX requires a client certificate and the route has none: set security\.tls\.clientCert/,
  },
  {
    name: "no client certificate is configured, TLS 1.2: nginx's 400 page",
    route: `target: https://localhost:NGINX, security: {tls: {${trusting}, maxVersion: TLSv1.2}}`,
    status: 502,
    code: 'no_client_cert',
    detail: /localhost:NGINX requires a client certificate and the route has none: set security\.tls\.clientCert/,
  },
  {
    name: 'no client certificate is configured: a backend that sends an alert, TLS 1.3',
    route: `target: https://localhost:STRICT, security: {tls: {${trusting}}}`,
    status: 502,
    code: 'no_client_cert',
    detail: /localhost:STRICT requires a client certificate and the route has none/,
  },
  {
    name: 'no client certificate is configured: a backend that sends an alert, TLS 1.2',
    route: `target: https://localhost:STRICT, security: {tls: {${trusting}, maxVersion: TLSv1.2}}`,
    status: 502,
    code: 'no_client_cert',
    detail: /localhost:STRICT requires a client certificate and the route has none/,
  },
  {
    name: "the backend does not trust the CA of the gateway's certificate: nginx's 400 page",
    route: `target: https://localhost:NGINX, security: {tls: {${trusting}, clientCert: stranger.crt, clientKey: stranger.key}}`,
    status: 502,
    code: 'refused_by_peer',
    detail:
      /localhost:NGINX could not verify our client certificate \("CN=alice" from "CN=strangers CA,O=Countersign Test", valid until 20\d\d-\d\d-\d\d\)/,
  },
  {
    name: "the backend does not trust the CA of the gateway's certificate: an alert",
    route: `target: https://localhost:OPENSSL, security: {tls: {${trusting}, clientCert: stranger.crt, clientKey: stranger.key}}`,
    status: 502,
    code: 'refused_by_peer',
    detail:
      /localhost:OPENSSL refused our client certificate \("CN=alice" from "CN=strangers CA,O=Countersign Test", .*\): the backend sent the alert unknown_ca: it does not know/,
  },
  {
    name: "the gateway does not trust the CA of the backend's certificate",
    route: `target: https://localhost:NGINX, security: {tls: {rootCAs: elsewhere-ca.crt, ${identity}}}`,
    status: 502,
    code: 'untrusted_issuer',
    detail: /internal CA.*Elsewhere/,
  },
  {
    name: 'the server name is not in the certificate of the backend',
    route: `target: https://localhost:NGINX, security: {tls: {${trusting}, ${identity}, serverName: other.example.com}}`,
    status: 502,
    code: 'name_mismatch',
    detail: /other\.example\.com.*backend\.test/,
  },
  {
    name: 'the certificate of the backend has expired',
    route: `target: https://localhost:EXPIRED, security: {tls: {${trusting}, ${identity}}}`,
    status: 502,
    code: 'expired',
    detail: /expired/,
  },
  {
    name: 'the backend speaks plain HTTP behind https://',
    route: `target: https://localhost:PLAIN, security: {tls: {${trusting}, ${identity}}}`,
    status: 502,
    code: 'not_tls',
    detail: /localhost:PLAIN/,
  },
  {
    name: 'nothing listens at the address of the backend',
    route: `target: https://localhost:CLOSED, security: {tls: {${trusting}, ${identity}}}`,
    status: 502,
    code: 'refused',
    detail: /localhost:CLOSED/,
  },
  {
    name: 'the backend accepts the connection and stays silent',
    route: `target: https://localhost:SILENT, timeouts: {handshake: 200ms}, security: {tls: {${trusting}, ${identity}}}`,
    status: 504,
    code: 'timeout',
    detail: /localhost:SILENT.*handshake within 200 ms/,
  },
  {
    name: 'the backend takes the request and does not answer',
    route: `target: http://localhost:MUTE, timeouts: {response: 200ms}`,
    status: 504,
    code: 'response_timeout',
    detail: /localhost:MUTE did not answer within 200 ms/,
  },
  {
    name: 'the name of the backend does not resolve',
    route: `target: https://nowhere.invalid, security: {tls: {${trusting}, ${identity}}}`,
    status: 502,
    code: 'dns',
    detail: /nowhere\.invalid/,
  },
];

describe('a test request that fails tells the client a code and the operator the reason', () => {
  const stack = new AsyncDisposableStack();
  after(() => stack.disposeAsync());
  let pki: Pki;
  let nginx: Nginx;
  let expired: Nginx;
  let gateway: Gateway;
  let ports: Record<string, number>;

  before(async () => {
    pki = stack.use(await openPki());
    const elsewhere = await mintCa({ subject: '/O=Elsewhere/CN=Elsewhere CA' });
    pki.dir.write('elsewhere-ca.crt', elsewhere.certPem);
    const dates = { notBefore: Date.now() - 3 * 86_400_000, notAfter: Date.now() - 86_400_000 };
    const old = await pki.internal.issueFiles('old', { kind: 'server', sans: ['localhost'], ...dates });
    nginx = stack.use(await startNginx({ tls: pki.backend, clientCa: pki.internal.file }));
    expired = stack.use(await startNginx({ tls: old, clientCa: pki.internal.file }));
    const { chainPem: cert, keyPem: key } = pki.backend;
    const strict = stack.use(await startBackend({ tls: { cert, key, clientCa: pki.internal.certPem } }));
    const plain = stack.use(await startBackend());
    const mute = stack.use(await startBackend({ handle: () => {} }));
    const silent = createServer((socket) => stack.defer(() => void socket.on('error', () => {}).destroy()));
    stack.defer(() => void silent.close());
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const opensslPort = await findFreePort();
    stack.use(await startSServer(opensslPort, pki));
    ports = {
      OPENSSL: opensslPort,
      NGINX: nginx.port,
      EXPIRED: expired.port,
      STRICT: strict.port,
      PLAIN: plain.port,
      MUTE: mute.port,
      SILENT: (silent.address() as { port: number }).port,
      CLOSED: await findFreePort(),
    };
    const routes = cases.map(({ route }, at) => `    - {name: r${at}, path: /${at}, ${put(route)}}`).join('\n');
    gateway = stack.use(
      await startGateway({
        yaml: `version: 2\ngateway:\n  entryPoints: {webSecure: {enabled: false}}\n  routes:\n${routes}\n`,
        dir: pki.dir,
      }),
    );
  });

  /** Port numbers for their names. */
  const put = (text: string): string => text.replaceAll(/\b[A-Z]{4,}\b/g, (name) => String(ports[name] ?? name));

  for (const [at, { name, status, code, detail }] of cases.entries()) {
    it(`${name} → ${status} ${code}`, async () => {
      const answer = await curl(`http://shop.example.com:${gateway.ports.web}/${at}/x`);
      const internals = [...Object.values(ports).map(String), 'nowhere.invalid'];
      const { requestId } = expectProblem(answer, status, code, internals);
      const line: LogLine = await gateway.waitForLog((entry) => entry['requestId'] === requestId && 'source' in entry);
      assert.deepEqual([line['code'], line['source'], line['route']], [code, 'backend', `r${at}`]);
      assert.match(String(line['detail']), new RegExp(put(detail.source), 'i'));
    });
  }
});
