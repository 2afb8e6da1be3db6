import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ClientTrust } from '../trust/client-trust.ts';
import type { TrustPolicy } from '../downstream/trust-policy.ts';
import type { PolicyTable } from '../downstream/policy-table.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { type Issued, mintCa } from '../certs/test-ca.ts';
import type { SeenIdentity, TrustRecordContents } from './record-format.ts';
import { verifySeen } from './verify-seen.ts';

const dayMs = 86_400_000;
/** An hour on, so that certificates minted while other files of the same process run are valid by then. */
const now = Date.now() + 3_600_000;
const ca = await mintCa({ cn: 'ca' });
const alice = await ca.issue({ kind: 'client', cn: 'alice' });

function seenAs(issued: Issued, more: Partial<SeenIdentity> = {}): SeenIdentity {
  const { sha256, subject, issuer, serial, notAfter } = readFacts(issued.der);
  return {
    policy: 'p',
    sha256,
    subject,
    issuer,
    serial,
    sans: [],
    notAfter,
    serverNames: ['a.test'],
    anchor: null,
    firstSeen: now - dayMs,
    lastSeen: now - dayMs,
    lastAccepted: now - dayMs,
    accepted: 1,
    refused: 0,
    code: 'ok',
    detail: '',
    version: 'TLSv1.3',
    leaf: issued.der.toString('base64'),
    above: [],
    ...more,
  };
}

/** The parts of a policy that are looked at; `more`: what differs. */
function verify(identities: SeenIdentity[], more: { minVersion?: string; ocsp?: true; none?: true } = {}) {
  const ocsp = { mode: 'hard', responder: undefined, allowedHosts: [], timeoutMs: 1, refreshMs: 1 } as const;
  const trust = new ClientTrust({ caPem: [ca.certPem], ...(more.ocsp && { ocsp }) }, 'p');
  const { minVersion = 'TLSv1.2' } = more;
  const policy = {
    name: 'p',
    minVersion,
    trust,
    ocsp: trust.ocsp,
    clientAuth: { required: true, maxDepth: 5 },
  } as unknown as TrustPolicy;
  const policies = { find: () => (more.none ? undefined : policy) } as unknown as PolicyTable;
  const record: TrustRecordContents = {
    version: 1,
    since: 0,
    written: now,
    anchors: [],
    anonymous: [],
    intermediates: {},
    identities,
  };
  return verifySeen(record, { policies, now, sinceMs: now - 30 * dayMs });
}

const codes = (changes: readonly { readonly result: { readonly code: string } }[]): string[] =>
  changes.map(({ result }) => result.code);

describe('judging the clients that were seen by other rules', () => {
  it('finds nothing to say where they pass as before', () => {
    const { refused, admitted, changed, undecided, identities } = verify([seenAs(alice)]);
    assert.deepEqual([refused, admitted, changed, undecided, identities], [[], [], [], [], 1]);
  });

  it('refuses those whose TLS version or server name has no place any more', () => {
    assert.deepEqual(codes(verify([seenAs(alice, { version: 'TLSv1.2' })], { minVersion: 'TLSv1.3' }).refused), [
      'protocol_mismatch',
    ]);
    assert.deepEqual(codes(verify([seenAs(alice)], { none: true }).refused), ['unknown_sni']);
  });

  it('leaves out who was not seen lately, and counts who has expired without calling it damage', async () => {
    const past = await ca.issue({ kind: 'client', cn: 'past', notBefore: now - 9 * dayMs, notAfter: now - dayMs });
    const found = verify([seenAs(past), seenAs(alice, { lastSeen: now - 31 * dayMs })]);
    assert.deepEqual([found.refused.length, found.expired, found.identities], [0, 1, 1]);
  });

  it('does not call a client admitted that OCSP refused and still would', () => {
    const revoked = seenAs(alice, { code: 'revoked' });
    assert.deepEqual(codes(verify([revoked]).admitted), ['revoked']);
    const asked = verify([revoked], { ocsp: true });
    assert.deepEqual([asked.admitted.length, codes(asked.undecided)], [0, ['revoked']]);
  });

  it('does not guess where the certificate was not kept, or is another than the record says', () => {
    const none = seenAs(alice, { leaf: null });
    const other = seenAs(alice, { sha256: '00'.repeat(32) });
    assert.equal(verify([none, other]).undecided.length, 2);
    assert.deepEqual(codes(verify([seenAs(alice, { leaf: 'AAAA' })]).refused), ['malformed_cert']);
  });
});
