// An open connection to a backend: its path again, or another one with the same certificates.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { readFacts } from '../certs/facts-reader.ts';
import { type Issued, mintCa } from '../certs/test-ca.ts';
import { buildCrls } from '../crl/build.ts';
import { AnchorSet } from '../trust/anchor-set.ts';
import { TrustBundle } from '../trust/trust-bundle.ts';
import { TlsIdentity } from './tls-identity.ts';
import { validUntil, verifyPresented } from './verify-backend.ts';

it('stays where another way leads to a CA, and ends where its own was the only one', async () => {
  const [root, other] = await Promise.all([mintCa({ cn: 'root' }), mintCa({ cn: 'other' })]);
  const middle = await root.issueCa({ cn: 'middle' });
  const again = await other.issueCa({ cn: 'middle', keyPem: middle.keyPem });
  const leaf = await middle.issue({ kind: 'server', sans: ['a.test'] });
  const bytes = root.issueCrl({ revoked: [{ serial: readFacts(middle.der).serial }] });
  const [crl] = buildCrls({ name: 'root.crl', from: { bytes }, issuers: [root.der], known: [] });
  assert.ok(crl !== undefined && 'facts' in crl);
  const presented = { chain: [readFacts(leaf.der), readFacts(middle.der)], anchor: readFacts(root.der) };
  const code = (cas: readonly Issued[], crls: readonly (typeof crl)[], host = 'a.test'): string => {
    const { bundle } = TrustBundle.parse(cas.map(({ certPem }) => certPem).join(''));
    assert.ok(bundle !== undefined);
    const identity = new TlsIdentity({
      verify: true,
      anchors: new AnchorSet(bundle, false),
      client: undefined,
      serverName: undefined,
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.3',
      crl: { key: 'k', settings: { onMissing: 'allow', onStale: 'deny', scope: 'chain' }, crls },
    });
    return verifyPresented(presented, identity, { scheme: 'https', host, port: 1 }, Date.now())?.code ?? 'stays';
  };
  assert.equal(code([root, other], []), 'stays');
  assert.equal(code([root, other], [crl]), 'revoked');
  assert.equal(code([root, other, again], [crl]), 'stays');
  assert.equal(code([root, other, again], [crl], 'b.test'), 'revoked');
  assert.equal(code([root, other], [], 'b.test'), 'name_mismatch');
  // The anchor counts too: made in the second before the leaf, it ends a second earlier.
  const early = { ...presented, anchor: { ...presented.anchor, notAfter: presented.anchor.notAfter - 2_000 } };
  const late = { ...presented, anchor: { ...presented.anchor, notAfter: presented.anchor.notAfter + 86_400_000 } };
  assert.equal(validUntil(early), early.anchor.notAfter);
  assert.equal(validUntil(late), Math.min(...presented.chain.map(({ notAfter }) => notAfter)));
});
