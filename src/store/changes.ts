// The changes of an append on their way into a store, and documents on their way out: what is the same wherever it is kept.
import type { Digest } from './digest.ts';
import { readJson } from './names.ts';
import {
  checkObjectName,
  type ObjectChange,
  objectKey,
  type ObjectName,
  type PreparedObject,
  prepareObject,
  type StoredObject,
} from './object.ts';
import { StoreProblem } from './store-problem.ts';
import { checkObject } from './verify.ts';
import { countVersions } from './versions.ts';

export type Prepared = { readonly name: ObjectName } & (
  | { readonly put: PreparedObject }
  | { readonly version: number }
  | { readonly remove: true }
);

/** `digest` null: it is removed. `put` where the document may be new. */
export type ResolvedChange = {
  readonly name: ObjectName;
  readonly digest: Digest | null;
  readonly put?: PreparedObject;
};

/** A document as it stands in the file. */
export type HeldText = Omit<StoredObject, 'body'> & { readonly text: string };

export function readObject({ kind, id, digest, revision, text }: HeldText): StoredObject {
  return { kind, id, digest, revision, body: readJson(text, `${kind}/${id}`) };
}

/** Throws `altered`. */
export function readChecked(row: HeldText): StoredObject {
  checkObject(row);
  return readObject(row);
}

/** Throws `invalid` or `object_refused`. */
export function prepareChanges(changes: readonly ObjectChange[]): Prepared[] {
  const keys = new Set<string>();
  return changes.map((change) => {
    checkObjectName(change);
    const name = { kind: change.kind, id: change.id };
    const key = objectKey(name);
    if (keys.has(key)) throw new StoreProblem('invalid', `${name.kind}/${name.id} is changed twice at once`);
    keys.add(key);
    if ('put' in change) return { name, put: prepareObject(name, change.put) };
    return 'version' in change ? { name, version: change.version } : { name, remove: true };
  });
}

/** Throws `version_unknown`. `history`: of this name, in the order of its revisions. */
export function versionOf(name: ObjectName, history: Parameters<typeof countVersions>[0], version: number): Digest {
  const found = countVersions(history).find((one) => one.version === version);
  if (found !== undefined) return found.digest;
  throw new StoreProblem('version_unknown', `${name.kind}/${name.id} has no version ${version}`);
}
