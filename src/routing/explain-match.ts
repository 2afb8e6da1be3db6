// Why a request meets the route it meets, and why every other route loses: for `explain route`. Compares routes one by one,
// without the trie, so that it also serves as the plain statement of the order that route-table.ts implements.
import type { RouteConfig } from '../config/gateway-config.ts';
import { comparablePath, isParam, patternSegments } from './normalize-target.ts';
import { parseHostPattern, takesMethod } from './route-table.ts';

export type Loss = 'host' | 'path' | 'method' | 'priority' | 'less_specific_path' | 'less_specific_host' | 'later';

export type RouteVerdict<R> = {
  readonly route: R;
  readonly outcome: 'chosen' | Loss;
  /** The host pattern that matched best; '' where the route takes every host, undefined where none matches. */
  readonly host: string | undefined;
  /** The route that is preferred, where one is. */
  readonly against: R | undefined;
};

type Routed = { readonly config: RouteConfig };
type Candidate<R> = {
  readonly route: R;
  readonly order: number;
  readonly host: string;
  readonly hostRank: number;
  readonly segments: readonly string[];
};

/** One verdict per route, in order of appearance. Arguments as for RouteTable.match. */
export function explainMatch<R extends Routed>(
  routes: readonly R[],
  method: string,
  host: string,
  path: string,
): readonly RouteVerdict<R>[] {
  const candidates: Candidate<R>[] = routes.flatMap((route, order) => candidatesOf(route, order, host, path));
  candidates.sort((a, b) => compare(a, b).by);
  const winner = candidates[0];
  const siblings = candidates.filter((one) => winner !== undefined && samePatterns(one, winner));
  const chosen = siblings.find((one) => takesMethod(one.route.config.methods, method));
  return routes.map((route): RouteVerdict<R> => {
    const own = candidates.find((one) => one.route === route);
    if (own === undefined) {
      const outcome = hostMatches(route, host) ? 'path' : 'host';
      return { route, outcome, host: undefined, against: undefined };
    }
    if (own.route === chosen?.route) return { route, outcome: 'chosen', host: own.host, against: undefined };
    if (
      winner === undefined ||
      siblings.some((one) => one.route === route && !takesMethod(route.config.methods, method))
    )
      return { route, outcome: 'method', host: own.host, against: chosen?.route };
    const better = siblings.includes(own) && chosen !== undefined ? chosen : winner;
    return { route, outcome: compare(better, own).why, host: own.host, against: better.route };
  });
}

function candidatesOf<R extends Routed>(route: R, order: number, host: string, path: string): Candidate<R>[] {
  const segments = patternSegments(route.config.path);
  if (segments === undefined || !pathMatches(segments, path)) return [];
  const { hosts } = route.config;
  if (hosts.length === 0) return [{ route, order, host: '', hostRank: Infinity, segments }];
  return hosts.flatMap((pattern) => {
    const hostRank = rankHost(pattern, host);
    return hostRank === undefined ? [] : [{ route, order, host: pattern, hostRank, segments }];
  });
}

function pathMatches(segments: readonly string[], path: string): boolean {
  if (!path.startsWith('/')) return false;
  const given = comparablePath(path).slice(1).split('/');
  return segments.every((segment, i) => {
    const part = given[i];
    return isParam(segment) ? part !== undefined && part !== '' : comparablePath(segment) === part;
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
  const [one, other] = [a, b].map(({ host, segments }) => {
    const pattern = host === '' ? undefined : parseHostPattern(host);
    const path = segments.map((segment) => (isParam(segment) ? '{}' : comparablePath(segment)));
    return JSON.stringify([pattern?.kind, pattern?.name, path]);
  });
  return one === other;
}

/** `by` is negative where `a` goes before `b`; `why` is what the later one lacks. */
function compare<R extends Routed>(a: Candidate<R>, b: Candidate<R>): { by: number; why: Loss } {
  const priority = a.route.config.priority - b.route.config.priority;
  if (priority !== 0) return { by: priority, why: 'priority' };
  const path = comparePaths(a.segments, b.segments);
  if (path !== 0) return { by: path, why: 'less_specific_path' };
  if (a.hostRank !== b.hostRank) return { by: a.hostRank < b.hostRank ? -1 : 1, why: 'less_specific_host' };
  return { by: a.order - b.order, why: 'later' };
}

/** Both match the same path, so at each place they are the same text, or one is a parameter, or one has ended. */
function comparePaths(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const difference = Number(isParam(a[i] ?? '')) - Number(isParam(b[i] ?? ''));
    if (difference !== 0) return difference;
  }
  return b.length - a.length;
}
