// Which extensions a CA, server or client certificate of ours carries (RFC 5280 section 4.2), for keys of Node;
// certificate-parts.ts has what is the same in a browser.
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import type { WrittenExtension } from './certificate-writer.ts';
import { DerCursor, derTag } from '../asn1/der.ts';
import * as parts from './certificate-parts.ts';
import { encodeSan } from './san-writer.ts';
import type { San } from './facts.ts';
import { clientAuth, serverAuth } from './extended-key-usage.ts';

export type LeafKind = 'server' | 'client' | 'both' | 'none';

/** What a CA carries; `pathLength` undefined: no limit. */
export function caExtensions(pathLength: number | undefined, key: KeyObject, signer: KeyObject): WrittenExtension[] {
  return asBuffers(parts.caExtensions(pathLength, keyIds(key, signer)));
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
  const isRsa = key.asymmetricKeyType === 'rsa';
  const leaf = { usages, names: sans.map(encodeSan), isRsa, subjectEmpty };
  return asBuffers(parts.leafExtensions(leaf, keyIds(key, signer)));
}

function asBuffers(extensions: readonly parts.ExtensionParts[]): WrittenExtension[] {
  return extensions.map(({ value, ...rest }) => ({ ...rest, value: Buffer.from(value) }));
}

function keyIds(key: KeyObject, signer: KeyObject): parts.KeyIds {
  return { own: keyId(key), signer: keyId(signer) };
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
