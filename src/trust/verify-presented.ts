// What a policy would say of a client certificate that nobody is presenting: for `explain` and audits, which have certificates and
// no handshake. The same path search and the same order of checks as at the handshake; what OpenSSL alone verifies there (name
// constraints, critical extensions) it cannot see; of revocation only what is given.
import { X509Certificate } from 'node:crypto';
import { diagnose } from './diagnose.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { readFacts } from '../certs/facts-reader.ts';
import type { VerificationResult } from './certificate-checks.ts';
import type { ClientTrust } from './client-trust.ts';
import { establishChain } from './establish-chain.ts';
import { findPath, type PathRequest } from './path-search.ts';
import type { RevocationList } from './revocation.ts';

/** `revocations` undefined: revocation is not looked at. */
export type PresentedTo = {
  readonly trust: ClientTrust;
  readonly maxDepth: number;
  readonly revocations?: RevocationList | undefined;
};

/** `facts`: leaf first, then what is sent along. undefined: it would pass. Throws Fault('malformed_cert'). */
export function verifyPresented(
  facts: readonly [CertificateFacts, ...CertificateFacts[]],
  { trust, maxDepth, revocations }: PresentedTo,
  now: number,
): VerificationResult | undefined {
  const [leaf, ...chain] = facts;
  const certificate = new X509Certificate(leaf.der);
  const sent = chain.map(({ der }) => new X509Certificate(der));
  const request: PathRequest = { leaf, certificate, sent, anchors: trust.all, read: readFacts, now };
  const anchors = trust.anchorsFor(leaf);
  const requirements = { ...trust.requirements(maxDepth, undefined), revocations };
  const found =
    'code' in anchors
      ? undefined
      : establishChain({ ...request, anchors, requirements, paths: trust, constraints: 'unasked' });
  if (found !== undefined && (found.known ?? found.refusal) !== undefined) return found.refusal;
  // Below no CA of the policy at all, whatever its trust domain: that is the first thing to say.
  if (findPath(request) === undefined) {
    // OpenSSL's code for an issuer that was not found, whatever the reason; diagnose tells them apart.
    return diagnose({ raw: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', leg: 1, leaf, chain, bundle: trust.bundle, now });
  }
  return 'code' in anchors ? anchors : trust.explainNoPath(request);
}
