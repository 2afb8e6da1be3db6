// Which extensions a CA, server or client certificate of ours carries (RFC 5280 section 4.2): strict enough for
// `openssl verify -x509_strict`.
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import type { WrittenExtension } from './certificate-writer.ts';
import { DerCursor, derTag } from '../asn1/der.ts';
import { encodeDer, encodeObjectId, encodeUnsigned } from '../asn1/der-writer.ts';
import { encodeSan } from './san-writer.ts';
import type { San } from './facts.ts';
import { clientAuth, serverAuth } from './extended-key-usage.ts';

export type LeafKind = 'server' | 'client' | 'both' | 'none';

/** What a CA carries; `pathLength` undefined: no limit. */
export function caExtensions(pathLength: number | undefined, key: KeyObject, signer: KeyObject): WrittenExtension[] {
  const isCa = encodeDer(derTag.boolean, Buffer.from([0xff]));
  const depth = pathLength === undefined ? [] : [encodeUnsigned(Buffer.from([pathLength]))];
  return [
    { oid: '2.5.29.19', critical: true, value: encodeDer(derTag.sequence, isCa, ...depth) },
    // keyCertSign, cRLSign
    { oid: '2.5.29.15', critical: true, value: Buffer.from([derTag.bitString, 2, 1, 0x06]) },
    ...keyIds(key, signer),
  ];
}

/** What an end-entity certificate carries; 'none' leaves the extended key usage out. */
export function leafExtensions(
  kind: LeafKind,
  sans: readonly San[],
  key: KeyObject,
  signer: KeyObject,
  subjectEmpty: boolean,
): WrittenExtension[] {
  const usages = {
    server: [serverAuth],
    client: [clientAuth],
    both: [serverAuth, clientAuth],
    none: [],
  }[kind];
  // digitalSignature; keyEncipherment too for RSA
  const usage = key.asymmetricKeyType === 'rsa' ? [5, 0xa0] : [7, 0x80];
  const found: WrittenExtension[] = [
    { oid: '2.5.29.19', critical: true, value: encodeDer(derTag.sequence) },
    { oid: '2.5.29.15', critical: true, value: encodeDer(derTag.bitString, Buffer.from(usage)) },
  ];
  if (usages.length > 0) {
    found.push({ oid: '2.5.29.37', critical: false, value: encodeDer(derTag.sequence, ...usages.map(encodeObjectId)) });
  }
  if (sans.length > 0) {
    const value = encodeDer(derTag.sequence, ...sans.map(encodeSan));
    found.push({ oid: '2.5.29.17', critical: subjectEmpty, value });
  }
  return [...found, ...keyIds(key, signer)];
}

function keyIds(key: KeyObject, signer: KeyObject): WrittenExtension[] {
  return [
    { oid: '2.5.29.14', critical: false, value: encodeDer(derTag.octetString, keyId(key)) },
    { oid: '2.5.29.35', critical: false, value: encodeDer(derTag.sequence, encodeDer(0x80, keyId(signer))) },
  ];
}

// RFC 5280 section 4.2.1.2, method 1: SHA-1 over the bits of the public key; an identifier, not a security measure.
function keyId(key: KeyObject): Buffer {
  const info = new DerCursor(createPublicKey(key).export({ format: 'der', type: 'spki' })).enter(
    derTag.sequence,
    'spki',
  );
  info.next('algorithm');
  const bits = info.expect(derTag.bitString, 'key');
  return createHash('sha1')
    .update(info.der.subarray(bits.content + 1, bits.end))
    .digest();
}
