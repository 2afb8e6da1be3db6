// Verifies a connection that is already open by the rules of today: would it be let in now? Full path building belongs to
// OpenSSL at the handshake; here certificates that were verified once are followed again to today's anchors.
import { X509Certificate } from 'node:crypto';
import type { AnchorSet } from '../trust/anchor-set.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { verifyChainStrength, type VerificationResult, refuseUnreadable } from '../trust/certificate-checks.ts';
import { findPathConstraint } from '../trust/path-constraints.ts';
import type { Identity } from '../trust/verdict.ts';
import type { KnownChain } from './chain-cache.ts';
import type { ClientTrust } from './client-trust.ts';
import type { TrustPolicy } from './trust-policy.ts';
import { verifyIdentity } from './verify-identity.ts';
import type { OcspChecker } from '../ocsp/checker.ts';
import type { Peer } from './peer.ts';
import type { PolicyTable } from './policy-table.ts';

/** What an open connection is verified by. `now`: milliseconds since the epoch; `ocsp`: the answers so far. */
export type ReEvaluationInput = {
  readonly policies: PolicyTable;
  readonly now: number;
  readonly ocsp: OcspChecker | undefined;
};

/**
 * Why the connection must end; undefined where it may stay. Errs on the closing side, and never throws: one certificate that
 * cannot be verified must not keep the others from it.
 */
export function reEvaluate(peer: Peer, dependencies: ReEvaluationInput): VerificationResult | undefined {
  try {
    return verify(peer, dependencies);
  } catch (error) {
    return refuseUnreadable(error);
  }
}

function verify(peer: Peer, dependencies: ReEvaluationInput): VerificationResult | undefined {
  const { policies } = dependencies;
  const policy = policies.find(peer.serverName);
  if (policy === undefined || policy.name !== peer.policy) {
    return { code: 'unknown_sni', detail: 'its server name belongs to another policy now' };
  }
  const unchanged = policy.digest === peer.policyDigest;
  return (unchanged ? undefined : verifyTerms(peer, policy)) ?? verifyPeer(peer, policy, unchanged, dependencies);
}

function verifyTerms({ identity, verdict }: Peer, policy: TrustPolicy): VerificationResult | undefined {
  // 'TLSv1.2' and 'TLSv1.3' compare as text.
  if (verdict === undefined || verdict.version < policy.minVersion || verdict.version > policy.maxVersion) {
    return {
      code: 'protocol_mismatch',
      detail: `its TLS version is not between ${policy.minVersion} and ${policy.maxVersion}`,
    };
  }
  if (identity === undefined) {
    return policy.clientAuth?.required === true
      ? { code: 'no_client_cert', detail: 'the policy requires a client certificate now' }
      : undefined;
  }
  // An identity that nobody vouches for any more must not be forwarded any longer.
  return policy.trust === undefined
    ? { code: 'untrusted_issuer', detail: 'the policy asks for no client certificate any more' }
    : undefined;
}

function verifyPeer(
  { identity }: Peer,
  policy: TrustPolicy,
  unchanged: boolean,
  { now, ocsp }: ReEvaluationInput,
): VerificationResult | undefined {
  const { trust, clientAuth } = policy;
  if (identity === undefined || trust === undefined || clientAuth === undefined) return undefined;
  const { leaf, chain, anchor } = identity;
  const verifyKnown = (known: KnownChain | undefined): VerificationResult | undefined =>
    verifyIdentity(leaf, known, { trust, maxDepth: clientAuth.maxDepth, ocsp }, now);
  if (unchanged) return verifyKnown(anchor && { chain, anchor, weakness: undefined });
  const anchors = trust.anchorsFor(leaf);
  if ('code' in anchors) return anchors;
  // The way that was verified at the handshake still leads to an anchor: a hundredth of the cost of finding it again. Not
  // where trust hangs on which anchor it is, nor where a CA of it is constrained: OpenSSL may have gone by another one.
  const holds = anchor !== undefined && !trust.needsChain && anchors.holds(anchor);
  if (holds && findPathConstraint(chain, anchor) === undefined) {
    const kept = verifyKnown({ chain, anchor, weakness: verifyChainStrength(chain, trust.keyFloor) });
    if (kept === undefined) return undefined;
  }
  const found = findChain(identity, anchors, trust, now);
  return 'code' in found ? found : verifyKnown(found);
}

function findChain(
  { leaf, chain }: Identity,
  anchors: AnchorSet,
  trust: ClientTrust,
  now: number,
): KnownChain | VerificationResult {
  const [certificate, ...above] = chain.map(({ der }) => new X509Certificate(der));
  if (certificate === undefined) return { code: 'untrusted_issuer', detail: 'its chain is not known' };
  const path = anchors.findPath(certificate, above, now);
  if (path === undefined) return trust.explainNoPath(leaf, certificate, above);
  const today = path.chain.map(({ raw }) => chain.find(({ der }) => der.equals(raw)) ?? readFacts(raw));
  const constrained = trust.verifyPath(today, path, undefined);
  if (constrained !== undefined) return constrained;
  return { chain: today, anchor: path.anchor, weakness: verifyChainStrength(today, trust.keyFloor) };
}
