// An open connection whose way to an anchor is good no longer stays where another way is, and ends where none is.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { encodeDer } from '../asn1/der-writer.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { type CaOptions, type Issued, mintCa } from '../certs/test-ca.ts';
import { ClientTrust } from './client-trust.ts';
import type { RevocationList } from './revocation.ts';
import type { Identity } from './verdict.ts';
import { verifyIdentityAgain } from './verify-identity-again.ts';

/** An hour on, so that certificates minted while other files of the same process run are valid by then. */
const now = Date.now() + 3_600_000;
const [root, other] = await Promise.all([mintCa({ cn: 'root' }), mintCa({ cn: 'other' })]);
const middle = await root.issueCa({ cn: 'middle' });
const leaf = readFacts((await middle.issue({ kind: 'client', cn: 'leaf' })).der);
const identity: Identity = {
  leaf,
  chain: [leaf, readFacts(middle.der)],
  chainKnown: true,
  anchor: readFacts(root.der),
};

const list: RevocationList = {
  verify: (chain) =>
    chain.some(({ der }) => der.equals(middle.der)) ? { code: 'revoked', detail: 'listed' } : undefined,
  hasStaled: () => false,
};

function code(bundle: readonly Issued[], revoked: boolean, unchanged: boolean): string {
  const caPem = bundle.map(({ certPem }) => certPem);
  const trust = new ClientTrust({ caPem, ...(revoked && { crl: { settings: {}, list } }) }, 'p');
  const requirements = trust.requirements(4, undefined);
  return verifyIdentityAgain(identity, { trust, requirements, unchanged, now })?.code ?? 'stays';
}

const again = (more: CaOptions = {}) => other.issueCa({ cn: 'middle', keyPem: middle.keyPem, ...more });

for (const unchanged of [true, false])
  it(`under ${unchanged ? 'the same' : 'other'} rules`, async () => {
    assert.equal(code([root, other], false, unchanged), 'stays');
    assert.equal(code([root, other], true, unchanged), 'revoked');
    assert.equal(code([root, other, await again()], true, unchanged), 'stays');
    const expired = await again({ notBefore: now - 20_000, notAfter: now - 10_000 });
    assert.equal(code([root, other, expired], true, unchanged), 'revoked');
    // Permits the DNS names of x.test: whether they hold, only OpenSSL could say.
    const value = encodeDer(0x30, encodeDer(0xa0, encodeDer(0x30, encodeDer(0x82, Buffer.from('x.test')))));
    const constrained = await again({ extensions: [{ oid: '2.5.29.30', critical: true, value }] });
    assert.equal(code([root, other, constrained], true, unchanged), 'revoked');
  });
