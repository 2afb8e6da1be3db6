// What the control process is shown of a configuration: references both ways, and nothing that is secret.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openStoreToWrite } from '../../test/support/stored-config.ts';
import { openPki } from '../../test/support/pki.ts';
import { systemClock } from '../base/clock.ts';
import { FileSource } from '../loading/file-source.ts';
import { loadConfig } from '../config/load-config.ts';
import { loadGateway } from '../loading/load.ts';
import { makeView } from './make-view.ts';
import type { ConfigView } from './view.ts';

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
    - {name: orders, address: "orders.test:8443", tls: {mode: mtls, certificateId: client, caBundle: internal, minVersion: TLSv1.3, allowedSANs: [{type: DNS, suffix: .test}, {commonName: {exact: o}}], allowedSPKI: [VZ+K9ohv92BWWbHRH6GPzMWo8Ax8jWLyWyneHxtZCvk=]}}
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
  const { loaded, problems } = await loadGateway(new FileSource(file), {
    env: {},
    strict: true,
    clock: systemClock,
    read: loadConfig,
  });
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
  assert.deepEqual(view.services[1]?.addresses, [{ address: '[2001:db8::1]:80', weight: 3, backup: false }]);
  assert.deepEqual(view.services[0]?.origin, { kind: 'file', place: { file: 'gateway.yml', line: 12 } });
  assert.deepEqual(view.routes.find(({ id }) => id === 'old')?.backends, ['https://user.test:8443/base']);
  const { tls, healthCheck } = view.services[0] ?? {};
  assert.partialDeepStrictEqual(tls, {
    mode: 'mtls',
    verified: true,
    notVerifiedBecause: null,
    minVersion: 'TLSv1.3',
    allowedSANs: [{ type: 'DNS', suffix: '.test' }, { commonName: { exact: 'o' } }],
    allowedSPKI: ['VZ+K9ohv92BWWbHRH6GPzMWo8Ax8jWLyWyneHxtZCvk='],
    allowedFingerprints: null,
  });
  assert.equal(healthCheck, null);
  const text = JSON.stringify(view);
  for (const secret of ['geheim', 'PRIVATE KEY', 'anna', pki.dir.path]) assert.ok(!text.includes(secret), secret);
  assert.equal(makeView(loaded, 4).digest, view.digest, 'the digest is of what is shown alone');
});

it('what comes from a store says the revision that runs, and the digest does not depend on its number', async (t) => {
  const written = await openStoreToWrite(t);
  const file = written.dir.write('gateway.yml', 'version: 2\ngateway: {store: {url: "sqlite:store.db"}}\n');
  written.put('services', 'orders', {
    address: 'orders.test:8443',
    tls: { mode: 'tls', caBundle: 'system', insecureSkipVerify: 'test environment, ticket 1234' },
  });
  const load = async (): Promise<ConfigView> => {
    const source = written.source(file);
    const { loaded, problems } = await loadGateway(source, {
      env: {},
      strict: true,
      clock: systemClock,
      read: loadConfig,
    });
    await source.close();
    assert.ok(loaded !== undefined, JSON.stringify(problems));
    return makeView(loaded, 1);
  };
  const first = await load();
  assert.equal(first.revision, 1);
  assert.deepEqual(first.services[0]?.origin, { kind: 'store', revision: 1 });
  assert.equal(first.services[0]?.tls.notVerifiedBecause, 'test environment, ticket 1234');
  written.put('services', 'later', { address: 'later.test:80', tls: { mode: 'off' } });
  const second = await load();
  written.remove('services', 'later');
  const third = await load();
  assert.deepEqual([second.revision, third.revision], [2, 3]);
  assert.notEqual(second.digest, first.digest);
  assert.equal(third.digest, first.digest);
});
