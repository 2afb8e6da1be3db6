// What the control process is shown of a configuration: references both ways, and nothing that is secret.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openPki } from '../../test/support/pki.ts';
import { systemClock } from '../base/clock.ts';
import { FileSource } from '../loading/file-source.ts';
import { loadGateway } from '../loading/load.ts';
import { makeView } from './make-view.ts';

it('a view has every object with who refers to it, and no key, password or token', async () => {
  using pki = await openPki();
  const file = pki.dir.write(
    'gateway.yml',
    `version: 2
gateway:
  reload: {enabled: true, token: geheim-token-geheim}
  certificates:
    - {id: edge, cert: edge.crt, key: edge.key}
    - {id: client, cert: gateway.crt, key: gateway.key}
    - {id: spare, cert: gateway.crt, key: gateway.key}
  caBundles:
    - {id: clients, ca: clients-ca.crt}
    - {id: internal, ca: internal-ca.crt}
  services:
    - {name: orders, address: "orders.test:8443", tls: {mode: mtls, certificateId: client, caBundle: internal}}
    - {name: unused, source: static, addresses: [{address: "[2001:db8::1]:80", weight: 3}], tls: {mode: off}}
  tls:
    certificateIds: [edge]
    policies: [{name: partners, hosts: [p.test], certificateIds: [edge], clientAuth: {caBundles: [clients]}}]
  entryPoints: {admin: {address: "127.0.0.1:9901"}}
  routes:
    - {name: shop, hosts: [p.test], path: /, service: orders, middlewares: [login]}
    - name: old
      hosts: [a.test]
      path: /old
      backends: [{endpoint: "https://user.test:8443/base"}]
      security: {tls: {rootCAs: internal-ca.crt, clientCert: gateway.crt, clientKey: gateway.key}}
middlewares:
  - {name: login, type: basic, rule: {users: [{username: anna, password: geheim-wort}]}}
`,
  );
  const { loaded, problems } = await loadGateway(new FileSource(file), { env: {}, strict: true, clock: systemClock });
  assert.ok(loaded !== undefined, JSON.stringify(problems));
  const view = makeView(loaded, 3);
  const users = Object.fromEntries(
    [...view.certificates, ...view.caBundles, ...view.services].map(({ id, usedBy }) => [
      id,
      usedBy.map((one) => `${one.kind}/${one.id}`).join(),
    ]),
  );
  assert.deepEqual(users, {
    edge: 'policies/gateway,policies/partners',
    client: 'services/orders',
    spare: '',
    clients: 'policies/partners',
    internal: 'services/orders',
    orders: 'routes/shop',
    unused: '',
  });
  assert.deepEqual(
    view.policies.map(({ id, certificates, caBundles, clientCertificate }) => [
      id,
      certificates,
      caBundles,
      clientCertificate,
    ]),
    [
      ['gateway', ['edge'], [], 'off'],
      ['partners', ['edge'], ['clients'], 'required'],
    ],
  );
  assert.deepEqual(view.services[1]?.addresses, [{ address: '[2001:db8::1]:80', weight: 3 }]);
  assert.deepEqual(view.services[0]?.origin, { kind: 'file', place: { file: 'gateway.yml', line: 12 } });
  assert.deepEqual(view.routes.find(({ id }) => id === 'old')?.backends, ['https://user.test:8443/base']);
  const text = JSON.stringify(view);
  for (const secret of ['geheim', 'PRIVATE KEY', 'anna', pki.dir.path]) assert.ok(!text.includes(secret), secret);
  assert.equal(makeView(loaded, 4).digest, view.digest, 'the digest is of what is shown alone');
});
