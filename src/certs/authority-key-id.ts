// The extension that says which key signed, in certificates and in CRLs alike (RFC 5280 sections 4.2.1.1 and 5.2.1).
import { type DerCursor, derTag } from '../asn1/der.ts';

/** The keyIdentifier in hexadecimal; undefined where the issuer is named otherwise. Throws Fault('malformed_cert'). */
export function readAuthorityKeyId(value: DerCursor): string | undefined {
  const body = value.enter(derTag.sequence, 'authorityKeyIdentifier');
  value.finish('authorityKeyIdentifier');
  if (body.tag !== 0x80) return undefined;
  const { content, end } = body.next('authorityKeyIdentifier');
  return body.der.toString('hex', content, end);
}
