// What kind of public key a SubjectPublicKeyInfo holds (RFC 5280 section 4.1.2.7, RFC 5480, RFC 8410), in a few words.
import { checkInteger, type DerCursor, type DerElement, derTag, malformed, readObjectId } from '../asn1/der.ts';

const curves: ReadonlyMap<string, string> = new Map([
  ['1.2.840.10045.3.1.1', 'P-192'],
  ['1.3.132.0.33', 'P-224'],
  ['1.2.840.10045.3.1.7', 'P-256'],
  ['1.3.132.0.34', 'P-384'],
  ['1.3.132.0.35', 'P-521'],
  ['1.3.132.0.10', 'secp256k1'],
  ['1.3.36.3.3.2.8.1.1.7', 'brainpoolP256r1'],
  ['1.3.36.3.3.2.8.1.1.11', 'brainpoolP384r1'],
  ['1.3.36.3.3.2.8.1.1.13', 'brainpoolP512r1'],
]);

const plainKinds: ReadonlyMap<string, string> = new Map([
  ['1.3.101.110', 'X25519'],
  ['1.3.101.111', 'X448'],
  ['1.3.101.112', 'Ed25519'],
  ['1.3.101.113', 'Ed448'],
  ['2.16.840.1.101.3.4.3.17', 'ML-DSA-44'],
  ['2.16.840.1.101.3.4.3.18', 'ML-DSA-65'],
  ['2.16.840.1.101.3.4.3.19', 'ML-DSA-87'],
]);

/** 'RSA 2048', 'RSA-PSS 3072', 'EC P-256', 'EC 1.2.3' for an unnamed curve, 'Ed25519', 'DSA', or the dotted OID. */
export function readPublicKey(cursor: DerCursor, info: DerElement): string {
  const { der } = cursor;
  const body = cursor.inside(info);
  const algorithm = body.enter(derTag.sequence, 'public key algorithm');
  const bits = body.expect(derTag.bitString, 'public key');
  body.finish('subjectPublicKeyInfo');
  const oid = algorithm.expect(derTag.objectId, 'public key algorithm');
  const id = readObjectId(der, oid.content, oid.end);
  switch (id) {
    case '1.2.840.113549.1.1.1':
      return `RSA ${readModulusBits(cursor, bits)}`;
    case '1.2.840.113549.1.1.10':
      return `RSA-PSS ${readModulusBits(cursor, bits)}`;
    case '1.2.840.10045.2.1': {
      // Explicit curve parameters (RFC 5480 forbids them) have been used to smuggle a known private key (CVE-2020-0601).
      if (algorithm.tag !== derTag.objectId) throw malformed('public key: EC key without a named curve');
      const curve = algorithm.next('public key algorithm');
      const curveId = readObjectId(der, curve.content, curve.end);
      return `EC ${curves.get(curveId) ?? curveId}`;
    }
    case '1.2.840.10040.4.1':
      return 'DSA';
    default:
      return plainKinds.get(id) ?? id;
  }
}

function readModulusBits(cursor: DerCursor, bits: DerElement): number {
  const { der } = cursor;
  if (der[bits.content] !== 0) throw malformed('public key: not a whole number of bytes');
  const key = cursor.inside({ ...bits, content: bits.content + 1 });
  const body = key.enter(derTag.sequence, 'RSA public key');
  key.finish('RSA public key');
  const modulus = body.expect(derTag.integer, 'RSA modulus');
  checkInteger(der, modulus, 'RSA modulus');
  let start = modulus.content;
  if ((der[start] as number) >= 0x80) throw malformed('RSA modulus: negative');
  if (der[start] === 0) start += 1;
  if (start === modulus.end) return 0;
  return (modulus.end - start) * 8 - (Math.clz32(der[start] as number) - 24);
}
