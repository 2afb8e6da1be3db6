// The table "who may call what": each route under each policy that serves it, with its hosts and methods, and who gets there
// over TLS and over plain HTTP. Made by asking the tables, so a route that another one hides is shown as such.
import type { LoadedConfig, LoadedPolicy, LoadedRoute } from '../loading/loaded.ts';
import { hostsOfRoute, listHosts, otherMethods, type Sample, sampleMethod, samplePath } from './places.ts';
import { takesMethod } from '../routing/takes-method.ts';
import { sampleConditions } from './sample-facts.ts';
import { AccessTable, type Who } from './table.ts';

export type AccessRow = {
  readonly route: LoadedRoute;
  /** undefined: nothing reaches the route. */
  readonly policy: LoadedPolicy | undefined;
  /** Empty: every host. */
  readonly hosts: readonly string[];
  /** Empty: every method. */
  readonly methods: readonly string[];
  readonly secure: Who;
  readonly plain: Who;
};

/** Look-ups in all: a route of every host is not searched at 50,000 of them, 50,000 times. */
const maxLookups = 500_000;

/** In the order of the routes, then of the policies. */
export function listAccess(loaded: LoadedConfig): AccessRow[] {
  const table = new AccessTable(loaded);
  const hosts = listHosts(loaded);
  const maxHosts = Math.max(20, Math.floor(maxLookups / Math.max(1, loaded.routes.length)));
  const rank = new Map(loaded.policies.map((policy, at) => [policy, at]));
  return loaded.routes.flatMap((route) =>
    rowsOf(route, table, hosts, maxHosts).toSorted((a, b) => rankOf(a, rank) - rankOf(b, rank)),
  );
}

function rankOf({ policy }: AccessRow, ranks: ReadonlyMap<LoadedPolicy, number>): number {
  return policy === undefined ? ranks.size : (ranks.get(policy) ?? 0);
}

type Mutable = Omit<AccessRow, 'hosts' | 'methods'> & { readonly hosts: Set<string>; readonly methods: Set<string> };

function rowsOf(route: LoadedRoute, table: AccessTable, all: readonly Sample[], maxHosts: number): AccessRow[] {
  const { hosts: patterns, match } = route.config;
  const named = namedMethods(route.config);
  const path = samplePath(route.config);
  const conditions = sampleConditions(match);
  const methods = named.length === 0 ? [otherMethods] : named.map(sampleMethod);
  const rows = new Map<LoadedPolicy, Mutable>();
  const possible = path === undefined ? [] : hostsOfRoute(patterns, all);
  const hosts = possible.length > maxHosts ? [...possible.slice(0, maxHosts - 1), ...possible.slice(-1)] : possible;
  for (const host of hosts)
    for (const method of methods) {
      const met = table.at(method.sample, host.sample, path?.sample ?? '', conditions);
      const { policy } = met;
      if ((met.secureRoute !== route && met.plainRoute !== route) || policy === undefined) continue;
      const secure = met.secureRoute === route ? met.secure : elsewhere;
      const plain = met.plainRoute === route ? met.plain : elsewhere;
      const row = rows.get(policy) ?? { route, policy, hosts: new Set(), methods: new Set(), secure, plain };
      rows.set(policy, row);
      row.hosts.add(host.text);
      row.methods.add(method.text);
    }
  if (rows.size === 0)
    return [{ route, policy: undefined, hosts: patterns, methods: named, secure: elsewhere, plain: elsewhere }];
  return [...rows.values()].map((row) => ({
    ...row,
    hosts: patterns.length === 0 && row.hosts.size === possible.length ? [] : [...row.hosts],
    methods: named.length === 0 ? [] : [...row.methods],
  }));
}

/** Another route is met there, or none. */
const elsewhere: Who = { kind: 'nobody', why: 'no_route' };

function namedMethods({ methods, match }: LoadedRoute['config']): readonly string[] {
  if (methods.length === 0) return match.methods;
  return match.methods.length === 0 ? methods : methods.filter((method) => takesMethod(match.methods, method));
}
