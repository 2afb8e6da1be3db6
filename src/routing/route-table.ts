// Which route a request belongs to. Routes compile into a trie of path segments (route-trie.ts), so a look-up costs the length of
// the path and the labels of the host, however many routes there are.
// Order (docs/configuration.md, Matching): lower priority, more specific path (text over an expression over {param} over the
// end; there the very path over all below it), more specific host (exact over {label}.suffix over the longest *.suffix over any),
// more conditions, order of appearance. Where conditions do not hold the next route has its turn. `methods` never move a request
// to a less specific route: only routes with the winner's very path and host patterns complete it, else 405.
// A path that some backend could read in another way (http/path-readings.ts) is looked up under each reading as well, in a
// trie of patterns that are read so too. Unless all of them come to the same patterns, no rule that hangs on a route could
// be relied on, and the request is refused.
import type { Slices } from '../base/slices.ts';
import type { RouteConfig } from '../config/gateway-config.ts';
import { isPlainPath, readPath } from '../http/path-readings.ts';
import { countConditions } from '../config/match-conditions.ts';
import { Conditions, type Doubt, type RequestFacts } from './conditions.ts';
import { comparablePath } from './normalize-target.ts';
import { isOwnReading, patternOf } from './path-pattern.ts';
import { type Entry, Lookup, Node, search, type Slot, slotsFor } from './route-trie.ts';

export type RouteMatch<R> =
  | { readonly kind: 'route'; readonly route: R }
  | { readonly kind: 'no_route' }
  | { readonly kind: 'method_not_allowed'; readonly allow: string }
  /** A condition that backends could judge in another way, or that cannot be judged: `why` is for the log. */
  | { readonly kind: 'ambiguous_condition'; readonly why: string }
  | AmbiguousPath<R>;

/** `reading` leads to `other` (undefined: to no route), not to `route`; it is undefined where the path has no honest reading at all. */
export type AmbiguousPath<R> = {
  readonly kind: 'ambiguous_path';
  readonly route: R;
  readonly reading: string | undefined;
  readonly other: R | undefined;
};

export class RouteTable<R extends { readonly config: RouteConfig }> {
  readonly routes: readonly R[];
  /** Some route has conditions: look-ups need the facts of the request. */
  asksForFacts = false;
  readonly #root = new Node<R>();
  /** By the readings of patterns: the same trie where every pattern is its own reading. */
  readonly #readings: Node<R>;
  /** Some pattern ends with the path, so that a slash at the end tells two routes apart. */
  #hasWhole = false;
  readonly #lookup = new Lookup();

  /** `routes` in order of appearance. Routes whose path no request can have are left out: the configuration refuses them. */
  constructor(routes: readonly R[], filled = true) {
    this.routes = routes;
    this.#readings = routes.every(({ config }) => readsAsWritten(config)) ? this.#root : new Node<R>();
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
    const { hosts, priority, methods, match } = route.config;
    const pattern = patternOf(route.config);
    if (pattern === undefined) return;
    const conditions = Conditions.of(match);
    const entry: Entry<R> = {
      found: { kind: 'route', route },
      priority,
      methods,
      conditions,
      asks: countConditions(match),
    };
    this.asksForFacts ||= conditions !== undefined;
    this.#hasWhole ||= pattern.whole;
    const slots = slotsFor(this.#root, pattern, hosts, priority, false);
    for (const slot of new Set(slots)) slot.add(entry);
    if (this.#readings === this.#root) return;
    const alike = slotsFor(this.#readings, pattern, hosts, priority, true);
    for (const slot of new Set(alike)) slot.add(entry);
    for (const [i, slot] of slots.entries()) slot.alike = alike[i] ?? slot;
  }

  /**
   * The route for a request. `host` is canonical, without port, '' where the request names none; `path` is normalised; without
   * `facts` no condition holds. The result is shared between calls, but for ambiguous ones: change nothing.
   */
  match(method: string, host: string, path: string, facts?: RequestFacts): RouteMatch<R> {
    if (path.charCodeAt(0) !== 0x2f) return noRoute;
    const lookup = this.#lookup;
    lookup.method = method;
    lookup.host = host;
    lookup.facts = facts;
    lookup.doubt = undefined;
    const match = this.#match(lookup, path);
    lookup.facts = undefined;
    return inDoubt(lookup.doubt) ?? match;
  }

  #match(lookup: Lookup, path: string): RouteMatch<R> {
    const slot = this.#search(this.#root, lookup, comparablePath(path));
    if (slot === undefined) return noRoute;
    const found = slot.find(lookup)?.found;
    if (found === undefined) return { kind: 'method_not_allowed', allow: slot.allowed(lookup) };
    const isPlain = this.#readings === this.#root && isPlainPath(path) && !(this.#hasWhole && path.endsWith('/'));
    const confusion = isPlain ? undefined : this.#findConfusion(lookup, slot, found.route, path);
    return confusion ?? found;
  }

  /** The first reading of the path that does not come to the patterns of `slot`. */
  #findConfusion(lookup: Lookup, slot: Slot<R>, route: R, path: string): AmbiguousPath<R> | undefined {
    const readings = readPath(path);
    if (readings === undefined) return ambiguous(route, undefined, undefined);
    const endsWithSlash = readings.undivided && path.endsWith('/');
    const divided = readings.literal.length > 0;
    for (const given of readings.folded) {
      for (const reading of this.#endings(given, divided)) {
        const found = this.#search(this.#readings, lookup, reading, true);
        if (found !== slot.alike && !(endsWithSlash && isWholeOf(found, slot.alike)))
          return ambiguous(route, reading, found);
      }
    }
    for (const given of readings.literal) {
      for (const reading of this.#endings(given, divided)) {
        const found = this.#search(this.#root, lookup, comparablePath(reading));
        if (found !== slot) return ambiguous(route, reading, found);
      }
    }
    return undefined;
  }

  /**
   * A backend may make nothing of a slash at the end, which matters where a route is for the very path; or one of what hides a
   * separator there (`divided`).
   */
  #endings(reading: string, divided: boolean): readonly string[] {
    if (!this.#hasWhole || reading.length === 1) return [reading];
    if (reading.endsWith('/')) return [reading, reading.replace(/\/+$/, '') || '/'];
    return divided ? [reading, `${reading}/`] : [reading];
  }

  #search(trie: Node<R>, lookup: Lookup, path: string, folded = false): Slot<R> | undefined {
    lookup.path = path;
    lookup.folded = folded;
    return search(trie, lookup, 1, undefined, Infinity);
  }
}

/**
 * Where a path has a route for itself and another for all below, the two were told apart by whoever wrote them: with nothing but
 * a slash behind it, it belongs to the second, though without that slash it would belong to the first.
 */
function isWholeOf<R>(found: Slot<R> | undefined, slot: Slot<R>): boolean {
  return found !== undefined && found.whole && !slot.whole && found.node === slot.node;
}

function ambiguous<R>(route: R, reading: string | undefined, found: Slot<R> | undefined): AmbiguousPath<R> {
  return { kind: 'ambiguous_path', route, reading, other: found?.entries[0]?.found.route };
}

function readsAsWritten(config: RouteConfig): boolean {
  const pattern = patternOf(config);
  return pattern === undefined || isOwnReading(pattern);
}

function inDoubt(doubt: Doubt | undefined): { kind: 'ambiguous_condition'; why: string } | undefined {
  return doubt && { kind: 'ambiguous_condition', why: doubt.why };
}

const noRoute = { kind: 'no_route' } as const;
