// What a certificate may be used for (RFC 5280 section 4.2.1.12).
import type { CertificateFacts } from './facts.ts';

export const serverAuth = '1.3.6.1.5.5.7.3.1';
export const clientAuth = '1.3.6.1.5.5.7.3.2';
const anyUsage = '2.5.29.37.0';

/**
 * True where the certificate may serve for the usage: the extension is absent, or names it. anyExtendedKeyUsage does not count,
 * as with OpenSSL, which decides at the handshake (RFC 5280 leaves it to the application).
 */
export function hasPurpose({ extendedKeyUsage }: CertificateFacts, usage: string): boolean {
  return extendedKeyUsage === undefined || extendedKeyUsage.includes(usage);
}

/** Likewise, where it is for others to decide, and some of them take anyExtendedKeyUsage. */
export function hasPurposeForSome(facts: CertificateFacts, usage: string): boolean {
  return hasPurpose(facts, usage) || allowsAnyUsage(facts);
}

function allowsAnyUsage({ extendedKeyUsage }: CertificateFacts): boolean {
  return extendedKeyUsage?.includes(anyUsage) === true;
}

/** `its extended key usage lacks clientAuth`, for a certificate that does not have the purpose. */
export function explainLack(facts: CertificateFacts, word: 'clientAuth' | 'serverAuth'): string {
  const any = allowsAnyUsage(facts) ? ' (anyExtendedKeyUsage does not stand for it)' : '';
  return `its extended key usage lacks ${word}${any}`;
}
