// A file as Goma has it: certManager orders a certificate for each host of a route, from the ACME server that it names.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { isOfPebble, shownCertificate, waitForCertificate } from '../../support/acme-stage.ts';
import { findFreePort } from '../../support/free-port.ts';
import { startGateway } from '../../support/gateway.ts';
import { startPebble } from '../../support/pebble.ts';
import { openAuthority } from '../../support/pki.ts';
import { openTempDir } from '../../support/temp.ts';

it('certManager of Goma orders for the hosts of routes, by http-01, and for no others', async () => {
  using dir = openTempDir('goma-acme');
  const authority = await openAuthority(dir, 'acme');
  const port = await findFreePort();
  await using gateway = await startGateway({
    dir,
    // As for any program of Node: a private CA in front of the directory.
    env: { NODE_EXTRA_CA_CERTS: authority.file },
    yaml: `
version: 2
gateway:
  routes:
    - {name: a, path: /, hosts: [a.test, b.test], target: "http://127.0.0.1:1"}
    - {name: c, path: /, hosts: [c.test], target: "http://127.0.0.1:1", tls: {provider: none}}
certManager:
  provider: acme
  acme:
    email: ops@example.com
    directoryUrl: https://localhost:${port}/dir
    challengeType: http-01
    termsAccepted: true
    storageFile: state/acme.json
`,
  });
  await using _ = await startPebble({ dir, authority, names: ['a.test', 'b.test'], port, httpPort: gateway.ports.web });
  const secure = gateway.ports.webSecure;
  for (const name of ['a.test', 'b.test']) {
    const shown = await waitForCertificate(
      secure,
      name,
      (one) => isOfPebble(one) && one.subjectaltname === `DNS:${name}`,
      `a certificate for ${name}`,
    );
    assert.equal(shown.bits, 2048, 'RSA, as Goma');
  }
  assert.doesNotMatch((await shownCertificate(secure, 'c.test')).subjectaltname ?? '', /c\.test/);
});
