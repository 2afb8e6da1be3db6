// Verifies a connection that is already open by the rules of today: would it be let in now?
import { type VerificationResult, refuseUnreadable } from '../trust/certificate-checks.ts';
import { verifyIdentityAgain } from '../trust/verify-identity-again.ts';
import type { TrustPolicy } from './trust-policy.ts';
import type { OcspChecker } from '../ocsp/checker.ts';
import { OcspAnswers } from '../ocsp/verification.ts';
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
  const requirements = trust.requirements(clientAuth.maxDepth, ocsp && new OcspAnswers(ocsp));
  return verifyIdentityAgain(identity, { trust, requirements, unchanged, now });
}
