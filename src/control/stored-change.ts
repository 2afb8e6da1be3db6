// A change as somebody writes it, as one that a store takes: private keys among it are sealed here, with the public key of the
// store, and go no further.
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { JsonObject } from '../store/canonical-json.ts';
import { isDigest } from '../store/digest.ts';
import type { ObjectChange, ObjectName, StoredObject } from '../store/object.ts';
import { seal } from '../store/seal.ts';
import type { SealedBlob, SealKey } from '../store/sealed.ts';
import { StoreProblem } from '../store/store-problem.ts';

export type WrittenChange = ObjectName &
  (
    | { readonly put: JsonObject }
    | { readonly remove: true }
    /** An earlier version is current again. */
    | { readonly version: number }
  );

export type StoredChanges = { readonly changes: readonly ObjectChange[]; readonly pending: readonly SealedBlob[] };

export type Sealing = {
  /** What stands there now. */
  readonly find: (name: ObjectName) => Promise<StoredObject | undefined>;
  /** As the holder of the opening key says it: the store could have been given another. Rejects with a StoreProblem. */
  readonly sealKey: () => Promise<Pick<SealKey, 'id' | 'publicKey'>>;
};

export async function toStored(written: readonly WrittenChange[], sealing: Sealing): Promise<StoredChanges> {
  const changes: ObjectChange[] = [];
  const pending: SealedBlob[] = [];
  for (const change of written) {
    if (change.kind !== 'certificates' || !('put' in change)) {
      changes.push(change);
      continue;
    }
    const { body, blob } = await sealKeyOf(change, change.put, sealing);
    if (blob !== undefined) pending.push(blob);
    changes.push({ kind: change.kind, id: change.id, put: body });
  }
  return { changes, pending };
}

/** What may stand for the key: PEM; nothing, or what is sealed, where the key stays the one that is there. */
async function sealKeyOf(
  { kind, id }: ObjectName,
  body: JsonObject,
  { find, sealKey }: Sealing,
): Promise<{ readonly body: JsonObject; readonly blob?: SealedBlob }> {
  const { key, ...rest } = body;
  const present = (await find({ kind, id }))?.body;
  if (key === undefined) return { body: present?.['key'] === undefined ? rest : { ...rest, key: present['key'] } };
  if (typeof key !== 'string') return { body };
  // The same key again is no change, and what is sealed twice has two digests.
  const own = publicHalf(key);
  const isSame = own !== undefined && own === publicKeyOf(rest) && own === publicKeyOf(present ?? {});
  if (isSame && present !== undefined && isSealed(present['key'])) return { body: { ...rest, key: present['key'] } };
  const blob = seal(await sealKey(), { kind, id }, Buffer.from(key));
  return { body: { ...rest, key: { sealed: blob.digest } }, blob };
}

function isSealed(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && 'sealed' in value && isDigest(value.sealed);
}

const firstBlock = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/;

/** Undefined where it cannot be read, which is told when it is loaded. */
function publicKeyOf({ cert }: JsonObject): string | undefined {
  const [block] = typeof cert === 'string' ? (firstBlock.exec(cert) ?? []) : [];
  if (block === undefined) return undefined;
  try {
    return spkiOf(new X509Certificate(block).publicKey);
  } catch {
    return undefined;
  }
}

function publicHalf(pem: string): string | undefined {
  try {
    return spkiOf(createPublicKey(createPrivateKey(pem)));
  } catch {
    return undefined;
  }
}

function spkiOf(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'der' }).toString('base64');
}

/** Throws `seal_key_missing`. */
export function requireSealKey(key: Pick<SealKey, 'id' | 'publicKey'> | null): Pick<SealKey, 'id' | 'publicKey'> {
  if (key === null)
    throw new StoreProblem('seal_key_missing', 'the opening key is not beside the store, so nothing can be sealed');
  return key;
}
