// What `explain` says of a certificate file: the same codes as the handshake would end in.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CertificateFacts } from '../certs/facts.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { type Issued, type LeafOptions, mintCa } from '../certs/test-ca.ts';
import { ClientTrust, type ClientTrustOptions } from './client-trust.ts';
import { verifyPresented } from './verify-presented.ts';

const [root, other] = await Promise.all([mintCa({ cn: 'root' }), mintCa({ cn: 'other' })]);
const issuing = await root.issueCa({ cn: 'issuing' });
/** An hour on, so that certificates minted while other files of the same process run are valid by then. */
const now = Date.now() + 3_600_000;
const client: LeafOptions = { kind: 'client', cn: 'c', sans: ['spiffe://a.org/c'] };

async function code(
  made: Promise<Issued>,
  { sent = [], maxDepth = 4, ...options }: Partial<ClientTrustOptions> & { sent?: Issued[]; maxDepth?: number } = {},
): Promise<string> {
  const trust = new ClientTrust({ caPem: [root.certPem], ...options }, 'p');
  const facts: [CertificateFacts, ...CertificateFacts[]] = [
    readFacts((await made).der),
    ...sent.map(({ der }) => readFacts(der)),
  ];
  return verifyPresented(facts, { trust, maxDepth }, now)?.code ?? 'passes';
}

test('the chain is followed to the anchors, with what is sent along and what the bundle helps with', async () => {
  assert.equal(await code(root.issue(client)), 'passes');
  assert.equal(await code(issuing.issue(client), { sent: [issuing] }), 'passes');
  assert.equal(await code(issuing.issue(client), { caPem: [root.certPem, issuing.certPem] }), 'passes');
  assert.equal(await code(issuing.issue(client), { caPem: [issuing.certPem] }), 'passes');
  assert.equal(await code(issuing.issue(client)), 'untrusted_issuer');
  assert.equal(await code(other.issue(client), { sent: [root] }), 'untrusted_issuer');
  // As Envoy 1.40 counts: 0 and 1 are the anchor alone. nginx's ssl_verify_depth is one less.
  for (const maxDepth of [0, 1]) {
    assert.equal(await code(root.issue(client), { maxDepth }), 'passes');
    assert.equal(await code(issuing.issue(client), { sent: [issuing], maxDepth }), 'chain_too_deep');
  }
  assert.equal(await code(issuing.issue(client), { sent: [issuing], maxDepth: 2 }), 'passes');
});

test('then dates, purpose, keys, pins and names are judged as at a handshake', async () => {
  const old = { notBefore: now - 20_000, notAfter: now - 10_000 };
  assert.equal(await code(root.issue({ ...client, ...old })), 'expired');
  assert.equal(await code(root.issue({ ...client, kind: 'server' })), 'wrong_purpose');
  assert.equal(await code(root.issue(client), { minKeyBits: { rsa: 2048, ec: 384 } }), 'weak_key');
  const none = { allowedSANs: undefined, allowedFingerprints: undefined, allowedSPKI: undefined };
  assert.equal(await code(root.issue(client), { rules: { ...none, allowedSPKI: ['x'] } }), 'pin_mismatch');
  const allowedSANs = [{ kind: 'spiffe', id: 'spiffe://a.org/d' } as const];
  assert.equal(await code(root.issue(client), { rules: { ...none, allowedSANs } }), 'name_mismatch');
});

test('and an identity of one trust domain below the CAs of another is refused', async () => {
  const spiffe = {
    trustDomains: ['a.org', 'b.org'],
    bundles: [
      { trustDomain: 'a.org', caPem: [root.certPem] },
      { trustDomain: 'b.org', caPem: [other.certPem] },
    ],
  };
  assert.equal(await code(root.issue(client), { caPem: [], spiffe }), 'passes');
  assert.equal(await code(other.issue(client), { caPem: [], spiffe }), 'untrusted_issuer');
  assert.equal(await code(root.issue({ ...client, sans: [] }), { caPem: [], spiffe }), 'name_mismatch');
});
