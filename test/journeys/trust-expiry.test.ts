// A certificate that expires while its connection is open: the connection does not outlive it (architecture, decision 7).
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { whileValid } from '../support/brief-life.ts';
import { keepConnection } from '../support/kept-connection.ts';
import { openSetup } from '../support/mtls-setup.ts';

it('closes a kept-alive connection when its client certificate expires, and no other one', async () => {
  await using setup = await openSetup();
  const { pki, gateway } = setup;
  const port = gateway.ports.webSecure;
  using staying = await keepConnection({ port, ca: pki.servers.certPem, as: pki.alice });
  const { connection, notAfter: end } = await whileValid(4, async (notAfter) => {
    const brief = await pki.clients.issueFiles('brief', { kind: 'client', cn: 'brief', notAfter });
    const kept = await keepConnection({ port, ca: pki.servers.certPem, as: brief });
    assert.match(await kept.get(), /^HTTP\/1\.1 200 /);
    return { connection: kept, notAfter };
  });
  using ending = connection;
  assert.equal(await ending.ended, 'end');
  assert.ok(Date.now() > end, 'it was ended before its time');
  assert.match(await staying.get(), /^HTTP\/1\.1 200 /);
});
