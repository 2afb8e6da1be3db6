// Builds and signs one certificate (RFC 5280) from a plain description. Knows encoding and signature algorithms; what a
// server, client or CA certificate ought to contain is decided in test-ca.ts.
import { type KeyObject, sign } from 'node:crypto';
import { derTag } from '../asn1/der.ts';
import { encodeDer, encodeObjectId, encodeTime, encodeUnsigned } from '../asn1/der-writer.ts';

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
  const tbs = encodeDer(
    derTag.sequence,
    encodeDer(0xa0, encodeUnsigned(Buffer.from([2]))),
    encodeUnsigned(draft.serial),
    algorithm,
    draft.issuer,
    encodeDer(derTag.sequence, encodeTime(draft.notBefore), encodeTime(draft.notAfter)),
    draft.subject,
    draft.publicKey.export({ format: 'der', type: 'spki' }),
    encodeDer(0xa3, encodeDer(derTag.sequence, ...draft.extensions.map(encodeExtension))),
  );
  return encodeDer(derTag.sequence, tbs, algorithm, encodeSignature(tbs, signer, hash));
}

/** The signature over `signed` as a BIT STRING. */
export function encodeSignature(signed: Buffer, signer: KeyObject, hash: SignatureHash): Buffer {
  return encodeBits(sign(isEdwards(signer) ? null : hash, signed, signer));
}

/** A BIT STRING of whole bytes. */
function encodeBits(bytes: Uint8Array): Buffer {
  return encodeDer(derTag.bitString, Buffer.from([0]), bytes);
}

export function encodeExtension(extension: WrittenExtension): Buffer {
  return encodeDer(
    derTag.sequence,
    encodeObjectId(extension.oid),
    ...(extension.critical ? [encodeDer(derTag.boolean, Buffer.from([0xff]))] : []),
    encodeDer(derTag.octetString, extension.value),
  );
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
