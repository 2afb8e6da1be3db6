// A backend whose certificate is revoked: refused from the start, and dropped within a moment where requests already go to it,
// by a changed CRL file alone.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodePem } from '../../src/asn1/der-writer.ts';
import { readFacts } from '../../src/certs/facts-reader.ts';
import { curl, type CurlResult } from '../support/curl.ts';
import { openSetup, type Setup, type SetupOptions } from '../support/mtls-setup.ts';
import type { CertFiles, Pki } from '../support/pki.ts';
import { eventually } from '../support/wait-for.ts';

const ours = 'rootCAs: internal-ca.crt, clientCert: gateway.crt, clientKey: gateway.key';
const check = 'healthCheck: {path: /health, interval: 1h, unhealthyThreshold: 1}';
/** The same backend over both versions of TLS. */
const versions = [
  { path: '/older', tls: 'maxVersion: TLSv1.2' },
  { path: '/newer', tls: 'minVersion: TLSv1.3' },
];

/** The CRL of the backends' CA, `number` of its line, with whom it lists. */
function crlOf({ internal }: Pki, number: number, ...revoked: readonly CertFiles[]): string {
  const entries = revoked.map(({ der }) => ({ serial: readFacts(der).serial, reason: 1 }));
  return encodePem('X509 CRL', internal.issueCrl({ number, revoked: entries }));
}

/** `more`: what both routes say besides. */
async function open(more: string, prepare: SetupOptions['prepare']): Promise<Setup> {
  const routes = (target: string): string =>
    versions
      .map(({ path, tls }) => {
        const head = `name: ${path.slice(1)}, path: ${path}, hosts: [localhost], target: "${target}"`;
        const security = `security: {tls: {${ours}, crl: {sources: backends.crl}, ${tls}}}`;
        return `    - {${[head, security, ...(more === '' ? [] : [more])].join(', ')}}\n`;
      })
      .join('');
  return openSetup({ workers: 2, routes, ...(prepare === undefined ? {} : { prepare }) });
}

function call({ gateway, pki }: Setup, path: string): Promise<CurlResult> {
  const { cert, key } = pki.alice;
  return curl(`https://localhost:${gateway.ports.webSecure}${path}`, { ca: pki.servers.file, cert, key });
}

const codeOf = ({ body }: CurlResult): unknown => (JSON.parse(body) as { code?: unknown }).code;

describe('a backend', () => {
  it('that is revoked at the start is marked down as such and sees no request', async () => {
    await using setup = await open(check, (pki) => void pki.dir.write('backends.crl', crlOf(pki, 1, pki.backend)));
    const marked = () => setup.gateway.log.items.filter(({ msg }) => msg.startsWith('backend marked down: '));
    // By each of the two workers for each of the two routes.
    await eventually(() => marked().length === 2 * versions.length, { what: 'all to be marked down' });
    for (const down of marked()) {
      assert.deepEqual([down['code'], down['source']], ['revoked', 'active']);
      assert.match(String(down['detail']), /key compromised/);
    }
    for (const { path } of versions) {
      assert.equal(await setup.metric('countersign_backend_healthy', `route="${path.slice(1)}"`), 0);
      assert.notEqual((await call(setup, `${path}/secret`)).status, 200);
    }
    assert.ok(setup.nginx.access().every(({ uri }) => !uri.endsWith('/secret') && uri !== '/health'));
  });

  it('that is revoked while requests go to it gets no more of them, and does again when it is not', async () => {
    await using setup = await open('', (pki) => void pki.dir.write('backends.crl', crlOf(pki, 1)));
    const { pki, gateway, nginx } = setup;
    for (const { path } of versions)
      for (let round = 0; round < 8; round += 1) assert.equal((await call(setup, `${path}/before`)).status, 200);
    assert.ok((await setup.metric('countersign_upstream_connections')) > 1, 'of both versions');
    const from = gateway.log.length;
    pki.dir.replace('backends.crl', crlOf(pki, 2, pki.backend));
    const closed = await gateway.waitForLog(({ msg }) => msg.startsWith('connections to a backend closed: revoked: '), {
      from,
    });
    assert.equal(closed['backend'], `localhost:${nginx.port}`);
    await eventually(async () => (await setup.metric('countersign_upstream_connections')) === 0, {
      what: 'the connections to be gone',
    });
    // Both workers, and with the sessions that they kept.
    for (const { path } of versions)
      for (let round = 0; round < 8; round += 1) {
        const answer = await call(setup, `${path}/after`);
        assert.deepEqual([answer.status, codeOf(answer)], [502, 'revoked'], answer.body);
      }
    assert.ok(nginx.access().every(({ uri }) => !uri.endsWith('/after')));
    pki.dir.replace('backends.crl', crlOf(pki, 3));
    for (const { path } of versions)
      await eventually(async () => (await call(setup, `${path}/again`)).status === 200, {
        what: 'requests to pass again',
      });
  });
});
