// Pinned certificates and keys: who passes before and after a renewal, and what becomes of those who are connected when a
// pin is taken away.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readFacts } from '../../src/certs/facts-reader.ts';
import type { Issued } from '../../src/certs/test-ca.ts';
import { keepConnection } from '../support/kept-connection.ts';
import { openSetup, reloadBy, type Setup } from '../support/mtls-setup.ts';
import { sClient } from '../support/openssl.ts';

async function statusOf(
  { pki, gateway }: Setup,
  name: string,
  who: Issued,
  session?: string,
): Promise<number | undefined> {
  const { status } = await sClient({
    port: gateway.ports.webSecure,
    cert: pki.dir.write(`${name}.crt`, who.chainPem),
    key: pki.dir.write(`${name}.key`, who.keyPem),
    ...(session !== undefined && { sessionIn: session }),
  });
  return status;
}

const clientAuth = (more: string): string => `{clientCA: clients-ca.crt, required: true, ${more}}`;

describe('a pin', () => {
  it('on a key lets its holder renew the certificate; one on a certificate does not', async () => {
    await using setup = await openSetup({ workers: 2 });
    const { pki, gateway, yaml } = setup;
    const { sha256, spkiSha256 } = readFacts(pki.alice.der);
    const renewed = await pki.clients.issue({ kind: 'client', cn: 'alice', keyPem: pki.alice.keyPem });
    const mallory = await pki.clients.issue({ kind: 'client', cn: 'alice', sans: ['spiffe://example.org/alice'] });
    const rows: [pins: string, statuses: (number | undefined)[]][] = [
      [`allowedSPKI: ["${spkiSha256}"]`, [200, 200, undefined]],
      [`allowedFingerprints: ["${sha256}"]`, [200, undefined, undefined]],
      [`allowedFingerprints: ["${'0'.repeat(64)}"], allowedSPKI: ["${spkiSha256}"]`, [200, 200, undefined]],
      [
        `allowedFingerprints: ["${sha256.toUpperCase().replace(/..(?!$)/g, '$&:')}"], allowedSANs: [{type: URI, exact: "spiffe://example.org/alice"}]`,
        [200, undefined, undefined],
      ],
      [
        `allowedFingerprints: ["${sha256}"], allowedSANs: [{type: URI, exact: "spiffe://example.org/bob"}]`,
        [undefined, undefined, undefined],
      ],
    ];
    for (const [pins, wanted] of rows) {
      const { ok, lines } = await reloadBy(gateway, () => gateway.rewrite(yaml({ clientAuth: clientAuth(pins) })));
      assert.ok(ok, JSON.stringify(lines));
      const statuses = [
        await statusOf(setup, 'alice', pki.alice),
        await statusOf(setup, 'renewed', renewed),
        await statusOf(setup, 'mallory', mallory),
      ];
      assert.deepEqual(statuses, wanted, pins);
    }
    const line = await gateway.waitForLog(({ code }) => code === 'pin_mismatch');
    assert.match(String(line['detail']), /^its (?:key|fingerprint) \S+ is not among those pinned \(1\)/);
  });

  it('that is taken away ends the connection and the sessions of its holder, and nobody else’s', async () => {
    await using setup = await openSetup({ workers: 2 });
    const { pki, gateway } = setup;
    const bob = await pki.clients.issueFiles('bob', { kind: 'client', cn: 'bob' });
    const pin = (...who: Issued[]) =>
      setup.yaml({
        clientAuth: clientAuth(`allowedSPKI: [${who.map(({ der }) => `"${readFacts(der).spkiSha256}"`).join(', ')}]`),
      });
    assert.ok((await reloadBy(gateway, () => gateway.rewrite(pin(pki.alice, bob)))).ok);
    const to = { port: gateway.ports.webSecure, ca: pki.servers.certPem };
    using alice = await keepConnection({ ...to, as: pki.alice });
    using kept = await keepConnection({ ...to, as: bob });
    assert.match(await alice.get(), /^HTTP\/1.1 200/);
    assert.match(await kept.get(), /^HTTP\/1.1 200/);
    const session = pki.dir.file('alice-session');
    const proof = { port: to.port, cert: pki.alice.cert, key: pki.alice.key };
    assert.equal((await sClient({ ...proof, sessionOut: session })).status, 200);

    assert.ok((await reloadBy(gateway, () => gateway.rewrite(pin(bob)))).ok);
    await alice.ended;
    assert.match(await kept.get(), /^HTTP\/1.1 200/, 'who is pinned still stays connected');
    const again = await sClient({ ...proof, sessionIn: session });
    assert.deepEqual([again.reused, again.status], [false, undefined], again.output);
  });
});
