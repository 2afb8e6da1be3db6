// What a policy would say of a client certificate that nobody is presenting: for `explain`, which has the file and no
// handshake. The same path search and the same order of checks as at the handshake; what OpenSSL alone verifies there
// (pathLenConstraint, name constraints, critical extensions) it cannot see; of revocation only what is given.
import { X509Certificate } from 'node:crypto';
import { diagnose } from '../trust/diagnose.ts';
import type { CrlSet } from '../crl/crl-set.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { AnchorSet } from '../trust/anchor-set.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { verifyChainStrength, type VerificationResult } from '../trust/certificate-checks.ts';
import type { ClientTrust } from './client-trust.ts';
import { verifyIdentity } from './verify-identity.ts';

/** `crls` undefined: revocation is not looked at. */
export type PresentedTo = {
  readonly trust: ClientTrust;
  readonly maxDepth: number;
  readonly crls?: CrlSet | undefined;
};

/** `facts`: leaf first, then what is sent along. undefined: it would pass. Throws Fault('malformed_cert'). */
export function verifyPresented(
  facts: readonly [CertificateFacts, ...CertificateFacts[]],
  { trust, maxDepth, crls }: PresentedTo,
  now: number,
): VerificationResult | undefined {
  const [leaf, ...sent] = facts;
  const certificate = new X509Certificate(leaf.der);
  const above = sent.map(({ der }) => new X509Certificate(der));
  const anchors = trust.anchorsFor(leaf);
  const path = 'code' in anchors ? undefined : anchors.findPath(certificate, above, now);
  // Below no CA of the policy at all, whatever its trust domain: that is the first thing to say.
  const all = (): AnchorSet => new AnchorSet(trust.bundle, trust.partialChain);
  if (path === undefined && all().findPath(certificate, above) === undefined) {
    return explainIssuer(leaf, sent, trust, now);
  }
  if ('code' in anchors) return anchors;
  if (path === undefined) return trust.explainNoPath(leaf, certificate, above);
  const chain = [leaf, ...path.chain.slice(1).map(({ raw }) => readFacts(raw))];
  const constrained = trust.verifyPath(chain, path, above);
  if (constrained !== undefined) return constrained;
  const weakness = verifyChainStrength(chain, trust.keyFloor);
  const { keyFloor, needsChain, rules } = trust;
  const asked = { keyFloor, needsChain, rules, crls, ocsp: undefined };
  return verifyIdentity(leaf, { chain, anchor: path.anchor, weakness }, { trust: asked, maxDepth }, now);
}

/** OpenSSL's code for an issuer that was not found, whatever the reason; diagnose tells them apart. */
function explainIssuer(
  leaf: CertificateFacts,
  chain: readonly CertificateFacts[],
  trust: ClientTrust,
  now: number,
): VerificationResult {
  return diagnose({ raw: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', leg: 1, leaf, chain, anchors: trust.bundle, now });
}
