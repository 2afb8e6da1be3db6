import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { letInBefore, policiesFor } from '../../test/support/open-client.ts';
import { encodeDer } from '../asn1/der-writer.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { type CaOptions, type Issued, mintCa, type TestCa } from '../certs/test-ca.ts';
import type { Identity } from '../trust/verdict.ts';
import type { TrustPolicyOptions } from './trust-policy.ts';
import { reEvaluate } from './re-evaluate.ts';

type ClientAuth = NonNullable<TrustPolicyOptions['clientAuth']>;

let root: TestCa;
let stranger: TestCa;
let server: Issued;

before(async () => {
  [root, stranger] = await Promise.all([mintCa({ cn: 'root' }), mintCa({ cn: 'stranger' })]);
  server = await root.issue({ kind: 'server', sans: ['a.test'] });
});

/** What becomes of an open connection when the policy has other rules than those that let it in. */
function verify(identity: Identity, rules: Partial<ClientAuth> = {}): string {
  const policies = policiesFor(server, { caPem: [root.certPem], ...rules });
  return reEvaluate(letInBefore(identity), { policies, now: Date.now(), ocsp: undefined })?.code ?? 'ok';
}

/** A client below an intermediate of the root, as the handshake knew it. */
async function clientBelow(options: CaOptions = {}): Promise<Identity> {
  const issuing = await root.issueCa({ cn: 'issuing', ...options });
  const leaf = readFacts((await issuing.issue({ kind: 'client', sans: ['spiffe://a/x'] })).der);
  return { leaf, chain: [leaf, readFacts(issuing.der)], chainKnown: true, anchor: readFacts(root.der) };
}

/** Permits the DNS names of one domain: nothing that a client's certificate here carries. */
const nameConstraints = {
  oid: '2.5.29.30',
  critical: true,
  value: encodeDer(0x30, encodeDer(0xa0, encodeDer(0x30, encodeDer(0x82, Buffer.from('x.test'))))),
};

describe('an open connection under changed rules', () => {
  for (const [name, anchor] of [
    ['whose way to the anchor is known', (): TestCa => root],
    ['whose anchor is not known', (): undefined => undefined],
  ] as const) {
    it(`${name} stays while its CA is trusted, and ends when it is not`, async () => {
      const client = { ...(await clientBelow()), anchor: anchor() && readFacts(root.der) };
      assert.equal(verify(client), 'ok');
      assert.equal(verify(client, { caPem: [stranger.certPem, root.certPem] }), 'ok');
      assert.equal(verify(client, { caPem: [stranger.certPem] }), 'untrusted_issuer');
      assert.equal(verify(client, { maxDepth: 0 }), 'chain_too_deep');
      assert.equal(verify(client, { minKeyBits: { rsa: 2048, ec: 384 } }), 'weak_key');
    });
  }

  it('does not rely on an intermediate that was an anchor and is none any more', async () => {
    const issuing = await stranger.issueCa({ cn: 'issuing' });
    const leaf = readFacts((await issuing.issue({ kind: 'client', cn: 'x' })).der);
    const client: Identity = { leaf, chain: [leaf], chainKnown: true, anchor: readFacts(issuing.der) };
    const both = [root.certPem, issuing.certPem];
    assert.equal(verify(client, { caPem: both, partialChain: true }), 'ok');
    assert.equal(verify(client, { caPem: both, partialChain: false }), 'untrusted_issuer');
  });

  it('ends where a CA above it is constrained: which way OpenSSL went by is not known', async () => {
    const client = await clientBelow({ extensions: [nameConstraints] });
    assert.equal(verify(client), 'untrusted_issuer');
    assert.equal(verify({ ...client, anchor: undefined }), 'untrusted_issuer');
  });

  it('is held to the CAs of its own trust domain, whatever anchor it had', async () => {
    const client = await clientBelow();
    const spiffe = (caPem: string) => ({ trustDomains: ['a'], bundles: [{ trustDomain: 'a', caPem: [caPem] }] });
    assert.equal(verify(client, { spiffe: spiffe(root.certPem) }), 'ok');
    assert.notEqual(verify(client, { spiffe: spiffe(stranger.certPem) }), 'ok');
  });

  it('ends where its certificate cannot be judged, and takes nothing else along', async () => {
    const client = await clientBelow();
    const broken: CertificateFacts = { ...client.leaf, der: Buffer.from('no certificate') };
    assert.equal(verify({ ...client, leaf: broken, chain: [broken], anchor: undefined }), 'malformed_cert');
  });
});
