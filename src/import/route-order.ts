// Which of two routes we take for a request that is for both, and whether there is such a request at all: importers of gateways that go
// through a list in its order write a priority only where ours is another.
import type { DraftMap } from './draft.ts';

export type RouteKeys = {
  readonly hosts: readonly string[];
  readonly path: string;
  readonly pathMatch?: 'exact' | 'regex';
  readonly match: DraftMap;
};

/** Whether requests for one could be requests for the other, as far as hosts tell. */
export function mayShareHosts(a: readonly string[], b: readonly string[]): boolean {
  if (a.length === 0 || b.length === 0) return true;
  const meet = (one: string, two: string): boolean =>
    one === two ||
    (/^[*{]/.test(one) && two.endsWith(one.replace(/^[^.]*/, ''))) ||
    (/^[*{]/.test(two) && one.endsWith(two.replace(/^[^.]*/, '')));
  return a.some((one) => b.some((two) => meet(one, two)));
}

/** In the order of ours: is one that goes first there taken first here, without a word? */
export function goesFirst(first: RouteKeys, second: RouteKeys): boolean {
  if (!mayShareHosts(first.hosts, second.hosts)) return true;
  const [a, b] = [first.path, second.path];
  if (first.pathMatch === 'regex' || second.pathMatch === 'regex') return false;
  if (a !== b) {
    const isBelow = (one: string, two: string): boolean => two === '/' || one.startsWith(`${two}/`);
    // Neither is above the other: no request is for both.
    return isBelow(a, b) || !isBelow(b, a);
  }
  if (first.pathMatch !== second.pathMatch) return first.pathMatch === 'exact';
  const specific = ({ hosts }: RouteKeys): number =>
    Math.min(...(hosts.length === 0 ? [0] : hosts.map((host) => (/^[*{]/.test(host) ? 1 : 2))));
  if (specific(first) !== specific(second)) return specific(first) > specific(second);
  return countOf(first.match) > countOf(second.match);
}

function countOf(match: DraftMap): number {
  return Object.values(match).reduce((sum: number, list) => sum + (Array.isArray(list) ? list.length : 0), 0);
}
