// A certificate (RFC 5280) from a plain description, up to its signature, and which extensions a CA, server or client certificate of
// ours carries: strict enough for `openssl verify -x509_strict`. Runs in browsers, too: the console's first run makes keys there,
// and signs with them there.
import { type Bytes, encodeDer, encodeObjectId, encodeTime, encodeUnsigned } from '../asn1/der-bytes.ts';
import { derTag } from '../asn1/der-tag.ts';

/** `value` is the DER inside the extension's OCTET STRING. */
export type ExtensionParts = { readonly oid: string; readonly critical: boolean; readonly value: Uint8Array };

export type CertificateParts = {
  /** Big-endian magnitude. */
  readonly serial: Uint8Array;
  /** DER of a Name. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** DER of the SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  readonly extensions: readonly ExtensionParts[];
  /** DER of the AlgorithmIdentifier of the signature. */
  readonly algorithm: Uint8Array;
};

/** What is signed: the TBSCertificate. */
export function encodeToBeSigned(parts: CertificateParts): Bytes {
  return encodeDer(
    derTag.sequence,
    encodeDer(0xa0, encodeUnsigned(Uint8Array.of(2))),
    encodeUnsigned(parts.serial),
    parts.algorithm,
    parts.issuer,
    encodeDer(derTag.sequence, encodeTime(parts.notBefore), encodeTime(parts.notAfter)),
    parts.subject,
    parts.publicKey,
    encodeDer(0xa3, encodeDer(derTag.sequence, ...parts.extensions.map(encodeExtension))),
  );
}

/** A certificate or a CRL. `signature`: its bytes, as the algorithm has them. */
export function encodeSigned(toBeSigned: Uint8Array, algorithm: Uint8Array, signature: Uint8Array): Bytes {
  return encodeDer(derTag.sequence, toBeSigned, algorithm, encodeDer(derTag.bitString, Uint8Array.of(0), signature));
}

export function encodeExtension({ oid, critical, value }: ExtensionParts): Bytes {
  return encodeDer(
    derTag.sequence,
    encodeObjectId(oid),
    ...(critical ? [encodeDer(derTag.boolean, Uint8Array.of(0xff))] : []),
    encodeDer(derTag.octetString, value),
  );
}

/** Key identifiers (RFC 5280 section 4.2.1.2): of the certificate's own key, and of the key that signs it. */
export type KeyIds = { readonly own: Uint8Array; readonly signer: Uint8Array };

/** What a CA carries; `pathLength` undefined: no limit. */
export function caExtensions(pathLength: number | undefined, ids: KeyIds): ExtensionParts[] {
  const isCa = encodeDer(derTag.boolean, Uint8Array.of(0xff));
  const depth = pathLength === undefined ? [] : [encodeUnsigned(Uint8Array.of(pathLength))];
  return [
    { oid: '2.5.29.19', critical: true, value: encodeDer(derTag.sequence, isCa, ...depth) },
    // keyCertSign, cRLSign
    { oid: '2.5.29.15', critical: true, value: Uint8Array.of(derTag.bitString, 2, 1, 0x06) },
    ...keyIdExtensions(ids),
  ];
}

export type LeafParts = {
  /** Extended key usages, dotted; none: the extension is left out. */
  readonly usages: readonly string[];
  /** DER of GeneralNames. */
  readonly names: readonly Uint8Array[];
  readonly isRsa: boolean;
  readonly subjectEmpty: boolean;
};

/** What an end-entity certificate carries. */
export function leafExtensions({ usages, names, isRsa, subjectEmpty }: LeafParts, ids: KeyIds): ExtensionParts[] {
  // digitalSignature; keyEncipherment too for RSA
  const usage = isRsa ? [5, 0xa0] : [7, 0x80];
  const found: ExtensionParts[] = [
    { oid: '2.5.29.19', critical: true, value: encodeDer(derTag.sequence) },
    { oid: '2.5.29.15', critical: true, value: encodeDer(derTag.bitString, Uint8Array.from(usage)) },
  ];
  if (usages.length > 0)
    found.push({ oid: '2.5.29.37', critical: false, value: encodeDer(derTag.sequence, ...usages.map(encodeObjectId)) });
  if (names.length > 0)
    found.push({ oid: '2.5.29.17', critical: subjectEmpty, value: encodeDer(derTag.sequence, ...names) });
  return [...found, ...keyIdExtensions(ids)];
}

function keyIdExtensions({ own, signer }: KeyIds): ExtensionParts[] {
  return [
    { oid: '2.5.29.14', critical: false, value: encodeDer(derTag.octetString, own) },
    { oid: '2.5.29.35', critical: false, value: encodeDer(derTag.sequence, encodeDer(0x80, signer)) },
  ];
}
