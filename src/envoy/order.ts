// Envoy takes the first route that matches; here the more specific path goes first, then the more specific host, then more conditions. Where
// both agree nothing is written; where they do not, `priority` says the order.
import type { SourceValue } from '../import/source-map.ts';
import { conditionCount, deepen, type Entry, guardOf, isAbove, isClosed } from './entry.ts';
import { overlaps } from './virtual-hosts.ts';

export type Ordered = { readonly entry: Entry; readonly priority: number };

/** `entries`: in the order in which Envoy looks. */
export function orderEntries(entries: readonly Entry[]): Ordered[] {
  const ordered: Ordered[] = [];
  let priority = 0;
  for (const entry of entries) {
    const isLate = ordered.some((one) => one.priority === priority && !goesBefore(one.entry, entry));
    if (isLate) priority++;
    ordered.push({ entry, priority });
  }
  return ordered;
}

/** Our own order takes `first` where both match, or never do both match. */
function goesBefore(first: Entry, second: Entry): boolean {
  if (!overlaps(first.hosts, second.hosts)) return true;
  const [a, b] = [first.path, second.path];
  if (a.kind === 'regex' || b.kind === 'regex')
    return a.kind === 'regex' ? b.path === '/' && b.kind !== 'exact' : false;
  if (!isAbove(a.path, b.path) && !isAbove(b.path, a.path)) return true;
  if (a.path !== b.path) {
    // An exact path meets nothing below it.
    if (a.kind === 'exact' && isAbove(a.path, b.path)) return true;
    if (b.kind === 'exact' && isAbove(b.path, a.path)) return true;
    return a.path.length > b.path.length;
  }
  if ((a.kind === 'exact') !== (b.kind === 'exact')) return a.kind === 'exact';
  const [hostA, hostB] = [specificity(first.hosts), specificity(second.hosts)];
  if (hostA !== hostB) return hostA > hostB;
  // Routes of several listeners share a file, so that their order in it says nothing.
  return conditionCount(first) > conditionCount(second);
}

/** Of the widest of them. */
function specificity(hosts: readonly string[]): number {
  if (hosts.length === 0) return 0;
  return Math.min(...hosts.map((host) => (host.startsWith('*') ? host.length : 10_000)));
}

/** Of a route that everybody may call whom its policy lets in. */
const open = JSON.stringify([null, null, []]);

/** What a prefix of characters takes there, and another route takes here that is more open; undefined where there is none. */
export function findOpened(entries: readonly Entry[]): { readonly value: SourceValue; readonly by: Entry } | undefined {
  for (const [i, entry] of entries.entries()) {
    if (entry.path.kind !== 'text' || guardOf(entry) === open) continue;
    const parent = entry.path.path.replace(/\/[^/]*$/, '') || '/';
    const by = entries
      .slice(i + 1)
      .filter((other) => (takesBelow(other, parent) || goesOn(entry, other)) && overlaps(entry.hosts, other.hosts))
      .find((other) => !isClosed(other) && guardOf(other) !== guardOf(entry));
    if (by !== undefined) return { value: entry.path.value, by };
  }
  return undefined;
}

/** Its path begins with the characters of the prefix, and is not below it here. */
function goesOn({ path: prefix }: Entry, { path }: Entry): boolean {
  return path.path.startsWith(prefix.path) && !isAbove(prefix.path, path.path);
}

function takesBelow({ path }: Entry, parent: string): boolean {
  return path.kind === 'regex' || (path.kind !== 'exact' && isAbove(path.path, parent));
}

/** Beside `prefix: /api/` the path /api belongs to a later route: it is written where that one is another. */
export function splitSlashes(entries: readonly Entry[]): Entry[] {
  return entries.flatMap((entry, i) => {
    if (!entry.hasSlash || entry.path.kind !== 'prefix') return [entry];
    const { path } = entry.path;
    const copies = slashless(entries.slice(i + 1), path, entry);
    if (copies.every((copy) => sameWay(copy, entry))) return [entry];
    return [...copies, entry];
  });
}

/** What `path` itself meets, down to the first that takes it whatever the request. */
function slashless(later: readonly Entry[], path: string, entry: Entry): Entry[] {
  const copies: Entry[] = [];
  for (const other of later) {
    if (!takesPath(other, path) || !overlaps(entry.hosts, other.hosts)) continue;
    const hosts = entry.hosts.length > 0 ? entry.hosts : other.hosts;
    copies.push({ ...deepen(other, path, 'exact'), hosts, name: `${entry.name}${path}-exact` });
    if (conditionCount(other) === 0) break;
  }
  return copies;
}

function takesPath({ path: rule, hasSlash }: Entry, path: string): boolean {
  if (rule.kind === 'exact') return rule.path === path;
  // What the pattern is to be read by has been looked at (path-regex.ts).
  if (rule.kind === 'regex') return new RegExp(`^(?:${rule.path})$`).test(path);
  return isAbove(rule.path, path) && !(hasSlash && rule.path === path);
}

function sameWay(a: Entry, b: Entry): boolean {
  const way = (entry: Entry): string =>
    JSON.stringify([entry.keys['target'] ?? entry.keys['backends'] ?? null, guardOf(entry)]);
  return way(a) === way(b);
}
