// The walk-through of the console's documentation: prepare three certificates, name service address, client certificate,
// CA and SNI, switch `ssl_verify_client on` in nginx, send a test request. The ways in which it goes wrong: broken-setups.test.ts.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { curl } from '../support/curl.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { type Nginx, readEcho, startNginx } from '../support/nginx.ts';
import { runToEnd } from '../support/owned-process.ts';
import { requireCommand } from '../support/peers.ts';
import { readProblem } from '../support/problem-answer.ts';
import { openTempDir, type TempDir } from '../support/temp.ts';
import { program } from '../support/program.ts';

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
    const made = await runToEnd(process.execPath, [program, 'pki', 'init', dir.path, '--host', 'api.example.com']);
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
