// What a certificate may be used for (RFC 5280 section 4.2.1.12).
import type { CertificateFacts } from './facts.ts';

export const serverAuth = '1.3.6.1.5.5.7.3.1';
export const clientAuth = '1.3.6.1.5.5.7.3.2';
const anyUsage = '2.5.29.37.0';

/** True where the certificate may serve for the usage: the extension is absent, or names it, or names any usage. */
export function hasPurpose(facts: CertificateFacts, usage: string): boolean {
  const { extendedKeyUsage } = facts;
  return extendedKeyUsage === undefined || extendedKeyUsage.includes(usage) || extendedKeyUsage.includes(anyUsage);
}
