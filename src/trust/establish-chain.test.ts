// Which of several ways counts, what is told where none does, and that what a peer sends is bounded.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { encodeDer } from '../asn1/der-writer.ts';
import { clientAuth } from '../certs/extended-key-usage.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { type CaOptions, type Issued, mintCa, type TestCa } from '../certs/test-ca.ts';
import { AnchorSet } from './anchor-set.ts';
import { defaultKeyFloor } from './certificate-checks.ts';
import { type ChainRequest, type ChainResult, establishChain } from './establish-chain.ts';
import { IdentityRules } from './identity-rules.ts';
import type { RevocationList } from './revocation.ts';
import { PathSearch } from './path-search.ts';
import { TrustBundle } from './trust-bundle.ts';
import type { Requirements } from './verify-standing.ts';

/** An hour on, so that certificates minted while other files of the same process run are valid by then. */
const now = Date.now() + 3_600_000;
const past = { notBefore: now - 2_000_000, notAfter: now - 1_000_000 };
const requirements: Requirements = {
  purpose: clientAuth,
  keyFloor: defaultKeyFloor,
  maxDepth: 4,
  needsChain: false,
  revocations: undefined,
  ocsp: undefined,
  rules: new IdentityRules({ allowedSANs: undefined, allowedFingerprints: undefined, allowedSPKI: undefined }),
  host: undefined,
};
const nameConstraints = {
  oid: '2.5.29.30',
  critical: true,
  value: encodeDer(0x30, encodeDer(0xa0, encodeDer(0x30, encodeDer(0x82, Buffer.from('x.test'))))),
};

function requestOf(leaf: Issued, bundle: readonly Issued[], sent: readonly Issued[]): ChainRequest {
  const parsed = TrustBundle.parse(bundle.map(({ certPem }) => certPem).join('')).bundle;
  assert.ok(parsed !== undefined);
  return {
    leaf: readFacts(leaf.der),
    certificate: new X509Certificate(leaf.der),
    sent: sent.map(({ der }) => new X509Certificate(der)),
    anchors: new AnchorSet(parsed, false),
    read: readFacts,
    now,
    requirements,
    paths: undefined,
    constraints: 'openssl',
  };
}

/** 'ok' or the code, and the subjects of the path that it is about. */
function outcome({ known, refusal }: ChainResult): string {
  const names =
    known === undefined ? 'no path' : [...known.chain, known.anchor].map(({ subject }) => subject).join(' ');
  return `${refusal?.code ?? (known === undefined ? 'none' : 'ok')}: ${names}`;
}

const revoking = (...bad: readonly Issued[]): RevocationList => ({
  verify: (chain) =>
    chain.some(({ der }) => bad.some((one) => one.der.equals(der))) ? { code: 'revoked', detail: 'listed' } : undefined,
  hasStaled: () => false,
});

const crossCertify = (of: TestCa, by: TestCa, cn: string, more: CaOptions = {}): Promise<TestCa> =>
  by.issueCa({ cn, keyPem: of.keyPem, ...more });

describe('a certificate that issued itself, and is no CA', async () => {
  const plain = { oid: '2.5.29.19', value: Buffer.from('3000', 'hex') };
  const self = await mintCa({ cn: 'self', extensions: [plain] });
  const issued = await self.issue({ kind: 'client', cn: 'issued' });
  const namesake = await mintCa({ cn: 'self', extensions: [plain] });
  const root = await mintCa({ cn: 'root' });

  it('is an anchor for itself alone', () => {
    assert.equal(outcome(establishChain(requestOf(self, [self, root], []))), 'ok: CN=self CN=self');
    assert.equal(outcome(establishChain(requestOf(issued, [self, root], []))), 'none: no path');
    assert.equal(outcome(establishChain(requestOf(issued, [self, root], [self]))), 'none: no path');
    assert.equal(outcome(establishChain(requestOf(namesake, [self, root], [self]))), 'none: no path');
  });

  it('does not make anchors of the intermediates beside it, nor a root of itself', async () => {
    const middle = await root.issueCa({ cn: 'middle' });
    const both = TrustBundle.parse(middle.certPem + self.certPem).bundle;
    assert.deepEqual([both?.hasRoot, both?.hasIntermediates, both?.certificates.length], [false, true, 2]);
    const leaf = await root.issue({ kind: 'client', cn: 'leaf' });
    const { bundle, problems } = TrustBundle.parse(self.certPem + leaf.certPem);
    assert.deepEqual([bundle?.certificates.length, problems.map(({ code }) => code)], [1, ['leaf_in_bundle']]);
    // Names alone make nobody self-signed.
    const forged = await mintCa({
      cn: 'self',
      extensions: [
        { oid: '2.5.29.14', value: undefined },
        { oid: '2.5.29.35', value: undefined },
      ],
    });
    const named = await forged.issue({
      kind: 'client',
      cn: 'self',
      extensions: [{ oid: '2.5.29.35', value: undefined }],
    });
    assert.equal(TrustBundle.parse(named.certPem).bundle, undefined);
  });
});

describe('of several ways to an anchor', async () => {
  const [root, other] = await Promise.all([mintCa({ cn: 'root' }), mintCa({ cn: 'other' })]);
  const middle = await root.issueCa({ cn: 'middle' });
  const upper = await other.issueCa({ cn: 'upper' });
  const again = await crossCertify(middle, upper, 'middle');
  const leaf = await middle.issue({ kind: 'client', cn: 'leaf' });
  const request = requestOf(leaf, [root, other], [middle, again, upper]);

  it('the shortest counts where it is good', () => {
    assert.equal(outcome(establishChain(request)), 'ok: CN=leaf CN=middle CN=root');
  });

  it('a longer one counts where the shorter one is revoked, too deep or expired', async () => {
    const long = 'ok: CN=leaf CN=middle CN=upper CN=other';
    const revocations = revoking(middle);
    assert.equal(outcome(establishChain({ ...request, requirements: { ...requirements, revocations } })), long);
    const expired = await crossCertify(middle, root, 'middle', past);
    assert.equal(outcome(establishChain(requestOf(leaf, [root, other], [expired, again, upper]))), long);
  });

  it('one that ends in a root whose key is too small is none', async () => {
    const small = await mintCa({ cn: 'small', key: 'rsa-1024' });
    const below = await crossCertify(middle, small, 'middle');
    const asked = requestOf(leaf, [root, small], [middle, below]);
    const revocations = revoking(middle);
    assert.equal(
      outcome(establishChain({ ...asked, requirements: { ...requirements, revocations } })),
      'revoked: CN=leaf CN=middle CN=root',
    );
    assert.equal(outcome(establishChain(requestOf(leaf, [small], [below]))), 'weak_key: CN=leaf CN=middle CN=small');
  });

  it('the reason told is that of the one that got furthest', async () => {
    const expired = await crossCertify(middle, root, 'middle', past);
    const asked = requestOf(leaf, [root, other], [expired, again, upper]);
    const revocations = revoking(upper);
    assert.equal(
      outcome(establishChain({ ...asked, requirements: { ...requirements, revocations } })),
      'revoked: CN=leaf CN=middle CN=upper CN=other',
    );
    assert.equal(
      outcome(establishChain({ ...asked, requirements: { ...requirements, maxDepth: 2 } })),
      'chain_too_deep: CN=leaf CN=middle CN=upper CN=other',
    );
    assert.equal(outcome(establishChain(requestOf(leaf, [other], [middle]))), 'none: no path');
  });

  it('one that is constrained is relied on only where OpenSSL must have gone by it, or any other is as good', async () => {
    const constrained = await crossCertify(middle, other, 'middle', { extensions: [nameConstraints] });
    const alone = requestOf(leaf, [other], [constrained]);
    assert.equal(outcome(establishChain(alone)), 'ok: CN=leaf CN=middle CN=other');
    assert.equal(outcome(establishChain({ ...alone, constraints: 'nobody' })), 'untrusted_issuer: no path');
    const both = requestOf(leaf, [root, other], [middle, constrained]);
    assert.equal(outcome(establishChain(both)), 'ok: CN=leaf CN=middle CN=root');
    const revocations = revoking(middle);
    assert.equal(
      outcome(establishChain({ ...both, requirements: { ...requirements, revocations } })),
      'revoked: CN=leaf CN=middle CN=root',
    );
  });

  it('a certificate that cannot be read matters only where the way goes by it', async () => {
    const twice = { oid: '1.2.3.4', value: Buffer.from([5, 0]) };
    const stray = await other.issue({ kind: 'client', cn: 'stray', extensions: [twice, twice] });
    assert.equal(outcome(establishChain(requestOf(leaf, [root], [stray, middle]))), 'ok: CN=leaf CN=middle CN=root');
    const odd = await crossCertify(middle, root, 'middle', { extensions: [twice, twice] });
    assert.throws(() => establishChain(requestOf(leaf, [root], [odd])), /malformed|unreadable|cannot|twice/i);
    assert.equal(outcome(establishChain(requestOf(leaf, [root], [odd, middle]))), 'ok: CN=leaf CN=middle CN=root');
  });
});

describe('a search for paths', async () => {
  /** CAs that all certify each other: more ways than anybody can count. */
  const anchor = await mintCa({ cn: 'anchor' });
  const cas = await Promise.all([0, 1, 2, 3].map((at) => mintCa({ cn: `ca ${at}` })));
  const web = await Promise.all(
    cas.flatMap((of, at) => cas.flatMap((by, from) => (at === from ? [] : [crossCertify(of, by, `ca ${at}`)]))),
  );
  const [first, last] = [cas[0] as TestCa, cas[3] as TestCa];
  const leaf = await first.issue({ kind: 'client', cn: 'leaf' });

  it('ends, whatever was sent, and finds the way out of a web of CAs', async () => {
    const exit = await crossCertify(last, anchor, 'ca 3');
    const found = establishChain(requestOf(leaf, [anchor], [...web, exit]));
    assert.equal(outcome(found), 'ok: CN=leaf CN=ca 0 CN=ca 3 CN=anchor');
    assert.equal(outcome(establishChain(requestOf(leaf, [anchor], web))), 'none: no path');
  });

  it('says that it was cut where it did not look at everything', async () => {
    const siblings = await Promise.all(
      Array.from({ length: 40 }, async () => anchor.issueCa({ cn: 'ca 0', extensions: [] })),
    );
    const stranger = await mintCa({ cn: 'ca 0' });
    const noKeyIds = { extensions: [{ oid: '2.5.29.35', value: undefined }] };
    const anonymous = await stranger.issue({ kind: 'client', cn: 'leaf', ...noKeyIds });
    const search = new PathSearch(requestOf(anonymous, [anchor], siblings));
    assert.deepEqual([...search.paths()], []);
    assert.equal(search.cut, true);
  });
});
