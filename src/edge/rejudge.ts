// Judges a connection that is already open by the policies of a new generation: would it be let in today? Full path
// building belongs to OpenSSL at the handshake; here a chain that was verified once is followed again to today's anchors.
import { Fault } from '../base/fault.ts';
import { type CertificateFacts } from '../pki/facts.ts';
import { readFacts } from '../pki/facts-reader.ts';
import { isIssuedBy } from '../pki/issuer.ts';
import { judgeLeaf } from '../pki/judge.ts';
import type { TrustBundle } from '../pki/trust-bundle.ts';
import type { Identity } from '../pki/verdict.ts';
import type { Peer } from './peer.ts';
import type { PolicyTable } from './policy-table.ts';

/** False where the connection must end. `now`: milliseconds since the epoch. Errs on that side. */
export function stillPasses(peer: Peer, policies: PolicyTable, now: number): boolean {
  const policy = policies.find(peer.serverName);
  if (policy === undefined || policy.name !== peer.policy) return false;
  if (policy.digest === peer.policyDigest) return true;
  const { identity, verdict } = peer;
  // 'TLSv1.2' and 'TLSv1.3' compare as text.
  if (verdict === undefined || verdict.version < policy.minVersion || verdict.version > policy.maxVersion) return false;
  // An identity that nobody vouches for any more must not be forwarded any longer.
  if (policy.clientAuth === undefined) return identity === undefined;
  if (identity === undefined) return !policy.clientAuth.required;
  if (policy.anchors === undefined || judgeLeaf(identity.leaf, { now }) !== undefined) return false;
  return reachesAnchor(identity, policy.anchors.bundle, policy.clientAuth.maxDepth, now);
}

function reachesAnchor(identity: Identity, anchors: TrustBundle, maxDepth: number, now: number): boolean {
  let above: CertificateFacts[];
  try {
    above = identity.chain.slice(1).map((der) => readFacts(der));
  } catch (error) {
    if (error instanceof Fault) return false;
    throw error;
  }
  let at = identity.leaf;
  // Depth as OpenSSL counts it: intermediates between leaf and anchor.
  for (let depth = 0; depth <= maxDepth; depth++) {
    if (anchors.contains(at)) return true;
    const anchor = anchors.anchors.find((one) => one.subject === at.issuer && isIssuedBy(at, one));
    if (anchor !== undefined) return judgeLeaf(anchor, { now }) === undefined;
    const next = above.find((one) => one.isCa && one.subject === at.issuer && isIssuedBy(at, one));
    if (next === undefined || judgeLeaf(next, { now }) !== undefined) return false;
    at = next;
  }
  return false;
}
