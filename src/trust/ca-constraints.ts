// What the CAs above a certificate may issue (RFC 5280 sections 4.2.1.9, 4.2.1.12): path length and extended key usage. At a
// handshake OpenSSL has verified this; here it is for chains that OpenSSL never saw under these anchors. Key usage is part of
// the search for a path (anchor-set.ts); name constraints and policies are not looked at.
import { X509Certificate } from 'node:crypto';
import type { AnchorSet } from './anchor-set.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { isSelfIssued } from '../certs/issuer.ts';
import { quoteSubject } from './issuer-diagnosis.ts';
import { type VerificationResult } from './certificate-checks.ts';
import { clientAuth, hasPurpose } from '../certs/extended-key-usage.ts';
import { pathLengthOf } from './path-constraints.ts';

/** undefined where every CA up to the anchor may stand where it does, or where no path is found. Throws Fault('malformed_cert'). */
export function verifyCaConstraints(
  leaf: CertificateFacts,
  above: readonly CertificateFacts[],
  anchors: AnchorSet | VerificationResult,
): VerificationResult | undefined {
  if ('code' in anchors) return undefined;
  const path = anchors.findPath(
    new X509Certificate(leaf.der),
    above.map(({ der }) => new X509Certificate(der)),
  );
  if (path === undefined) return undefined;
  const known = [...above, ...anchors.bundle.anchors];
  const cas = path.chain.slice(1).flatMap(({ raw }) => known.find(({ der }) => der.equals(raw)) ?? []);
  let below = 0;
  for (const ca of [...cas, path.anchor]) {
    const pathLength = pathLengthOf(ca);
    if (below > pathLength) {
      return {
        code: 'chain_too_deep',
        detail: `its CA ${quoteSubject(ca)} may have ${pathLength} CAs below it, there are ${below}`,
      };
    }
    if (!hasPurpose(ca, clientAuth)) {
      return {
        code: 'wrong_purpose',
        detail: `its CA ${quoteSubject(ca)} may not issue for a client (extended key usage)`,
      };
    }
    if (!isSelfIssued(ca)) below += 1;
  }
  return undefined;
}
