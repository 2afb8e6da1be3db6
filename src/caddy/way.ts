// What holds for a request that has got so far through Caddy's routes, and what a further route narrows it to.
import type { DraftList, DraftMap } from '../import/draft.ts';
import type { CaddyPath, MatchSet } from './matchers.ts';

/** What is known of a request that gets so far. */
export type Way = {
  readonly hosts: readonly string[] | undefined;
  readonly path: CaddyPath | undefined;
  readonly match: DraftMap;
  /** Names of middlewares. */
  readonly filters: string[];
  /** maxBodyBytes. */
  readonly keys: DraftMap;
  /** The path is another one than the client sent. */
  rewritten: boolean;
};

export function startOfWay(): Way {
  return { hosts: undefined, path: undefined, match: {}, filters: [], keys: {}, rewritten: false };
}

/** undefined where no request is for both. */
export function narrowWay(way: Way, set: MatchSet, path: CaddyPath | undefined): Way | undefined {
  const hosts =
    set.hosts === undefined
      ? way.hosts
      : way.hosts === undefined
        ? set.hosts
        : way.hosts.filter((host) => set.hosts?.includes(host));
  if (hosts?.length === 0) return undefined;
  const both = narrowPath(way.path, path);
  if (both === null) return undefined;
  const match: DraftMap = { ...way.match };
  for (const [key, list] of Object.entries(set.match)) {
    const known = match[key];
    match[key] =
      Array.isArray(known) && Array.isArray(list) && key !== 'methods' ? ([...known, ...list] as DraftList) : list;
  }
  return { ...way, hosts, path: both, match, filters: [...way.filters], keys: { ...way.keys } };
}

/** null: none is for both. */
function narrowPath(outer: CaddyPath | undefined, inner: CaddyPath | undefined): CaddyPath | undefined | null {
  if (outer === undefined || inner === undefined || outer.path === '/') return inner ?? outer;
  if (outer.pathMatch === 'regex' || inner.pathMatch === 'regex') return outer.path === inner.path ? inner : null;
  const isBelow = (one: string, two: string): boolean => one === two || one.startsWith(two === '/' ? '/' : `${two}/`);
  if (outer.pathMatch === undefined && isBelow(inner.path, outer.path)) return inner;
  if (inner.pathMatch === undefined && isBelow(outer.path, inner.path)) return outer;
  return null;
}
