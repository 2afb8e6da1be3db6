// From a certificate to an anchor: of all ways there are, the first that passes every check; a peer is refused only where none
// does, and the reason told is that of the best one. Both sides of the gateway, open connections, resumed sessions, commands and
// audits ask here, so that there is one answer.
import type { CertificateFacts } from '../certs/facts.ts';
import { type VerificationResult, verifyAnchorKey, verifyChainStrength } from './certificate-checks.ts';
import type { EstablishedChain } from './established-chain.ts';
import { findPathConstraint, verifyIssuingLimits } from './path-constraints.ts';
import { type PathRequest, PathSearch } from './path-search.ts';
import { progressOf, type Requirements, verifyStanding } from './verify-standing.ts';

/** What the trust of one side says of paths, beyond what a single certificate must be. */
export type PathRules = {
  /** Why the CAs of a path may not stand in it. */
  verifyIssuers(chain: readonly CertificateFacts[]): VerificationResult | undefined;
  /** Whether OpenSSL, which knows all CAs of the policy, may have gone by a way that is not among those looked at here. */
  mayLeadElsewhere(request: PathRequest, chain: readonly CertificateFacts[]): boolean;
};

export type ChainRequest = PathRequest & {
  readonly requirements: Requirements;
  readonly paths: PathRules | undefined;
  /**
   * What is known of constraints that only OpenSSL verifies (name constraints, policies, critical extensions).
   * `openssl`: it accepted the certificate, by one of the ways there are, so that constraints of the only one hold.
   * `nobody`: it has not seen these ways; what is constrained is not relied on.
   * `unasked`: no handshake is spoken of (`explain`, audits); taken to hold as with `openssl`, but path length and usages of
   * CAs, which can be verified here, are.
   */
  readonly constraints: 'openssl' | 'nobody' | 'unasked';
};

export type ChainResult = {
  /** The path that passed, or the best of those that did not; undefined where there is none to rely on. */
  readonly known: EstablishedChain | undefined;
  /** undefined where `known` passed every check, and where there is no path at all. */
  readonly refusal: VerificationResult | undefined;
  /** False where what was found holds for this very set of certificates only. */
  readonly isLasting: boolean;
};

/** Throws Fault('malformed_cert') where the way would go by a certificate that cannot be read. */
export function establishChain(request: ChainRequest): ChainResult {
  const search = new PathSearch(request);
  let best: { readonly known: EstablishedChain; readonly refusal: VerificationResult } | undefined;
  let constrained: { readonly known: EstablishedChain; readonly flaw: VerificationResult } | undefined;
  for (const path of search.paths()) {
    const weakness = verifyChainStrength(path.chain, request.requirements.keyFloor) ?? verifyAnchorKey(path.anchor);
    const known = { ...path, weakness };
    const refusal = verifyPath(known, request);
    if (refusal !== undefined) {
      if (best === undefined || progressOf(refusal) > progressOf(best.refusal)) best = { known, refusal };
      continue;
    }
    const flaw = findPathConstraint(path, request.requirements.purpose);
    if (flaw === undefined) return { known, refusal: undefined, isLasting: true };
    constrained ??= { known, flaw: { code: 'untrusted_issuer', detail: flaw } };
  }
  if (constrained !== undefined && request.constraints !== 'nobody') {
    // By whichever way OpenSSL went, it passes: there is no other that does not.
    const { known } = constrained;
    const isCertain =
      best === undefined && !search.cut && request.paths?.mayLeadElsewhere(request, known.chain) !== true;
    if (isCertain) return { known, refusal: undefined, isLasting: request.constraints === 'openssl' };
  }
  if (best !== undefined) return { ...best, isLasting: false };
  if (constrained !== undefined) return { known: undefined, refusal: constrained.flaw, isLasting: false };
  if (search.unreadable !== undefined) throw search.unreadable;
  return { known: undefined, refusal: undefined, isLasting: false };
}

function verifyPath(known: EstablishedChain, request: ChainRequest): VerificationResult | undefined {
  const { requirements, leaf, now, paths, constraints } = request;
  return (
    paths?.verifyIssuers(known.chain) ??
    verifyStanding(leaf, known, requirements, now) ??
    (constraints === 'unasked' ? verifyIssuingLimits(known, requirements.purpose) : undefined)
  );
}
