// HPKE (RFC 9180), base mode, one message: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. The KEM is OpenSSL's; the key
// schedule (section 5.1) is here. With a Hash as long as the longest output HKDF-Expand is a single HMAC.
import { createCipheriv, createDecipheriv, createHmac, decapsulate, encapsulate, type KeyObject } from 'node:crypto';

const hash = 'sha256';
const cipher = 'aes-256-gcm';
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
/** Length of an encapsulated key: an X25519 public key. */
export const encapsulatedBytes = 32;

/** `HPKE`, then the ids of KEM, KDF and AEAD (section 7). */
const suiteId = Buffer.from([0x48, 0x50, 0x4b, 0x45, 0x00, 0x20, 0x00, 0x01, 0x00, 0x02]);
const modeBase = Buffer.from([0]);
const nothing = Buffer.alloc(0);

type Message = { readonly info: Uint8Array; readonly aad: Uint8Array };

/** The encapsulated key and the ciphertext with its tag, one after the other. */
export function sealBase(publicKey: KeyObject, { info, aad }: Message, plaintext: Uint8Array): Buffer {
  const { sharedKey, ciphertext: encapsulated } = encapsulate(publicKey);
  return Buffer.concat([encapsulated, encryptOnce(keySchedule(sharedKey, info), aad, plaintext)]);
}

/** Undefined where the message was not sealed to this key, with these bytes around it, or is not whole. */
export function openBase(privateKey: KeyObject, { info, aad }: Message, sealed: Uint8Array): Buffer | undefined {
  if (sealed.length < encapsulatedBytes + tagBytes) return undefined;
  const end = sealed.length - tagBytes;
  try {
    // Fails for points of small order, whose shared secret everybody knows (section 7.1.4).
    const sharedKey = decapsulate(privateKey, sealed.subarray(0, encapsulatedBytes));
    const { key, nonce } = keySchedule(sharedKey, info);
    const decipher = createDecipheriv(cipher, key, nonce, { authTagLength: tagBytes });
    decipher.setAAD(aad).setAuthTag(sealed.subarray(end));
    return Buffer.concat([decipher.update(sealed.subarray(encapsulatedBytes, end)), decipher.final()]);
  } catch {
    // Why is nobody's business: there is nothing to be done about it but to refuse.
    return undefined;
  }
}

export type ContextKeys = { readonly key: Buffer; readonly nonce: Buffer };

/** Section 5.1, for mode_base: no PSK. */
export function keySchedule(sharedSecret: Uint8Array, info: Uint8Array): ContextKeys {
  const context = Buffer.concat([
    modeBase,
    labeledExtract(nothing, 'psk_id_hash', nothing),
    labeledExtract(nothing, 'info_hash', info),
  ]);
  const secret = labeledExtract(sharedSecret, 'secret', nothing);
  return {
    key: labeledExpand(secret, 'key', context, keyBytes),
    nonce: labeledExpand(secret, 'base_nonce', context, nonceBytes),
  };
}

/** Sequence number 0, the only one: the nonce is the base nonce (section 5.2). */
export function encryptOnce({ key, nonce }: ContextKeys, aad: Uint8Array, plaintext: Uint8Array): Buffer {
  const encipher = createCipheriv(cipher, key, nonce, { authTagLength: tagBytes }).setAAD(aad);
  return Buffer.concat([encipher.update(plaintext), encipher.final(), encipher.getAuthTag()]);
}

function labeledExtract(salt: Uint8Array, label: string, input: Uint8Array): Buffer {
  return createHmac(hash, salt).update('HPKE-v1').update(suiteId).update(label).update(input).digest();
}

function labeledExpand(secret: Uint8Array, label: string, info: Uint8Array, length: number): Buffer {
  const block = createHmac(hash, secret)
    .update(Buffer.from([length >> 8, length & 0xff]))
    .update('HPKE-v1')
    .update(suiteId)
    .update(label)
    .update(info)
    .update(Buffer.from([1]))
    .digest();
  return block.subarray(0, length);
}
