// An identity that was verified at its handshake, by the rules of today. OpenSSL is not asked again: the certificates of the path
// that was established then are followed to today's anchors.
import { X509Certificate } from 'node:crypto';
import { readFacts } from '../certs/facts-reader.ts';
import { type VerificationResult, verifyChainStrength } from './certificate-checks.ts';
import type { ClientTrust } from './client-trust.ts';
import { establishChain } from './establish-chain.ts';
import { findPathConstraint } from './path-constraints.ts';
import type { Identity } from './verdict.ts';
import { type Requirements, verifyStanding } from './verify-standing.ts';

export type VerificationToday = {
  readonly trust: ClientTrust;
  readonly requirements: Requirements;
  /** The same rules as at the handshake, the contents of CRLs and answers apart. */
  readonly unchanged: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
};

/** Why it is not to be trusted any more; undefined where it is. Throws Fault('malformed_cert'). */
export function verifyIdentityAgain(identity: Identity, today: VerificationToday): VerificationResult | undefined {
  const { trust, requirements, unchanged, now } = today;
  const { leaf, chain, anchor } = identity;
  if (unchanged) {
    const refusal = verifyStanding(leaf, anchor && { chain, anchor, weakness: undefined }, requirements, now);
    // A CA above it may be good no longer where another way is: the reason told is that of the way that it came by.
    return refusal === undefined || anchor === undefined ? refusal : findAnotherWay(identity, today) && refusal;
  }
  const anchors = trust.anchorsFor(leaf);
  if ('code' in anchors) return anchors;
  // The way that was verified at the handshake still leads to an anchor: a hundredth of the cost of finding it again. Not
  // where trust hangs on which anchor it is, nor where a CA of it is constrained: OpenSSL may have gone by another one.
  const holds = anchor !== undefined && !requirements.needsChain && anchors.isAnchor(anchor);
  if (holds && findPathConstraint({ chain, anchor }, requirements.purpose) === undefined) {
    const kept = { chain, anchor, weakness: verifyChainStrength(chain, requirements.keyFloor) };
    if (verifyStanding(leaf, kept, requirements, now) === undefined) return undefined;
  }
  return findAnotherWay(identity, today);
}

/** Why there is none to rely on; undefined where there is. */
function findAnotherWay(
  { leaf, chain }: Identity,
  { trust, requirements, now }: VerificationToday,
): VerificationResult | undefined {
  const anchors = trust.anchorsFor(leaf);
  if ('code' in anchors) return anchors;
  const [certificate, ...sent] = chain.map(({ der }) => new X509Certificate(der));
  if (certificate === undefined) return { code: 'untrusted_issuer', detail: 'its chain is not known' };
  const request = { leaf, certificate, sent, anchors, read: readFacts, now };
  const found = establishChain({ ...request, requirements, paths: trust, constraints: 'nobody' });
  return found.known === undefined ? (found.refusal ?? trust.explainNoPath(request)) : found.refusal;
}
