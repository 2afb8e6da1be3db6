// A certificate as OpenSSL reads it. The last one is kept: who has read one mostly asks next whether a key fits it, and to open it takes
// longer than to ask.
import { X509Certificate } from 'node:crypto';

let last: { readonly der: Buffer; readonly certificate: X509Certificate } | undefined;

/** `der` must not change any more. Throws OpenSSL's error where it cannot read it. */
export function openCertificate(der: Buffer): X509Certificate {
  if (last?.der !== der) last = { der, certificate: new X509Certificate(der) };
  return last.certificate;
}
