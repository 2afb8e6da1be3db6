// What a gateway takes from a store: one revision with its objects and the sealed keys that they refer to, checked before
// anything of it is used. Keys stay sealed here; each is opened when it is read.
import type { MaterialBytes, StoredRef } from '../certs/material.ts';
import { materialUnknown } from '../certs/material.ts';
import { listSealed, type StoredObjects } from '../config/stored-objects.ts';
import { type Digest, parseDigest } from '../store/digest.ts';
import type { StoredObject } from '../store/object.ts';
import { noRevision, type Revision, type RevisionHead } from '../store/revision.ts';
import type { Opener } from '../store/seal.ts';
import type { SealedBlob } from '../store/sealed.ts';
import type { Store } from '../store/store.ts';
import { StoreProblem } from '../store/store-problem.ts';

export type StoredRevision = {
  /** Undefined where there is none yet. */
  readonly revision: Revision | undefined;
  readonly objects: readonly StoredObject[];
  /** By digest: every one that an object refers to. */
  readonly sealed: ReadonlyMap<string, SealedBlob>;
  /** Which store it is of: another one is never taken for it. Undefined where that was not kept. */
  readonly store?: Digest | undefined;
};

export const nothingStored: StoredRevision = { revision: undefined, objects: [], sealed: new Map() };

/**
 * The newest one; with the name of a gateway the newest that is in force for it. Rejects with a StoreProblem; `altered` where it,
 * or a sealed key of it, is not what was stored.
 */
export async function readHead(store: Pick<Store, 'revisions' | 'sealed'>, gateway?: string): Promise<StoredRevision> {
  const head = await store.revisions.head(gateway);
  if (head.number === 0) return nothingStored;
  const read = await store.revisions.read(head.number);
  if (read === undefined) throw new StoreProblem('altered', `revision ${head.number} is not there any more`);
  return { ...read, sealed: await readSealed(store, read.objects) };
}

/** `pending`: keys that are not in the store yet. */
export async function readSealed(
  store: Pick<Store, 'sealed'>,
  objects: StoredObjects['objects'],
  pending: ReadonlyMap<string, SealedBlob> = new Map(),
): Promise<ReadonlyMap<string, SealedBlob>> {
  const sealed = new Map<string, SealedBlob>();
  for (const { object, digest } of sealedOf(objects)) {
    const blob = pending.get(digest) ?? (await store.sealed.get(parseDigest(digest, 'what stands in "sealed"')));
    const { kind, id } = object;
    if (blob?.kind !== kind || blob.id !== id)
      throw new StoreProblem('sealed_unknown', `${kind}/${id} refers to a sealed key that was not put there for it`);
    sealed.set(digest, blob);
  }
  return sealed;
}

export function headOf({ revision }: StoredRevision): RevisionHead {
  return revision === undefined ? noRevision : { number: revision.number, digest: revision.digest };
}

/** For the reader of the configuration: nothing sealed is in it. */
export function objectsOf({ revision, objects }: StoredRevision, name?: string): StoredObjects {
  return {
    name: name ?? `store revision ${revision?.number ?? 0}`,
    ...(revision !== undefined && { revision: revision.number }),
    objects: objects.map(({ kind, id, body }) => ({ kind, id, body })),
  };
}

/** Finds and opens what is sealed in one revision. */
export class SealedMaterial {
  readonly #blobs = new Map<string, SealedBlob>();
  readonly #opener: Opener | undefined;

  constructor(
    { objects, sealed }: Pick<StoredRevision, 'sealed'> & { objects: StoredObjects['objects'] },
    opener: Opener | undefined,
  ) {
    this.#opener = opener;
    for (const { materialId, digest } of sealedOf(objects)) {
      const blob = sealed.get(digest);
      if (blob !== undefined) this.#blobs.set(materialId, blob);
    }
  }

  /** Never rejects; no message says anything of the key. */
  read({ id }: Extract<StoredRef, { readonly id: string }>, maxBytes: number): MaterialBytes {
    const blob = this.#blobs.get(id);
    if (blob === undefined) return materialUnknown(id);
    try {
      if (this.#opener === undefined) throw new StoreProblem('seal_key_missing', 'the opening key is not there');
      const bytes = this.#opener.open(blob);
      if (bytes.length <= maxBytes) return { ok: true, bytes };
      return {
        ok: false,
        code: 'file_too_large',
        message: `the sealed key of ${blob.kind}/${blob.id} is too large`,
        hint: '',
      };
    } catch (error) {
      if (!(error instanceof StoreProblem)) throw error;
      return { ok: false, code: 'material_sealed', message: error.message, hint: error.help };
    }
  }
}

function sealedOf(
  objects: StoredObjects['objects'],
): { object: StoredObjects['objects'][number]; materialId: string; digest: string }[] {
  return objects.flatMap((object) =>
    [...listSealed(object)].map(([materialId, digest]) => ({ object, materialId, digest })),
  );
}
