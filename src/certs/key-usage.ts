// What the key of a certificate may be used for (RFC 5280 section 4.2.1.3).
import { derTag } from '../asn1/der.ts';
import { eachExtension } from './extensions.ts';
import type { CertificateFacts } from './facts.ts';

const keyUsage = '2.5.29.15';
const keyCertSign = 0x04;

/** True where the key may sign certificates, or nothing is said of it. Throws Fault('malformed_cert'). */
export function maySign(facts: Pick<CertificateFacts, 'der'>): boolean {
  for (const { oid, value } of eachExtension(facts)) {
    if (oid !== keyUsage) continue;
    const { content } = value.expect(derTag.bitString, 'keyUsage');
    return ((value.der[content + 1] ?? 0) & keyCertSign) !== 0;
  }
  return true;
}
