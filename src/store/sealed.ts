// Sealed secrets (private keys) and the public keys they are sealed with. What is kept here cannot be opened by whoever holds
// the store; seal.ts seals and opens.
import { type AuditedRow, rowDigest } from './audit.ts';
import { type Digest, parseDigest } from './digest.ts';
import { maxSecretBytes } from './limits.ts';
import type { Act } from './names.ts';
import { checkObjectName, type ObjectName } from './object.ts';
import type { Page, PageRequest } from './page.ts';
import { StoreProblem } from './store-problem.ts';

/** `kind` and `id`: the object that may refer to it, and no other. */
export type SealedBlob = ObjectName & {
  /** Commitment to the secret: it stays when the secret is sealed anew with another key. */
  readonly digest: Digest;
  /** Id of the key that it is sealed with. */
  readonly sealKey: string;
  readonly bytes: Uint8Array;
};

export type SealKey = {
  /** The first 16 digits of the SHA-256 of the public key. */
  readonly id: string;
  /** X25519, 32 bytes in base64. */
  readonly publicKey: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
};

export interface SealedBlobs {
  /**
   * The newest first: the one to seal with. More than one only while secrets are sealed anew. Whoever seals compares it with
   * what the holder of the opening key says: a key that was added by hand opens for him who added it.
   */
  keys(): Promise<readonly SealKey[]>;
  /** From now on the one to seal with. */
  addKey(key: Pick<SealKey, 'id' | 'publicKey'>, act: Act): Promise<void>;
  /** `in_use` while anything is sealed with it. */
  removeKey(id: string, act: Act): Promise<void>;

  /** `duplicate` where the digest is there, `seal_key_wrong` where the store does not know the key. */
  put(blob: SealedBlob, act: Act): Promise<void>;
  /** Checked against the audit log, as are the keys: `altered` where somebody changed it by another way. */
  get(digest: Digest): Promise<SealedBlob | undefined>;
  /** In the order of the digests; `sealKey`: only what is sealed with that one. */
  list(request?: PageRequest & { readonly sealKey?: string }): Promise<Page<SealedBlob>>;
  /** The same secret, sealed anew. `sealed_unknown` where it is not there, for this object. */
  replace(blob: SealedBlob, act: Act): Promise<void>;
  /** Takes away what no revision refers to and is older than `before` (milliseconds since the epoch); returns how many. */
  prune(before: number, act: Act): Promise<number>;
}

/** The secret, the random bytes beside it, and what sealing adds. */
const maxSealedBytes = maxSecretBytes + 256;

/** Throws `invalid`. */
export function checkSealed(blob: SealedBlob): void {
  checkObjectName(blob);
  parseDigest(blob.digest, 'the digest of a sealed key');
  if (blob.bytes.length === 0 || blob.bytes.length > maxSealedBytes) {
    throw new StoreProblem('invalid', `a sealed key of ${blob.bytes.length} bytes; ${maxSealedBytes} are allowed`);
  }
}

export function sealedRow({ bytes, ...blob }: SealedBlob): AuditedRow {
  const row = rowDigest({ ...blob, bytes: Buffer.from(bytes).toString('base64') });
  return { subject: `sealed/${blob.digest}`, row };
}

export function sealKeyRow(key: SealKey): AuditedRow {
  return { subject: `seal-key/${key.id}`, row: rowDigest(key) };
}
