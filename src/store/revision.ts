// Revisions: numbered from 1 without a gap, immutable, each with the digest of the one before. A change is an append that
// names the revision it was planned on, and it happens whole or not at all.
import { canonicalJson } from './canonical-json.ts';
import { type Digest, digestOf } from './digest.ts';
import type { ObjectDifference } from './difference.ts';
import type { Act } from './names.ts';
import type { ObjectChange, ObjectName, StoredObject } from './object.ts';
import type { Page, PageRequest } from './page.ts';
import type { ObjectVersion } from './versions.ts';

export type RevisionHead = {
  /** 0: there is no revision yet. */
  readonly number: number;
  readonly digest: Digest;
};

/** Where the chain begins. */
export const noRevision: RevisionHead = { number: 0, digest: digestOf('revision', 'none') };

export type Revision = RevisionHead & {
  /** Digest of the revision before. */
  readonly parent: Digest;
  /** Digest of what it holds: equal for two revisions of the same content. */
  readonly content: Digest;
  readonly actor: string;
  readonly reason: string | null;
  /** Milliseconds since the epoch. */
  readonly at: number;
};

export type RevisionWithObjects = { readonly revision: Revision; readonly objects: readonly StoredObject[] };

export type AppendRequest = Act & {
  /** Number of the revision that the change was planned on: the head, or it fails. */
  readonly parent: number;
  /** Each object once. Those that are not named stay as they are. */
  readonly changes: readonly ObjectChange[];
};

export type Appended =
  | { readonly outcome: 'appended'; readonly revision: Revision }
  /** Somebody else was quicker. `head` is the present revision; nothing was changed. */
  | { readonly outcome: 'behind'; readonly head: Revision | undefined }
  /** Everything is already as it was asked to be; there is no new revision. */
  | { readonly outcome: 'unchanged'; readonly head: Revision | undefined };

export interface Revisions {
  head(): Promise<RevisionHead>;
  /** Of several writers with one parent one appends, the others are `behind`. */
  append(request: AppendRequest): Promise<Appended>;
  find(number: number): Promise<Revision | undefined>;
  /** All objects, in the order of kind and id. Rejects with `altered` where it is not what its digest says. */
  read(number: number): Promise<RevisionWithObjects | undefined>;
  /** Of one kind, in the order of the ids by code points; no page where there is no such revision. */
  listObjects(number: number, kind: string, request?: PageRequest): Promise<Page<StoredObject>>;
  findObject(number: number, name: ObjectName): Promise<StoredObject | undefined>;
  /** Newest first. */
  list(request?: PageRequest): Promise<Page<Revision>>;
  versions(name: ObjectName): Promise<readonly ObjectVersion[]>;
  readVersion(name: ObjectName, version: number): Promise<StoredObject | undefined>;
  /** In the order of kind and id; 0 stands for the empty store. Undefined where one of them does not exist. */
  difference(from: number, to: number): Promise<readonly ObjectDifference[] | undefined>;
  /**
   * Calls `listener` for each new head, also of other processes, until the result is called; several appends may be told as
   * one. `onProblem` hears why the store cannot be asked; asking goes on.
   */
  onRevision(listener: (head: RevisionHead) => void, onProblem?: (problem: Error) => void): () => void;
}

export function revisionDigest({ number, parent, content, actor, reason, at }: Omit<Revision, 'digest'>): Digest {
  return digestOf('revision', canonicalJson({ number, parent, content, actor, reason, at }));
}
