// Sealing private keys: whoever has the public key can seal, only who has the opening key can open. A sealed secret is bound
// to the object that may use it and to its own digest, so that nobody who can write to the store can put one in place of another.
// The digest commits to the secret without telling anything of it: it covers random bytes that are sealed along.
import {
  createHash,
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { canonicalJson } from './canonical-json.ts';
import { type Digest, digestOf } from './digest.ts';
import { openBase, sealBase } from './hpke.ts';
import { maxSecretBytes } from './limits.ts';
import type { ObjectName } from './object.ts';
import type { SealedBlob, SealKey } from './sealed.ts';
import { StoreProblem } from './store-problem.ts';

const formatVersion = 1;
const saltBytes = 32;
const info = Buffer.from('countersign sealed key 1');
/** X25519 as SubjectPublicKeyInfo (RFC 8410): this, then the 32 bytes. */
const spkiPrefix = Buffer.from('302a300506032b656e032100', 'hex');

type PublicPart = Pick<SealKey, 'id' | 'publicKey'>;

/** Seals `secret` for the object `name`, with the public key of the store. */
export function seal(key: PublicPart, { kind, id }: ObjectName, secret: Uint8Array): SealedBlob {
  if (secret.length > maxSecretBytes) {
    throw new StoreProblem('invalid', `the secret has ${secret.length} bytes; ${maxSecretBytes} are allowed`);
  }
  const salt = randomBytes(saltBytes);
  const digest = digestOf('sealed', salt, secret);
  return sealSalted(key, { kind, id, digest }, Buffer.concat([salt, secret]));
}

/** The private keys of a store: the one in use, and those that some secrets are still sealed with. */
export class Opener {
  readonly #keys: ReadonlyMap<string, KeyObject>;

  /** `keys`: private X25519 keys. Throws `seal_key_wrong` for anything else. */
  constructor(keys: readonly KeyObject[]) {
    this.#keys = new Map(keys.map((key) => [publicPart(key).id, key]));
  }

  /** Of the keys that it has, in their order. */
  publicParts(): PublicPart[] {
    return [...this.#keys.values()].map(publicPart);
  }

  /** Throws `seal_key_wrong` where it has not got the key, `unsealable` where the blob is not what was sealed. */
  open(blob: SealedBlob): Buffer {
    return this.#openSalted(blob).subarray(saltBytes);
  }

  /** The same secret under the same digest, sealed with another key. */
  reseal(blob: SealedBlob, key: PublicPart): SealedBlob {
    return sealSalted(key, blob, this.#openSalted(blob));
  }

  /**
   * What only the holder of the opening key can read, and only it can have written: a store's public key does not suffice. The
   * id of the key is `publicParts()[0]`. `purpose`: of one use it cannot be taken for another.
   */
  sealOwn(purpose: string, content: Uint8Array): Buffer {
    const [key] = this.#keys.values();
    if (key === undefined) throw new StoreProblem('seal_key_missing', 'there is no opening key');
    const message = ownMessage(purpose);
    return sealBase(createPublicKey(key), message, Buffer.concat([ownTag(key, message.info, content), content]));
  }

  /** Throws `unsealable`, whatever is wrong with it. */
  openOwn(purpose: string, sealed: Uint8Array): Buffer {
    const message = ownMessage(purpose);
    for (const key of this.#keys.values()) {
      const opened = openBase(key, message, sealed);
      if (opened === undefined) continue;
      const content = opened.subarray(ownTagBytes);
      const tag = opened.subarray(0, ownTagBytes);
      if (tag.length === ownTagBytes && timingSafeEqual(tag, ownTag(key, message.info, content))) return content;
    }
    throw new StoreProblem('unsealable', 'it was not sealed with this opening key, or is not what was sealed');
  }

  #openSalted(blob: SealedBlob): Buffer {
    const where = `${blob.kind}/${blob.id}`;
    const key = this.#keys.get(blob.sealKey);
    if (key === undefined) {
      throw new StoreProblem('seal_key_wrong', `the key of ${where} is sealed with ${blob.sealKey}, which is not here`);
    }
    const salted =
      blob.bytes[0] === formatVersion ? openBase(key, { info, aad: aadOf(blob) }, blob.bytes.subarray(1)) : undefined;
    // The digest is part of what is authenticated, yet anybody can seal: only this shows whether it is the secret that was meant.
    if (
      salted === undefined ||
      digestOf('sealed', salted.subarray(0, saltBytes), salted.subarray(saltBytes)) !== blob.digest
    ) {
      throw new StoreProblem('unsealable', `the sealed key of ${where} is not what was put into the store`);
    }
    return salted;
  }
}

/** A new private key. */
export function makeSealKey(): KeyObject {
  return generateKeyPairSync('x25519').privateKey;
}

/** Of a private or public X25519 key. */
export function publicPart(key: KeyObject): PublicPart {
  if (key.asymmetricKeyType !== 'x25519') throw new StoreProblem('seal_key_wrong', 'an opening key is an X25519 key');
  const spki = (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'der', type: 'spki' });
  const raw = spki.subarray(spkiPrefix.length);
  return { id: createHash('sha256').update(raw).digest('hex').slice(0, 16), publicKey: raw.toString('base64') };
}

function sealSalted(key: PublicPart, blob: ObjectName & { readonly digest: Digest }, salted: Uint8Array): SealedBlob {
  const { kind, id, digest } = blob;
  const message = { info, aad: aadOf(blob) };
  const bytes = Buffer.concat([Buffer.from([formatVersion]), sealBase(publicKeyOf(key), message, salted)]);
  return { kind, id, digest, sealKey: key.id, bytes };
}

const ownTagBytes = 32;

function ownMessage(purpose: string): { readonly info: Buffer; readonly aad: Buffer } {
  return { info: Buffer.from(`countersign own 1 ${purpose}`), aad: Buffer.alloc(0) };
}

/** Anybody can seal to a public key; this takes the private one. */
function ownTag(key: KeyObject, info: Uint8Array, content: Uint8Array): Buffer {
  const secret = key.export({ format: 'der', type: 'pkcs8' });
  const own = createHmac('sha256', secret).update(info).digest();
  secret.fill(0);
  return createHmac('sha256', own).update(content).digest();
}

function aadOf({ kind, id, digest }: ObjectName & { readonly digest: Digest }): Buffer {
  return Buffer.from(canonicalJson([kind, id, digest]));
}

/** Throws `seal_key_wrong` where the id is not that of the key. */
function publicKeyOf({ id, publicKey }: PublicPart): KeyObject {
  let key: KeyObject | undefined;
  try {
    const raw = Buffer.from(publicKey, 'base64');
    key = createPublicKey({ key: Buffer.concat([spkiPrefix, raw]), format: 'der', type: 'spki' });
  } catch {
    // Told below.
  }
  if (key === undefined || publicPart(key).id !== id) {
    throw new StoreProblem('seal_key_wrong', 'the public key to seal with is not what its id says');
  }
  return key;
}
