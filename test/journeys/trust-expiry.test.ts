// A certificate that expires while its connection is open: the connection does not outlive it (architecture, decision 7).
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { keepConnection } from '../support/kept-connection.ts';
import { openSetup } from '../support/mtls-setup.ts';

it('closes a kept-alive connection when its client certificate expires, and no other one', async () => {
  await using setup = await openSetup();
  const { pki, gateway } = setup;
  // X.509 knows whole seconds only.
  const notAfter = (Math.floor(Date.now() / 1000) + 4) * 1000;
  const brief = await pki.clients.issueFiles('brief', { kind: 'client', cn: 'brief', notAfter });
  const port = gateway.ports.webSecure;
  using ending = await keepConnection({ port, ca: pki.servers.certPem, as: brief });
  using staying = await keepConnection({ port, ca: pki.servers.certPem, as: pki.alice });
  assert.match(await ending.get(), /^HTTP\/1\.1 200 /);
  assert.equal(await ending.ended, 'end');
  assert.ok(Date.now() > notAfter, 'it was not ended before its time');
  assert.match(await staying.get(), /^HTTP\/1\.1 200 /);
});
