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

/** undefined where no request is for both; 'unclear' where that cannot be said. */
export function narrowWay(way: Way, set: MatchSet, path: CaddyPath | undefined): Way | 'unclear' | undefined {
  const hosts = narrowHosts(way.hosts, set.hosts);
  if (hosts?.length === 0) return undefined;
  const both = narrowPath(way.path, path);
  if (both === 'unclear') return both;
  if (both === null) return undefined;
  const match: DraftMap = { ...way.match };
  for (const [key, list] of Object.entries(set.match)) {
    const known = match[key];
    if (!Array.isArray(known) || !Array.isArray(list)) match[key] = list;
    // One of several methods, and all of several fields.
    else if (key === 'methods') match[key] = list.filter((method) => known.includes(method));
    else match[key] = [...known, ...list] as DraftList;
  }
  if (Array.isArray(match.methods) && match.methods.length === 0) return undefined;
  return { ...way, hosts, path: both, match, filters: [...way.filters], keys: { ...way.keys } };
}

/** Within `*.example.com` a site may name its hosts one by one. */
function narrowHosts(
  outer: readonly string[] | undefined,
  inner: readonly string[] | undefined,
): readonly string[] | undefined {
  if (outer === undefined || inner === undefined) return inner ?? outer;
  const isOf = (one: string, other: string): boolean =>
    one === other || (other.startsWith('{sub}.') && one.replace(/^[^.]+/, '{sub}') === other);
  return [
    ...new Set([
      ...inner.filter((one) => outer.some((other) => isOf(one, other))),
      ...outer.filter((one) => inner.some((other) => isOf(one, other))),
    ]),
  ];
}

/** null: none is for both. */
function narrowPath(
  outer: CaddyPath | undefined,
  inner: CaddyPath | undefined,
): CaddyPath | 'unclear' | undefined | null {
  if (outer === undefined || inner === undefined) return inner ?? outer;
  if (outer.path === '/' && outer.pathMatch === undefined) return inner;
  if (outer.pathMatch === 'regex' || inner.pathMatch === 'regex') return outer.path === inner.path ? inner : 'unclear';
  const isBelow = (one: string, two: string): boolean => one === two || one.startsWith(two === '/' ? '/' : `${two}/`);
  if (outer.pathMatch === undefined && isBelow(inner.path, outer.path)) return inner;
  if (inner.pathMatch === undefined && isBelow(outer.path, inner.path)) return outer;
  return null;
}
