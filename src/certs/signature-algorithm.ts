// The algorithm a certificate was signed with (RFC 5280 section 4.1.1.2), read from its DER when strength is verified.
import { type DerCursor, type DerElement, derTag, readObjectId } from '../asn1/der.ts';
import { splitCertificate } from './facts-reader.ts';
import type { CertificateFacts } from './facts.ts';

const names: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.1.1.2', 'RSA with MD2'],
  ['1.2.840.113549.1.1.4', 'RSA with MD5'],
  ['1.2.840.113549.1.1.5', 'RSA with SHA-1'],
  ['1.3.14.3.2.29', 'RSA with SHA-1'],
  ['1.2.840.113549.1.1.14', 'RSA with SHA-224'],
  ['1.2.840.113549.1.1.11', 'RSA with SHA-256'],
  ['1.2.840.113549.1.1.12', 'RSA with SHA-384'],
  ['1.2.840.113549.1.1.13', 'RSA with SHA-512'],
  ['1.2.840.10045.4.1', 'ECDSA with SHA-1'],
  ['1.2.840.10045.4.3.1', 'ECDSA with SHA-224'],
  ['1.2.840.10045.4.3.2', 'ECDSA with SHA-256'],
  ['1.2.840.10045.4.3.3', 'ECDSA with SHA-384'],
  ['1.2.840.10045.4.3.4', 'ECDSA with SHA-512'],
  ['1.2.840.10040.4.3', 'DSA with SHA-1'],
  ['1.3.101.112', 'Ed25519'],
  ['1.3.101.113', 'Ed448'],
]);

const pssHashes: ReadonlyMap<string, string> = new Map([
  ['1.3.14.3.2.26', 'SHA-1'],
  ['2.16.840.1.101.3.4.2.1', 'SHA-256'],
  ['2.16.840.1.101.3.4.2.2', 'SHA-384'],
  ['2.16.840.1.101.3.4.2.3', 'SHA-512'],
]);

/** 'ECDSA with SHA-256', …, or the dotted OID; undefined where its parameters are broken. Never throws. */
export function readSignatureAlgorithm(facts: CertificateFacts): string | undefined {
  try {
    const { cursor, signatureAlgorithm } = splitCertificate(facts.der);
    return nameSignatureAlgorithm(cursor, signatureAlgorithm);
  } catch {
    // The certificate itself was readable, so only the parameters can be at fault; who verifies refuses it.
    return undefined;
  }
}

/** The same for any AlgorithmIdentifier of a signature. Throws Fault('malformed_cert') where its parameters are broken. */
export function nameSignatureAlgorithm(cursor: DerCursor, algorithm: DerElement): string {
  const { der } = cursor;
  const body = cursor.inside(algorithm);
  const oid = body.expect(derTag.objectId, 'signatureAlgorithm');
  const id = readObjectId(der, oid.content, oid.end);
  if (id !== '1.2.840.113549.1.1.10') return names.get(id) ?? id;
  // RSASSA-PSS-params (RFC 4055 section 3.1): an absent hash means SHA-1.
  const params = body.tag === derTag.sequence ? body.enter(derTag.sequence, 'PSS parameters') : undefined;
  if (params?.tag !== 0xa0) return 'RSA-PSS with SHA-1';
  const inner = params.enter(0xa0, 'PSS hash').enter(derTag.sequence, 'PSS hash');
  const hash = inner.expect(derTag.objectId, 'PSS hash');
  const hashId = readObjectId(der, hash.content, hash.end);
  return `RSA-PSS with ${pssHashes.get(hashId) ?? hashId}`;
}
