import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { AnchorSet } from './anchor-set.ts';
import { verifyIssuingLimits } from './path-constraints.ts';
import { findPath } from './path-search.ts';
import { encodeDer, encodeObjectId } from '../asn1/der-writer.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { clientAuth, serverAuth } from '../certs/extended-key-usage.ts';
import { type CaOptions, type Issued, mintCa, type TestCa } from '../certs/test-ca.ts';
import { TrustBundle } from './trust-bundle.ts';

function find(bundle: TrustBundle, leaf: Issued, sent: readonly Issued[]) {
  return findPath({
    leaf: readFacts(leaf.der),
    certificate: new X509Certificate(leaf.der),
    sent: sent.map(({ der }) => new X509Certificate(der)),
    anchors: new AnchorSet(bundle, false),
    read: readFacts,
    now: Date.now(),
  });
}

async function verifyBelow(root: TestCa, ...cas: TestCa[]) {
  const { bundle } = TrustBundle.parse(root.certPem);
  assert.ok(bundle !== undefined);
  const leaf = await (cas.at(-1) ?? root).issue({ kind: 'client', cn: 'x' });
  const path = find(bundle, leaf, cas);
  return path && verifyIssuingLimits(path, clientAuth);
}

async function below(root: TestCa, options: CaOptions = {}) {
  return verifyBelow(root, await root.issueCa({ cn: 'below', ...options }));
}

describe('what a CA may issue', () => {
  it('is not limited where it says nothing', async () => {
    assert.equal(await verifyBelow(await mintCa()), undefined);
    assert.equal(await below(await mintCa()), undefined);
  });

  it('is limited by the path length, of the anchor too', async () => {
    const root = await mintCa({ cn: 'short', pathLength: 0 });
    assert.equal(await verifyBelow(root), undefined);
    assert.equal((await below(root))?.code, 'chain_too_deep');
    const long = await mintCa({ pathLength: 1 });
    const upper = await long.issueCa({ cn: 'upper', pathLength: 0 });
    assert.equal(await verifyBelow(long, upper), undefined);
    const found = await verifyBelow(long, upper, await upper.issueCa({ cn: 'lower' }));
    assert.match(found?.detail ?? '', /"CN=upper" may have 0 CAs below it, there are 1/);
  });

  it('is for the search for a path where its key usage allows no signatures on certificates', async () => {
    // cRLSign alone
    const extensions = [{ oid: '2.5.29.15', critical: true, value: Buffer.from([3, 2, 1, 0x02]) }];
    const root = await mintCa();
    const { bundle } = TrustBundle.parse(root.certPem);
    const other = await root.issueCa({ cn: 'crls only', extensions });
    const leaf = await other.issue({ kind: 'client', cn: 'x' });
    assert.ok(bundle !== undefined);
    assert.equal(find(bundle, leaf, [other]), undefined);
  });

  it('is no client where its extended key usage names servers only', async () => {
    const value = encodeDer(0x30, encodeObjectId(serverAuth));
    const extensions = [{ oid: '2.5.29.37', value }];
    assert.equal((await below(await mintCa(), { extensions }))?.code, 'wrong_purpose');
  });
});
