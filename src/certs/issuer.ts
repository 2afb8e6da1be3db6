// Who issued whom: by name and key identifier (cheap, for diagnosis) and by signature (for building chains). Not a path
// validation: trust is OpenSSL's decision at the handshake.
import { X509Certificate } from 'node:crypto';
import type { CertificateFacts } from './facts.ts';

/** True where names and key identifiers say that `issuer` issued `subject`; the signature is not checked. */
export function looksIssuedBy(subject: CertificateFacts, issuer: CertificateFacts): boolean {
  if (subject.issuerKey !== issuer.subjectKey || subject.issuerKey === '') return false;
  const { authorityKeyId } = subject;
  return authorityKeyId === undefined || issuer.subjectKeyId === undefined || authorityKeyId === issuer.subjectKeyId;
}

/** As looksIssuedBy, and the signature verifies. Costs a public-key operation. */
export function isIssuedBy(subject: CertificateFacts, issuer: CertificateFacts): boolean {
  return looksIssuedBy(subject, issuer) && isSignedBy(subject, issuer);
}

/**
 * The CA that bears the name of this certificate's issuer and did not sign it, where no other of that name did: what comes of
 * making a CA twice. Costs a public-key operation for each of that name.
 */
export function findNamesake(
  subject: CertificateFacts,
  cas: readonly CertificateFacts[],
): CertificateFacts | undefined {
  const named = cas.filter((ca) => ca.subjectKey === subject.issuerKey && subject.issuerKey !== '');
  return named.some((ca) => isSignedBy(subject, ca)) ? undefined : named[0];
}

/** True where the signature verifies with the key of `issuer`, whatever names and key identifiers say. Costs a public-key operation. */
export function isSignedBy(subject: CertificateFacts, issuer: CertificateFacts): boolean {
  try {
    return new X509Certificate(subject.der).verify(new X509Certificate(issuer.der).publicKey);
  } catch {
    // A key or signature that OpenSSL cannot work with proves nothing.
    return false;
  }
}

/** True where the certificate names itself as its issuer. A leaf that bears the name of its CA does so, too: isSelfSigned. */
export function isSelfIssued(facts: CertificateFacts): boolean {
  return looksIssuedBy(facts, facts);
}

/** True where the certificate was signed with its own key. Costs a public-key operation where it names itself as its issuer. */
export function isSelfSigned(facts: CertificateFacts): boolean {
  return isIssuedBy(facts, facts);
}
