// A 412, read: what somebody else saved meanwhile, and which fields of it and of one's own are different.
import { type JsonObject, mergePatch } from '../api/merge-patch.ts';
import { asProblem } from '../api/problem.ts';

export type Stale = {
  readonly changed: { readonly by: string; readonly at: string } | undefined;
  /** As it is stored now; undefined where it is not told. */
  readonly current: JsonObject | undefined;
  /** For If-Match; '' where it is not told. */
  readonly etag: string;
};

/** Undefined where the problem is another one. */
export function staleOf(problem: Error | null): Stale | undefined {
  if (problem === null) return undefined;
  const { code, document } = asProblem(problem);
  if (code !== 'stale') return undefined;
  const by = document['changedBy'] as { readonly actor: string; readonly at: string } | null | undefined;
  const current = document['current'] as
    | { readonly changedIn?: number; readonly value?: JsonObject | null }
    | undefined;
  return {
    changed: by === null || by === undefined ? undefined : { by: by.actor, at: by.at },
    current: current?.value ?? undefined,
    etag: current?.changedIn === undefined ? '' : `"${current.changedIn}"`,
  };
}

export type Difference = { readonly pointer: string; readonly theirs: unknown; readonly mine: unknown };

/** Where theirs and mine are not the same, of all that one of us has changed. */
export function differencesOf(before: JsonObject, theirs: JsonObject, mine: JsonObject): readonly Difference[] {
  const touched = new Set([...pointersOf(mergePatch(before, theirs)), ...pointersOf(mergePatch(before, mine))]);
  return [...touched].flatMap((pointer) => {
    const [his, own] = [memberAt(theirs, pointer), memberAt(mine, pointer)];
    return JSON.stringify(his ?? null) === JSON.stringify(own ?? null) ? [] : [{ pointer, theirs: his, mine: own }];
  });
}

function pointersOf(patch: JsonObject | undefined, at = ''): string[] {
  return Object.entries(patch ?? {}).flatMap(([name, value]) => {
    const pointer = `${at}/${name}`;
    return isObject(value) ? pointersOf(value, pointer) : [pointer];
  });
}

function memberAt(value: unknown, pointer: string): unknown {
  let at: unknown = value;
  for (const name of pointer.split('/').slice(1)) at = isObject(at) ? at[name] : undefined;
  return at;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
