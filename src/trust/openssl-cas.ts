// What OpenSSL gets of a bundle. It looks among these before it looks at what the peer sent (X509_V_FLAG_TRUSTED_FIRST), and what it
// finds first it keeps: an expired root would hide the cross-certificate by which its successor vouches for the same CA, an
// intermediate signed with SHA-1 the better one that was sent (N29). Nothing is accepted by either anyhow, so they are left away;
// our own path search knows them, and says so.
import { encodePem } from '../asn1/der-writer.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { isSelfIssued } from '../certs/issuer.ts';
import { verifyStrength } from './certificate-checks.ts';
import type { TrustBundle } from './trust-bundle.ts';

export type OpensslCas = {
  /** One certificate each. Never empty: no CAs would mean the public roots to Node (N22). */
  readonly pem: readonly string[];
  /** Milliseconds since the epoch after which the next one expires; Infinity where that changes nothing. */
  readonly until: number;
};

// X509_CERT_AUX with trust for one purpose alone, OpenSSL's way to say that a certificate is an anchor whatever stands
// above it: how an intermediate becomes one (allowPartialTrustChain, which tls.Server ignores, N15).
const trustedFor = {
  clients: Buffer.from('300c300a06082b06010505070302', 'hex'),
  servers: Buffer.from('300c300a06082b06010505070301', 'hex'),
};

export type AnchorChoice = { readonly bundle: TrustBundle; readonly partialChain: boolean };

/** Those of the bundle by which one of `peers` may be let in at `now`; all of them where that is none. */
export function opensslCas(
  { bundle, partialChain }: AnchorChoice,
  peers: keyof typeof trustedFor,
  now: number,
): OpensslCas {
  const strong = bundle.certificates.filter((facts) => partialChain || !isWeakIntermediate(facts));
  const living = strong.filter(({ notAfter }) => now <= notAfter);
  const kept = living.length === 0 ? bundle.certificates : living;
  // Written once with the bundle; the public roots are many.
  const pem = partialChain
    ? kept.map(({ der }) => encodePem('TRUSTED CERTIFICATE', Buffer.concat([der, trustedFor[peers]])))
    : bundle.pem.filter((_, at) => kept.includes(bundle.certificates[at] as CertificateFacts));
  return { pem, until: living.length < 2 ? Infinity : earliestEnd(living) };
}

/** An anchor is trusted by being named, whatever its signature is. */
function isWeakIntermediate(facts: CertificateFacts): boolean {
  return !isSelfIssued(facts) && verifyStrength(facts)?.code === 'weak_key';
}

function earliestEnd(certificates: readonly CertificateFacts[]): number {
  return certificates.reduce((earliest, { notAfter }) => Math.min(earliest, notAfter), Infinity);
}
