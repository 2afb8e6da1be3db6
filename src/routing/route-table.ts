// Which route a request belongs to. Routes compile into a trie of path segments; a node keeps its routes by host pattern,
// so a look-up costs the length of the path and the labels of the host, however many routes there are.
// Order (docs/configuration.md, routes): lower priority, more specific path (static over {param} over the end), more specific host
// (exact over {label}.suffix over the longest *.suffix over any), order of appearance. Methods never move a request to a
// less specific route: only routes with the winner's very path and host patterns complete it, else 405.
// A path that some backend could read in another way (http/path-readings.ts) is looked up under each reading as well, in a
// trie of patterns that are read so too. Unless all of them come to the same patterns, no rule that hangs on a route could
// be relied on, and the request is refused.
import type { Slices } from '../base/slices.ts';
import type { RouteConfig } from '../config/gateway-config.ts';
import { isPlainPath, readPath, readSegment } from '../http/path-readings.ts';
import { hostOfAuthority } from './host-of-authority.ts';
import { comparablePath, isParam, patternSegments } from './normalize-target.ts';

export type RouteMatch<R> =
  | { readonly kind: 'route'; readonly route: R }
  | { readonly kind: 'no_route' }
  | { readonly kind: 'method_not_allowed'; readonly allow: string }
  | AmbiguousPath<R>;

/** `reading` leads to `other` (undefined: to no route), not to `route`; it is undefined where the path has no honest reading at all. */
export type AmbiguousPath<R> = {
  readonly kind: 'ambiguous_path';
  readonly route: R;
  readonly reading: string | undefined;
  readonly other: R | undefined;
};

type Entry<R> = { readonly priority: number; readonly methods: readonly string[]; readonly found: RouteMatch<R> };

/** Routes with the same path and host patterns. */
class Slot<R> {
  readonly entries: Entry<R>[] = [];
  /** The slot of the same patterns in the trie of readings; spellings that differ by case alone share one. */
  alike: Slot<R> = this;
  readonly #refused: { kind: 'method_not_allowed'; allow: string } = { kind: 'method_not_allowed', allow: '' };

  get priority(): number {
    return this.entries[0]?.priority ?? Infinity;
  }

  add(entry: Entry<R>): void {
    this.entries.push(entry);
    this.entries.sort((a, b) => a.priority - b.priority);
    this.#refused.allow = allowedMethods(this.entries.flatMap((one) => one.methods));
  }

  choose(method: string): RouteMatch<R> {
    for (const entry of this.entries) if (takesMethod(entry.methods, method)) return entry.found;
    return this.#refused;
  }
}

/** True where a route with these methods (none = all) serves `method`; HEAD goes with GET, OPTIONS is not implied. */
export function takesMethod(methods: readonly string[], method: string): boolean {
  return methods.length === 0 || methods.includes(method) || (method === 'HEAD' && methods.includes('GET'));
}

function allowedMethods(methods: readonly string[]): string {
  const all = new Set(methods);
  if (all.has('GET')) all.add('HEAD');
  return [...all].sort().join(', ');
}

class Node<R> {
  readonly children = new Map<string, Node<R>>();
  param: Node<R> | undefined;
  /** Lowest priority among the routes here and below: what need not be searched is not. */
  lowest = Infinity;
  readonly exact = new Map<string, Slot<R>>();
  /** By parent name: `{sub}.example.com` under `example.com`. */
  readonly label = new Map<string, Slot<R>>();
  /** By suffix without its first dot. */
  readonly wild = new Map<string, Slot<R>>();
  any: Slot<R> | undefined;

  slot(host: string | undefined): Slot<R> {
    if (host === undefined) return (this.any ??= new Slot<R>());
    const pattern = parseHostPattern(host);
    const slots = pattern.kind === 'exact' ? this.exact : pattern.kind === 'label' ? this.label : this.wild;
    let slot = slots.get(pattern.name);
    if (slot === undefined) slots.set(pattern.name, (slot = new Slot<R>()));
    return slot;
  }

  /** The best slot for a host, among those whose priority is below `limit`. */
  find(host: string, limit: number): Slot<R> | undefined {
    let best = this.exact.get(host);
    if (best !== undefined && best.priority >= limit) best = undefined;
    let lowest = best?.priority ?? limit;
    if (this.label.size > 0 || this.wild.size > 0) {
      for (let dot = host.indexOf('.'), first = true; dot >= 0; dot = host.indexOf('.', dot + 1), first = false) {
        const suffix = host.slice(dot + 1);
        const label = first ? this.label.get(suffix) : undefined;
        if (label !== undefined && label.priority < lowest) lowest = (best = label).priority;
        const wild = this.wild.get(suffix);
        if (wild !== undefined && wild.priority < lowest) lowest = (best = wild).priority;
      }
    }
    return this.any !== undefined && this.any.priority < lowest ? this.any : best;
  }
}

/** A host pattern of a route: `name` is the canonical host itself, or what follows `*.` or `{sub}.`. */
export function parseHostPattern(host: string): { readonly kind: 'exact' | 'label' | 'wild'; readonly name: string } {
  if (host.startsWith('*.')) return { kind: 'wild', name: canonical(host.slice(2)) };
  const brace = host.startsWith('{') ? host.indexOf('}.') : -1;
  return brace > 0
    ? { kind: 'label', name: canonical(host.slice(brace + 2)) }
    : { kind: 'exact', name: canonical(host) };
}

/** The spelling that hostOfAuthority gives to requests, brackets of IPv6 addresses off; what is none stays and never matches. */
function canonical(host: string): string {
  return hostOfAuthority(host) ?? host;
}

export class RouteTable<R extends { readonly config: RouteConfig }> {
  readonly routes: readonly R[];
  readonly #root = new Node<R>();
  /** By the readings of patterns: the same trie where every pattern is its own reading. */
  readonly #readings: Node<R>;

  /** `routes` in order of appearance. Routes whose path no request can have are left out: the configuration refuses them. */
  constructor(routes: readonly R[], filled = true) {
    this.routes = routes;
    this.#readings = routes.every(({ config }) => isOwnReading(config.path)) ? this.#root : new Node<R>();
    if (filled) for (const route of routes) this.#add(route);
  }

  /** The same, with pauses where `slices` asks for them. */
  static async build<R extends { readonly config: RouteConfig }>(
    routes: readonly R[],
    slices: Slices,
  ): Promise<RouteTable<R>> {
    const table = new RouteTable<R>(routes, false);
    for (const route of routes) {
      table.#add(route);
      const pause = slices.pause();
      if (pause !== undefined) await pause;
    }
    return table;
  }

  #add(route: R): void {
    const { path, hosts, priority, methods } = route.config;
    const segments = patternSegments(path);
    if (segments === undefined) return;
    const entry: Entry<R> = { priority, methods, found: { kind: 'route', route } };
    const slots = slotsAt(descend(this.#root, segments, comparablePath, priority), hosts);
    for (const slot of new Set(slots)) slot.add(entry);
    if (this.#readings === this.#root) return;
    const alike = slotsAt(descend(this.#readings, segments, readSegment, priority), hosts);
    for (const slot of new Set(alike)) slot.add(entry);
    for (const [i, slot] of slots.entries()) slot.alike = alike[i] ?? slot;
  }

  /**
   * The route for a request. `host` is canonical, without port, '' where the request names none; `path` is normalised.
   * The result is shared between calls, but for ambiguous paths: change nothing.
   */
  match(method: string, host: string, path: string): RouteMatch<R> {
    if (path.charCodeAt(0) !== 0x2f) return noRoute;
    const slot = search(this.#root, host, comparablePath(path), 1, undefined);
    if (slot === undefined) return noRoute;
    const match = slot.choose(method);
    if (match.kind !== 'route' || (this.#readings === this.#root && isPlainPath(path))) return match;
    return this.#findConfusion(slot, match.route, host, path) ?? match;
  }

  /** The first reading of the path that does not come to the patterns of `slot`. */
  #findConfusion(slot: Slot<R>, route: R, host: string, path: string): AmbiguousPath<R> | undefined {
    const readings = readPath(path);
    if (readings === undefined) return ambiguous(route, undefined, undefined);
    for (const reading of readings.folded) {
      const found = search(this.#readings, host, reading, 1, undefined);
      if (found !== slot.alike) return ambiguous(route, reading, found);
    }
    for (const reading of readings.literal) {
      const found = search(this.#root, host, comparablePath(reading), 1, undefined);
      if (found !== slot) return ambiguous(route, reading, found);
    }
    return undefined;
  }
}

function ambiguous<R>(route: R, reading: string | undefined, found: Slot<R> | undefined): AmbiguousPath<R> {
  const other = found?.entries[0]?.found;
  return { kind: 'ambiguous_path', route, reading, other: other?.kind === 'route' ? other.route : undefined };
}

function isOwnReading(pattern: string): boolean {
  const segments = patternSegments(pattern) ?? [];
  return segments.every((segment) => isParam(segment) || readSegment(segment) === comparablePath(segment));
}

/** The node at the end of these segments, made where it is not there; each on the way learns of the priority. */
function descend<R>(
  root: Node<R>,
  segments: readonly string[],
  spell: (segment: string) => string,
  priority: number,
): Node<R> {
  let node = root;
  node.lowest = Math.min(node.lowest, priority);
  for (const segment of segments) {
    node = isParam(segment) ? (node.param ??= new Node<R>()) : childOf(node, spell(segment));
    node.lowest = Math.min(node.lowest, priority);
  }
  return node;
}

function slotsAt<R>(node: Node<R>, hosts: readonly string[]): Slot<R>[] {
  return hosts.length === 0 ? [node.slot(undefined)] : hosts.map((host) => node.slot(host));
}

const noRoute = { kind: 'no_route' } as const;

function childOf<R>(node: Node<R>, segment: string): Node<R> {
  let child = node.children.get(segment);
  if (child === undefined) node.children.set(segment, (child = new Node<R>()));
  return child;
}

/**
 * The best slot at or below `node`, for the path from `at` (behind the slash; beyond the end when it is used up), if it
 * beats `best`. Deeper is more specific, so what is found first stands unless something has a lower priority.
 */
function search<R>(
  node: Node<R>,
  host: string,
  path: string,
  at: number,
  best: Slot<R> | undefined,
): Slot<R> | undefined {
  let found = best;
  if (at <= path.length && (node.children.size > 0 || node.param !== undefined)) {
    const slash = path.indexOf('/', at);
    const end = slash < 0 ? path.length : slash;
    const child = node.children.get(path.slice(at, end));
    if (child !== undefined && child.lowest < (found?.priority ?? Infinity)) {
      found = search(child, host, path, end + 1, found);
    }
    // A parameter is a whole, non-empty segment.
    if (node.param !== undefined && end > at && node.param.lowest < (found?.priority ?? Infinity)) {
      found = search(node.param, host, path, end + 1, found);
    }
  }
  return node.find(host, found?.priority ?? Infinity) ?? found;
}
