// Which CA signed a CRL: by name, key identifier, the right to sign CRLs, and the signature itself (RFC 5280 section 6.3.3).
// Candidates are what the configuration trusts or names beside it, never what a client sent.
import { X509Certificate } from 'node:crypto';
import { readPointers } from '../certs/revocation-pointers.ts';
import type { ParsedCrl } from './reader.ts';
import { CrlRejection } from './rejection.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { escapeForLog } from '../base/log-text.ts';
import { findSignatureFlaw } from '../certs/signed-data.ts';

const maxShown = 200;

/** The candidate whose key verifies the CRL. Throws CrlRefusal where there is none. */
export function findCrlIssuer(crl: ParsedCrl, candidates: readonly CertificateFacts[]): CertificateFacts {
  const name = `"${escapeForLog(crl.issuer, maxShown)}"`;
  const named = candidates.filter(({ subjectKey, subjectKeyId }) => {
    if (subjectKey !== crl.issuerKey || subjectKey === '') return false;
    return crl.authorityKeyId === undefined || subjectKeyId === undefined || subjectKeyId === crl.authorityKeyId;
  });
  if (named.length === 0 && candidates.some(({ subjectKey }) => subjectKey === crl.issuerKey && subjectKey !== ''))
    throw new CrlRejection(
      'crl_issuer_unknown',
      `it was issued by ${name} with another key than the CA of that name given here has`,
      'Was the CA made anew? Get the CRL of the new one, or add the certificate of the old one (clientCA, rootCAs).',
    );
  if (named.length === 0) {
    throw new CrlRejection(
      'crl_issuer_unknown',
      `it was issued by ${name}, whose certificate is not among the CAs given here`,
      'Add the certificate of that CA (clientCA, rootCAs); beside a root, an intermediate there is no anchor.',
    );
  }
  const flaws: string[] = [];
  for (const candidate of named) {
    const flaw = findFlaw(crl, candidate);
    if (flaw === undefined) return candidate;
    flaws.push(flaw);
  }
  throw new CrlRejection(
    'crl_signature',
    `it names ${name} as its issuer, but ${flaws[0]}`,
    'Get the CRL again from that CA; it may have been changed on the way, or the CA has a new key.',
  );
}

function findFlaw(crl: ParsedCrl, candidate: CertificateFacts): string | undefined {
  try {
    if (!readPointers(candidate).maySignCrls) return 'that CA may not sign CRLs (key usage without cRLSign)';
    const flaw = findSignatureFlaw(crl.signed, new X509Certificate(candidate.der).publicKey);
    return flaw && `it ${flaw}`;
  } catch {
    // A certificate that OpenSSL cannot work with vouches for nothing.
    return 'the certificate of that CA cannot be used';
  }
}
