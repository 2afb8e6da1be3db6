// Which backend is the right one, over the real gateway: by its names, by its pins, under TLS 1.2 and 1.3, with the reason
// in the answer, in the log and in the metrics; and nothing is shared by routes that ask for different ones (incident 18).
import assert from 'node:assert/strict';
import { createPublicKey, hash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { curl, type CurlResult } from '../support/curl.ts';
import { findFreePort, accepts } from '../support/free-port.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { reloadBy, sumOf } from '../support/mtls-setup.ts';
import { type Nginx, readEcho, startNginx } from '../support/nginx.ts';
import { startProcess } from '../support/owned-process.ts';
import { requireCommand } from '../support/peers.ts';
import { type CertFiles, openPki, type Pki } from '../support/pki.ts';
import { eventually } from '../support/wait-for.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let pki: Pki;
let mesh: CertFiles;
/** Shows an ID and no DNS name. */
let nginx: Nginx;
let gateway: Gateway;
const plainTls: Record<string, number> = {};

/** `openssl s_server` that answers every GET with a page about the connection, in one version of TLS. */
async function startServer(certificate: CertFiles, version: '-tls1_2' | '-tls1_3'): Promise<number> {
  const port = await findFreePort();
  const args = ['s_server', '-accept', `127.0.0.1:${port}`, '-www', version, '-quiet'];
  args.push('-cert', certificate.cert, '-key', certificate.key);
  const server = await startProcess(requireCommand('openssl'), args, { name: `s_server ${version}` });
  stack.defer(async () => void (await server.stop('SIGKILL')));
  await eventually(() => accepts(port), { what: 's_server to listen' });
  return port;
}

const fingerprint = ({ der }: CertFiles): string => hash('sha256', der, 'hex');
const spki = ({ certPem }: CertFiles): string =>
  hash('sha256', createPublicKey(certPem).export({ type: 'spki', format: 'der' }), 'base64');

function yaml(client = 'gateway'): string {
  const ours = `rootCAs: internal-ca.crt, clientCert: ${client}.crt, clientKey: ${client}.key`;
  const nginxAt = `https://localhost:${nginx.port}`;
  const orders = 'allowedSANs: [{spiffe: "spiffe://mesh.test/orders"}]';
  const route = (name: string, target: string, rules: string, more = ''): string =>
    `    - {name: ${name}, path: /${name}, hosts: [localhost], target: "${target}", security: {tls: {${ours}${rules === '' ? '' : `, ${rules}`}}}${more}}`;
  const check = ', healthCheck: {path: /, interval: 1h, unhealthyThreshold: 1}';
  return `version: 2
gateway:
  accessLog: {enabled: false}
  tls: {certificates: [{cert: edge.crt, key: edge.key}]}
  routes:
${[
  route('orders', nginxAt, orders),
  route('orders12', nginxAt, `${orders}, maxVersion: TLSv1.2`),
  route('billing', nginxAt, 'allowedSANs: [{spiffe: "spiffe://mesh.test/billing"}]'),
  route('named', nginxAt, ''),
  route('domain', nginxAt, 'allowedSANs: [{trustDomain: mesh.test}]'),
  route('pinned', nginxAt, `${orders}, allowedFingerprints: ["${fingerprint(mesh)}"]`),
  route('mispinned', nginxAt, `${orders}, allowedFingerprints: ["${fingerprint(pki.gateway)}"]`),
  route('checked', nginxAt, `${orders}, allowedSPKI: ["${spki(pki.gateway)}"]`, check),
  ...['12', '13'].flatMap((version) => [
    route(`key${version}`, `https://localhost:${plainTls[version]}`, `allowedSPKI: ["${spki(pki.backend)}"]`),
    route(`nokey${version}`, `https://localhost:${plainTls[version]}`, `allowedSPKI: ["${spki(mesh)}"]`),
    route(`dns${version}`, `https://localhost:${plainTls[version]}`, 'allowedSANs: [{type: DNS, exact: backend.test}]'),
    route(`nodns${version}`, `https://localhost:${plainTls[version]}`, 'allowedSANs: [{type: DNS, exact: other.test}]'),
  ]),
].join('\n')}
`;
}

before(async () => {
  pki = stack.use(await openPki());
  mesh = await pki.internal.issueFiles('mesh', { kind: 'server', subject: '', sans: ['spiffe://mesh.test/orders'] });
  await pki.internal.issueFiles('renewed', { kind: 'client', cn: 'renewed' });
  nginx = stack.use(await startNginx({ tls: mesh, clientCa: pki.internal.file }));
  plainTls['12'] = await startServer(pki.backend, '-tls1_2');
  plainTls['13'] = await startServer(pki.backend, '-tls1_3');
  gateway = stack.use(await startGateway({ yaml: yaml(), dir: pki.dir }));
});

const call = (path: string): Promise<CurlResult> =>
  curl(`https://localhost:${gateway.ports.webSecure}${path}`, { ca: pki.servers.file });
const codeOf = (answer: CurlResult): unknown => (JSON.parse(answer.body) as { code?: unknown }).code;

describe('a backend', () => {
  it('without a DNS name passes by its SPIFFE ID or trust domain, in both versions', async () => {
    for (const path of ['/orders', '/orders12', '/domain', '/pinned']) {
      const answer = await call(path);
      assert.equal(answer.status, 200, answer.body);
      assert.equal(readEcho(answer.body)['ssl_protocol'], path === '/orders12' ? 'TLSv1.2' : 'TLSv1.3');
    }
  });

  it('that is not the one asked for is refused with the reason, and sees no request', async () => {
    const refused = { '/billing': 'name_mismatch', '/named': 'name_mismatch', '/mispinned': 'pin_mismatch' };
    for (const [path, code] of Object.entries(refused)) {
      const answer = await call(path);
      assert.deepEqual([answer.status, codeOf(answer)], [502, code], answer.body);
      const route = path.slice(1);
      await gateway.waitForLog((line) => line.msg.startsWith(`request failed: ${code}: `) && line['route'] === route);
      assert.ok(nginx.access().every(({ uri }) => uri !== path));
    }
    const page = (await gateway.admin('/metrics')).body;
    assert.ok(sumOf(page, 'countersign_upstream_connect_failures_total', 'code="pin_mismatch"') > 0);
  });

  it('is marked down by a health check for the same reason', async () => {
    const line = await gateway.waitForLog(({ msg }) => msg.startsWith('backend marked down: '));
    assert.deepEqual([line['code'], line['source']], ['pin_mismatch', 'active']);
  });

  it('of OpenSSL is held to its key and its DNS names in the same way', async () => {
    for (const version of ['12', '13']) {
      for (const good of ['key', 'dns']) assert.equal((await call(`/${good}${version}`)).status, 200);
      assert.equal(codeOf(await call(`/nokey${version}`)), 'pin_mismatch');
      assert.equal(codeOf(await call(`/nodns${version}`)), 'name_mismatch');
    }
  });

  it('is in the expiry gauge as it was seen', async () => {
    const page = (await gateway.admin('/metrics')).body;
    const at = sumOf(
      page,
      'countersign_certificate_expiry_timestamp_seconds',
      `subject="spiffe://mesh.test/orders at localhost:${nginx.port}"`,
    );
    assert.ok(at > Date.now() / 1000 + 28 * 86_400, page);
  });
});

describe('routes to one address with different rules', () => {
  it('share neither connections nor sessions', async () => {
    // As often as they like: the connection that one left idle is not taken by the other.
    const seen = new Map<string, Set<string>>();
    for (const path of ['/orders', '/pinned', '/domain', '/orders', '/pinned', '/domain']) {
      const connection = readEcho((await call(path)).body)['connection'] ?? '';
      seen.set(path, (seen.get(path) ?? new Set()).add(connection));
      assert.equal(codeOf(await call('/billing')), 'name_mismatch');
    }
    const all = [...seen.values()].flatMap((connections) => [...connections]);
    assert.equal(new Set(all).size, all.length);
    const sessions = nginx.access().filter(({ uri }) => seen.has(uri) && uri !== '/orders12');
    assert.ok(sessions.every(({ session }) => session !== 'r'));
  });

  it('show no connection with the old certificate of ours after it was replaced', async () => {
    assert.match(readEcho((await call('/orders')).body)['ssl_client_s_dn'] ?? '', /CN=gateway/);
    const { ok } = await reloadBy(gateway, () => gateway.rewrite(yaml('renewed')));
    assert.ok(ok);
    for (const path of ['/orders', '/orders12', '/pinned', '/domain']) {
      for (let again = 0; again < 3; again += 1) {
        assert.match(readEcho((await call(path)).body)['ssl_client_s_dn'] ?? '', /CN=renewed/);
      }
    }
  });
});
