// A service in the words of a service page: mutual TLS with a certificate and a CA bundle under ids. What stands behind an id is
// replaced under the service's feet; what a mode needs is not taken from anywhere else.
import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { curl, type CurlResult } from '../support/curl.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { reloadBy } from '../support/mtls-setup.ts';
import { type Nginx, startNginx } from '../support/nginx.ts';
import { openPki, type Pki } from '../support/pki.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let pki: Pki;
let nginx: Nginx;
let gateway: Gateway;

before(async () => {
  pki = stack.use(await openPki());
  nginx = stack.use(await startNginx({ tls: pki.backend, clientCa: pki.internal.file }));
  await pki.internal.issueFiles('next', { kind: 'client', cn: 'next gateway', sans: [] });
  const yaml = `version: 2
gateway:
  certificates:
    - {id: edge, cert: edge.crt, key: edge.key}
    - {id: gateway-client, cert: gateway.crt, key: gateway.key}
  caBundles:
    - {id: clients, ca: clients-ca.crt}
    - {id: internal, ca: internal-ca.crt}
    - {id: strangers, ca: strangers-ca.crt}
  services:
    - {name: orders, address: "localhost:${nginx.port}", tls: {mode: mtls, certificateId: gateway-client, caBundle: internal}}
    - {name: anonymous, address: "localhost:${nginx.port}", tls: {mode: tls, caBundle: internal}}
    - {name: unknown-ca, address: "localhost:${nginx.port}", tls: {mode: mtls, certificateId: gateway-client, caBundle: strangers}}
    - {name: other-name, source: static, addresses: [{address: "127.0.0.1:${nginx.port}"}], protocol: http1, tls: {mode: mtls, certificateId: gateway-client, caBundle: internal, serverName: elsewhere.test}}
  tls:
    certificateIds: [edge]
    clientAuth: {caBundles: [clients], required: true}
  routes:
    - {name: orders, path: /orders, hosts: [localhost], service: orders}
    - {name: anonymous, path: /anonymous, hosts: [localhost], service: anonymous}
    - {name: unknown-ca, path: /unknown-ca, hosts: [localhost], service: unknown-ca}
    - {name: other-name, path: /other-name, hosts: [localhost], service: other-name}
`;
  gateway = stack.use(await startGateway({ yaml, dir: pki.dir }));
});

const ask = (path: string): Promise<CurlResult> =>
  curl(`https://localhost:${gateway.ports.webSecure}${path}`, {
    ca: pki.servers.file,
    cert: pki.alice.cert,
    key: pki.alice.key,
  });

describe('a service with mutual TLS', () => {
  it('is reached with the certificate and the CAs that its ids name', async () => {
    assert.equal((await ask('/orders')).status, 200);
    const { subject, verify } = await nginx.waitForAccess(({ uri }) => uri === '/orders');
    assert.deepEqual([verify, subject], ['SUCCESS', 'CN=gateway']);
  });

  it('is reached with the next certificate once that stands behind the id', async () => {
    const into = (name: string): string => join(pki.dir.path, name);
    const { ok } = await reloadBy(gateway, () => {
      copyFileSync(into('next.crt'), into('gateway.crt'));
      copyFileSync(into('next.key'), into('gateway.key'));
    });
    assert.ok(ok);
    assert.equal((await ask('/orders?next')).status, 200);
    const { subject } = await nginx.waitForAccess(({ uri }) => uri === '/orders?next');
    assert.equal(subject, 'CN=next gateway');
  });
});

describe('a service is not reached', () => {
  for (const [path, title, code] of [
    ['/anonymous', 'with mode tls where the backend wants a certificate', 'no_client_cert'],
    ['/unknown-ca', 'with a CA bundle that did not issue its certificate', 'untrusted_issuer'],
    ['/other-name', 'under a server name that its certificate does not have', 'name_mismatch'],
  ] as const)
    it(title, async () => {
      const { status, body } = await ask(path);
      assert.equal(status, 502);
      assert.match(body, new RegExp(`"code":"${code}"`));
    });
});
