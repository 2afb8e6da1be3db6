// A certificate as text that fits into a header field: URL-encoded PEM, as Envoy's XFCC and nginx's $ssl_client_escaped_cert
// write it, and base64 of its DER.
import { encodePem } from '../asn1/der-writer.ts';
import { maxFieldBytes, tooLarge } from './field-limits.ts';

/** PEM with its newlines, percent-encoded but for letters, digits and `-`. Faults: identity_too_large. */
export function escapedPem(der: Buffer): string {
  return encodeURIComponent(plainPem(der));
}

/** PEM with its newlines. Faults: identity_too_large. */
export function plainPem(der: Buffer): string {
  checkSize(der);
  return encodePem('CERTIFICATE', der);
}

/** Faults: identity_too_large. */
export function base64Der(der: Buffer): string {
  checkSize(der);
  return der.toString('base64');
}

/** Before the work, not after: a client chooses its certificate, and may ask again and again. */
function checkSize(der: Buffer): void {
  if (der.length > maxFieldBytes) throw tooLarge(`a certificate of ${der.length} bytes`);
}
