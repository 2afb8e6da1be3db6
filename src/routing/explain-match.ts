// Why a request meets the route it meets, and why every other route loses: for `explain route`. Compares routes one by one,
// without the trie, so that it also serves as the plain statement of the order that route-table.ts implements.
import type { RouteConfig } from '../config/gateway-config.ts';
import { countConditions } from '../config/match-conditions.ts';
import { Conditions, Doubt, type RequestFacts } from './conditions.ts';
import { comparablePath } from './normalize-target.ts';
import { type PathPattern, patternOf, type PatternSegment } from './path-pattern.ts';
import { parseHostPattern } from './route-trie.ts';
import { takesMethod } from './takes-method.ts';

export type Loss =
  | 'host'
  | 'path'
  | 'condition'
  | 'method'
  | 'priority'
  | 'less_specific_path'
  | 'less_specific_host'
  | 'fewer_conditions'
  | 'later';

export type RouteVerdict<R> = {
  readonly route: R;
  readonly outcome: 'chosen' | Loss;
  /** The host pattern that matched best; '' where the route takes every host, undefined where none matches. */
  readonly host: string | undefined;
  /** The route that is preferred, where one is. */
  readonly against: R | undefined;
  /** The condition that does not hold, where that is why. */
  readonly unmet: string | undefined;
};

type Routed = { readonly config: RouteConfig };
type Candidate<R> = {
  readonly route: R;
  readonly order: number;
  readonly host: string;
  readonly hostRank: number;
  readonly pattern: PathPattern;
  /** One text for each segment; expressions by the place of the first route that has it there. */
  readonly segments: readonly string[];
};

/** One verdict per route, in order of appearance. Arguments as for RouteTable.match. */
export function explainMatch<R extends Routed>(
  routes: readonly R[],
  method: string,
  host: string,
  path: string,
  facts?: RequestFacts,
): readonly RouteVerdict<R>[] {
  const places = new Map<string, number>();
  const all = routes.flatMap((route, order) => candidatesOf(route, order, places, host, path));
  const unmet = new Map(all.map(({ route }) => [route, findUnmet(route, method, facts)]));
  const candidates = all.filter(({ route }) => unmet.get(route) === undefined);
  candidates.sort((a, b) => compare(a, b).by);
  const winner = candidates[0];
  const siblings = candidates.filter((one) => winner !== undefined && samePatterns(one, winner));
  const chosen = siblings.find((one) => takesMethod(one.route.config.methods, method));
  return routes.map((route): RouteVerdict<R> => {
    const own = candidates.find((one) => one.route === route);
    const condition = unmet.get(route);
    if (own === undefined) {
      const outcome = condition !== undefined ? 'condition' : hostMatches(route, host) ? 'path' : 'host';
      return { route, outcome, host: undefined, against: undefined, unmet: condition };
    }
    const told = { route, host: own.host, unmet: undefined };
    if (own.route === chosen?.route) return { ...told, outcome: 'chosen', against: undefined };
    if (
      winner === undefined ||
      siblings.some((one) => one.route === route && !takesMethod(route.config.methods, method))
    )
      return { ...told, outcome: 'method', against: chosen?.route };
    const better = siblings.includes(own) && chosen !== undefined ? chosen : winner;
    return { ...told, outcome: compare(better, own).why, against: better.route };
  });
}

function findUnmet({ config }: Routed, method: string, facts: RequestFacts | undefined): string | undefined {
  const conditions = Conditions.of(config.match);
  if (conditions === undefined) return undefined;
  const unmet = facts === undefined ? 'nothing is known of the request' : conditions.findUnmet(method, facts);
  return unmet instanceof Doubt ? unmet.why : unmet;
}

function candidatesOf<R extends Routed>(
  route: R,
  order: number,
  places: Map<string, number>,
  host: string,
  path: string,
): Candidate<R>[] {
  const pattern = patternOf(route.config);
  if (pattern === undefined) return [];
  const segments = placesOf(pattern, order, places);
  if (!pathMatches(pattern, path)) return [];
  const { hosts } = route.config;
  const candidate = { route, order, pattern, segments };
  if (hosts.length === 0) return [{ ...candidate, host: '', hostRank: Infinity }];
  return hosts.flatMap((one) => {
    const hostRank = rankHost(one, host);
    return hostRank === undefined ? [] : [{ ...candidate, host: one, hostRank }];
  });
}

/** Where two routes have different expressions behind the same segments, the one that came first goes first, as in nginx. */
function placesOf({ segments }: PathPattern, order: number, places: Map<string, number>): string[] {
  const before: string[] = [];
  for (const segment of segments) {
    if (segment.kind === 'text') before.push(`=${segment.text}`);
    else if (segment.kind === 'param') before.push('{}');
    else {
      const key = JSON.stringify([...before, segment.source]);
      const first = places.get(key) ?? order;
      places.set(key, first);
      before.push(`~${String(first).padStart(9, '0')} ${segment.source}`);
    }
  }
  return before;
}

function pathMatches({ segments, whole }: PathPattern, path: string): boolean {
  if (!path.startsWith('/')) return false;
  const given = path === '/' ? [] : comparablePath(path).slice(1).split('/');
  if (whole && given.length !== segments.length) return false;
  return segments.every((segment, i) => {
    const part = given[i];
    if (part === undefined) return false;
    if (segment.kind === 'param') return part !== '';
    return segment.kind === 'text' ? segment.text === part : part !== '' && segment.test(part, false) === true;
  });
}

function hostMatches(route: Routed, host: string): boolean {
  const { hosts } = route.config;
  return hosts.length === 0 || hosts.some((pattern) => rankHost(pattern, host) !== undefined);
}

/** Lower is more specific: exact, {label}.suffix, then *.suffix by the labels it leaves open; undefined = does not match. */
function rankHost(pattern: string, host: string): number | undefined {
  const { kind, name } = parseHostPattern(pattern);
  if (kind === 'exact') return host === name ? 0 : undefined;
  if (!host.endsWith(`.${name}`) || host.length === name.length + 1) return undefined;
  const labels = host.slice(0, -name.length - 1).split('.').length;
  if (kind === 'label') return labels === 1 ? 1 : undefined;
  return 1 + labels;
}

function samePatterns(a: Candidate<unknown>, b: Candidate<unknown>): boolean {
  const [one, other] = [a, b].map(({ host, segments, pattern: { whole } }) => {
    const pattern = host === '' ? undefined : parseHostPattern(host);
    return JSON.stringify([pattern?.kind, pattern?.name, segments, whole]);
  });
  return one === other;
}

/** `by` is negative where `a` goes before `b`; `why` is what the later one lacks. */
function compare<R extends Routed>(a: Candidate<R>, b: Candidate<R>): { by: number; why: Loss } {
  const priority = a.route.config.priority - b.route.config.priority;
  if (priority !== 0) return { by: priority, why: 'priority' };
  const path = comparePaths(a, b);
  if (path !== 0) return { by: path, why: 'less_specific_path' };
  if (a.hostRank !== b.hostRank) return { by: a.hostRank < b.hostRank ? -1 : 1, why: 'less_specific_host' };
  const asks = countConditions(b.route.config.match) - countConditions(a.route.config.match);
  if (asks !== 0) return { by: asks, why: 'fewer_conditions' };
  return { by: a.order - b.order, why: 'later' };
}

const ranks: Readonly<Record<PatternSegment['kind'], number>> = { text: 0, regex: 1, param: 2 };

/** Both match the same path: at each place they are alike, or one is more exact, or came first, or one has ended. */
function comparePaths(a: Candidate<unknown>, b: Candidate<unknown>): number {
  for (let i = 0; i < a.segments.length && i < b.segments.length; i++) {
    const [one, other] = [a.pattern.segments[i], b.pattern.segments[i]];
    if (one === undefined || other === undefined) break;
    const difference = ranks[one.kind] - ranks[other.kind];
    if (difference !== 0) return difference;
    if (one.kind === 'regex' && a.segments[i] !== b.segments[i])
      return (a.segments[i] ?? '') < (b.segments[i] ?? '') ? -1 : 1;
  }
  return b.segments.length - a.segments.length || Number(b.pattern.whole) - Number(a.pattern.whole);
}
