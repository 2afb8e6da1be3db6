// The versions of an object under its stable id: each document that ever stood there, counted from 1 in the order in which
// they first did. They follow from the revisions, so nothing of them is stored; an earlier one keeps its number when it is
// made current again.
import type { Digest } from './digest.ts';

export type ObjectVersion = {
  readonly version: number;
  readonly digest: Digest;
  /** Revision in which it first stood there. */
  readonly since: number;
  /** True for one at most: none where the object is removed. */
  readonly current: boolean;
};

/** `changes` of one object in the order of their revisions; null where it was removed. */
export function countVersions(
  changes: Iterable<{ readonly revision: number; readonly digest: Digest | null }>,
): ObjectVersion[] {
  const since = new Map<Digest, number>();
  let current: Digest | null = null;
  for (const { revision, digest } of changes) {
    current = digest;
    if (digest !== null && !since.has(digest)) since.set(digest, revision);
  }
  return [...since].map(([digest, revision], at) => ({
    version: at + 1,
    digest,
    since: revision,
    current: digest === current,
  }));
}
