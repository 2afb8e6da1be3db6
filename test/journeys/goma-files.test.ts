// The YAML of Goma Gateway's own documentation, as written there apart from the folder of the certificates and the
// addresses of the backends: three files (cert.pem, key.pem, ca.pem) serve both sides.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { curl, type CurlResult } from '../support/curl.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { type Nginx, readEcho, startNginx } from '../support/nginx.ts';
import { type Authority, type CertFiles, openAuthority } from '../support/pki.ts';
import { mintCa } from '../../src/certs/test-ca.ts';
import { openTempDir, type TempDir } from '../support/temp.ts';

const INBOUND = `
gateway:
  tls:
    certificates:
      - cert: /etc/goma/certs/cert.pem
        key: /etc/goma/certs/key.pem
    clientAuth:
      clientCA: /etc/goma/certs/ca.pem
      required: true
`;

const ROUTES = `
routes:
  - name: api
    path: /
    hosts:
      - api.example.com
    enabled: true
    backends:
      - endpoint: https://api-example:8443
        weight: 80
      - endpoint: https://api-example-beta:8443
        weight: 20
    security:
      tls:
        insecureSkipVerify: false
        rootCAs: /etc/goma/certs/ca.pem
        clientCert: /etc/goma/certs/cert.pem
        clientKey: /etc/goma/certs/key.pem
    healthCheck:
      path: /
      interval: 15s
      timeout: 10s
      healthyStatuses: [200]
`;

describe("the files of Goma's documentation", () => {
  const stack = new AsyncDisposableStack();
  after(() => stack.disposeAsync());
  let dir: TempDir;
  let ca: Authority;
  let alice: CertFiles;
  let stranger: { cert: string; key: string };
  let main: Nginx;
  let beta: Nginx;
  let gateway: Gateway;

  before(async () => {
    dir = stack.use(openTempDir('goma'));
    ca = await openAuthority(dir, 'company');
    const names = ['api.example.com', 'localhost'];
    const ours = await ca.issue({ kind: 'both', cn: 'goma', sans: names });
    dir.write('certs/cert.pem', ours.chainPem);
    dir.write('certs/key.pem', ours.keyPem);
    dir.write('certs/ca.pem', ca.certPem);
    alice = await ca.issueFiles('alice', { kind: 'client', cn: 'alice', sans: [] });
    const elsewhere = await (await mintCa({ subject: '/O=Elsewhere/CN=Elsewhere CA' })).issue({
      kind: 'client',
      cn: 'alice',
    });
    stranger = {
      cert: dir.write('stranger.crt', elsewhere.chainPem),
      key: dir.write('stranger.key', elsewhere.keyPem),
    };
    const tls = await ca.issueFiles('backend', { kind: 'server', sans: ['localhost'] });
    main = stack.use(await startNginx({ tls, clientCa: ca.file, name: 'main' }));
    beta = stack.use(await startNginx({ tls, clientCa: ca.file, name: 'beta' }));
    gateway = stack.use(await startGateway({ yaml: adapt(INBOUND + ROUTES) }));
  });

  const adapt = (yaml: string): string =>
    yaml
      .replaceAll('/etc/goma/certs', dir.file('certs'))
      .replace('api-example:8443', `localhost:${main.port}`)
      .replace('api-example-beta:8443', `localhost:${beta.port}`);
  const call = (at: Gateway, files: { cert?: string; key?: string } = {}): Promise<CurlResult> =>
    curl(`https://api.example.com:${at.ports.webSecure}/orders`, { ca: ca.file, ...files });

  async function expectBothLegs(at: Gateway): Promise<void> {
    const passed = await call(at, { cert: alice.cert, key: alice.key });
    assert.equal(passed.status, 200, passed.stderr);
    const echo = readEcho(passed.body);
    assert.equal(echo['request_uri'], '/orders');
    assert.equal(echo['ssl_client_verify'], 'SUCCESS');
    assert.equal(echo['ssl_client_s_dn'], 'CN=goma');
    assert.match(echo['http_x_forwarded_client_cert'] ?? '', /Subject="CN=alice"/);
  }

  it('with clientAuth required a good client passes, over mutual TLS on both legs', async () => {
    await expectBothLegs(gateway);
  });

  it('with clientAuth required nobody else passes: without a certificate, or with one of another CA', async () => {
    const anonymous = await call(gateway);
    assert.equal(anonymous.status, 0, anonymous.body);
    await gateway.waitForLog((line) => line['code'] === 'no_client_cert');
    const unknown = await call(gateway, { cert: stranger.cert, key: stranger.key });
    assert.equal(unknown.status, 0, unknown.body);
    const refused = await gateway.waitForLog((line) => line['code'] === 'untrusted_issuer');
    assert.match(JSON.stringify(refused), /Elsewhere CA/);
  });

  it('the routes may stand in a file of extraConfig', async () => {
    dir.write('extra/api.yaml', adapt(ROUTES));
    const extra = `  extraConfig:\n    directory: ${dir.file('extra')}\n    watch: true\n`;
    await using other = await startGateway({ yaml: adapt(INBOUND) + extra });
    await expectBothLegs(other);
  });

  it('the routes alone give mutual TLS to the backends, a self-signed certificate and plain HTTP to clients', async () => {
    await using other = await startGateway({ yaml: adapt(ROUTES) });
    assert.ok(other.log.items.some((line) => /self-signed/.test(line.msg)));
    const secure = await curl(`https://api.example.com:${other.ports.webSecure}/a`, { args: ['--insecure'] });
    assert.equal(readEcho(secure.body)['ssl_client_s_dn'], 'CN=goma');
    const plain = await curl(`http://api.example.com:${other.ports.web}/b`);
    assert.equal(readEcho(plain.body)['ssl_client_s_dn'], 'CN=goma');
    assert.equal(readEcho(plain.body)['http_x_forwarded_client_cert'], '');
  });

  it('every certificate field takes a path, PEM text or base64 of PEM text', async () => {
    const base64 = (name: string): string => readFileSync(dir.file(`certs/${name}`)).toString('base64');
    const pem = (name: string, indent: string): string =>
      `|\n${readFileSync(dir.file(`certs/${name}`), 'utf8')
        .replaceAll(/^/gm, indent)
        .trimEnd()}`;
    const yaml = adapt(INBOUND + ROUTES)
      .replace(`clientCA: ${dir.file('certs/ca.pem')}`, `clientCA: ${pem('ca.pem', '        ')}`)
      .replace(`rootCAs: ${dir.file('certs/ca.pem')}`, `rootCAs: ${base64('ca.pem')}`)
      .replace(`clientCert: ${dir.file('certs/cert.pem')}`, `clientCert: ${base64('cert.pem')}`)
      .replace(`clientKey: ${dir.file('certs/key.pem')}`, `clientKey: ${pem('key.pem', '          ')}`);
    assert.ok(!yaml.includes(dir.file('certs/ca.pem')));
    await using other = await startGateway({ yaml });
    await expectBothLegs(other);
    assert.equal((await call(other)).status, 0);
  });
});
