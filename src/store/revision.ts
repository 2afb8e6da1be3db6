// Revisions: numbered from 1 without a gap, immutable, each with the digest of the one before. A change is an append that
// names the revision it was planned on, and it happens whole or not at all.
import { canonicalJson } from './canonical-json.ts';
import { type Digest, digestOf } from './digest.ts';
import type { ObjectDifference } from './difference.ts';
import { maxCanaryGateways } from './limits.ts';
import { type Act, checkName, readJson } from './names.ts';
import type { ObjectChange, ObjectName, StoredObject } from './object.ts';
import type { Page, PageRequest } from './page.ts';
import { StoreProblem } from './store-problem.ts';
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
  /** The gateways that it is in force for, in the order of their names; null: for all. */
  readonly canary: readonly string[] | null;
};

export type RevisionWithObjects = { readonly revision: Revision; readonly objects: readonly StoredObject[] };

export type AppendRequest = Act & {
  /** Number of the revision that the change was planned on: the head, or it fails. */
  readonly parent: number;
  /** Each object once. Those that are not named stay as they are. */
  readonly changes: readonly ObjectChange[];
  /** Only these gateways are to run it, until a revision for all of them follows; each once. Absent: all. */
  readonly canary?: readonly string[] | undefined;
};

export type Appended =
  | { readonly outcome: 'appended'; readonly revision: Revision }
  /** Somebody else was quicker. `head` is the present revision; nothing was changed. */
  | { readonly outcome: 'behind'; readonly head: Revision | undefined }
  /** Everything is already as it was asked to be, for the same gateways; there is no new revision. */
  | { readonly outcome: 'unchanged'; readonly head: Revision | undefined };

export interface Revisions {
  /** The newest of all; with the name of a gateway the newest one that is in force for it. */
  head(gateway?: string): Promise<RevisionHead>;
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
   * Calls `listener` for each head from now on, also of other processes, until the result is called; several appends may be told as
   * one, and the head of this moment may be told too. `onProblem` hears why the store cannot be asked; asking goes on.
   */
  onRevision(listener: (head: RevisionHead) => void, onProblem?: (problem: Error) => void): () => void;
}

/** One that is in force for all has the digest that it had before there were others. */
export function revisionDigest({
  number,
  parent,
  content,
  actor,
  reason,
  at,
  canary,
}: Omit<Revision, 'digest'>): Digest {
  const limited = canary === null ? {} : { canary };
  return digestOf('revision', canonicalJson({ number, parent, content, actor, reason, at, ...limited }));
}

/** In the order of the names, as they stand in a revision. Throws `invalid`. */
export function checkCanary(canary: readonly string[] | undefined): readonly string[] | null {
  if (canary === undefined) return null;
  for (const name of canary) checkName(name, 'the name of a gateway');
  const names = [...new Set(canary)].sort();
  if (names.length === 0 || names.length !== canary.length || names.length > maxCanaryGateways) {
    throw new StoreProblem(
      'invalid',
      `a revision is for 1 to ${maxCanaryGateways} gateways, each named once, or for all`,
    );
  }
  return names;
}

/** As a store kept it. What somebody wrote there by hand is in no digest; throws `altered` where it cannot be read. */
export function readCanary(text: string | null): readonly string[] | null {
  if (text === null) return null;
  const names: unknown = readJson(text, 'the gateways of a revision');
  return Array.isArray(names) ? names.map(String) : [];
}
