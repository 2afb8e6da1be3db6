// OpenSSL's reason for a refusal is that of the way that it went by, and some CAs it does not have (openssl-cas.ts): where
// our own search says more, that counts. It never lets anybody in.
import type { ChainResult } from './establish-chain.ts';

/** Issuers that OpenSSL did not find. */
const notFound: ReadonlySet<string> = new Set([
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
]);

/** The code to explain instead of `raw`, OpenSSL's, for a certificate that was refused. */
export function rawOfBest(raw: string, { refusal }: ChainResult): string {
  if (refusal === undefined || !notFound.has(raw.replace(/^X509_V_ERR_/, ''))) return raw;
  // Node has no name for what OpenSSL finds too weak.
  if (refusal.code === 'weak_key') return 'UNSPECIFIED';
  if (refusal.code === 'expired') return 'CERT_HAS_EXPIRED';
  return refusal.code === 'not_yet_valid' ? 'CERT_NOT_YET_VALID' : raw;
}
