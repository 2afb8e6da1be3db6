// Builds and signs one certificate (RFC 5280) from a plain description. Knows encoding and signature algorithms; what a
// server, client or CA certificate ought to contain is decided in test-ca.ts.
import { type KeyObject, sign } from 'node:crypto';
import { derTag } from '../asn1/der.ts';
import { encodeDer, encodeObjectId } from '../asn1/der-writer.ts';
import * as parts from './certificate-parts.ts';

export type SignatureHash = 'sha256' | 'sha384' | 'sha512' | 'sha1';

/** `value` is the DER inside the extension's OCTET STRING. */
export type WrittenExtension = { readonly oid: string; readonly critical: boolean; readonly value: Buffer };

export type CertificateDraft = {
  /** Big-endian magnitude. */
  readonly serial: Uint8Array;
  /** DER of a Name. */
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly publicKey: KeyObject;
  readonly extensions: readonly WrittenExtension[];
};

/** DER of the signed certificate. */
export function writeCertificate(draft: CertificateDraft, signer: KeyObject, hash: SignatureHash): Buffer {
  const algorithm = encodeAlgorithm(signer, hash);
  const publicKey = draft.publicKey.export({ format: 'der', type: 'spki' });
  const tbs = parts.encodeToBeSigned({ ...draft, publicKey, algorithm });
  return Buffer.from(parts.encodeSigned(tbs, algorithm, signatureOf(tbs, signer, hash)));
}

/** The signature over `signed` as a BIT STRING. */
export function encodeSignature(signed: Buffer, signer: KeyObject, hash: SignatureHash): Buffer {
  return encodeDer(derTag.bitString, Buffer.from([0]), signatureOf(signed, signer, hash));
}

function signatureOf(signed: Uint8Array, signer: KeyObject, hash: SignatureHash): Buffer {
  return sign(isEdwards(signer) ? null : hash, signed, signer);
}

export function encodeExtension(extension: WrittenExtension): Buffer {
  return Buffer.from(parts.encodeExtension(extension));
}

const rsaAlgorithms: Readonly<Record<SignatureHash, string>> = {
  sha1: '1.2.840.113549.1.1.5',
  sha256: '1.2.840.113549.1.1.11',
  sha384: '1.2.840.113549.1.1.12',
  sha512: '1.2.840.113549.1.1.13',
};

const ecAlgorithms: Readonly<Record<SignatureHash, string>> = {
  sha1: '1.2.840.10045.4.1',
  sha256: '1.2.840.10045.4.3.2',
  sha384: '1.2.840.10045.4.3.3',
  sha512: '1.2.840.10045.4.3.4',
};

/** The AlgorithmIdentifier of what encodeSignature makes. */
export function encodeAlgorithm(signer: KeyObject, hash: SignatureHash): Buffer {
  if (isEdwards(signer)) return encodeDer(derTag.sequence, encodeObjectId('1.3.101.112'));
  if (signer.asymmetricKeyType === 'ec') return encodeDer(derTag.sequence, encodeObjectId(ecAlgorithms[hash]));
  return encodeDer(derTag.sequence, encodeObjectId(rsaAlgorithms[hash]), Buffer.from([5, 0]));
}

function isEdwards(key: KeyObject): boolean {
  return key.asymmetricKeyType === 'ed25519';
}
