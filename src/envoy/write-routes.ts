// Entries of all listeners as the routes of the draft: each under a name, where it is served, in the order of keys in which people write them.
import { type DraftMap, draftText, isDraftMap } from '../import/draft.ts';
import type { Context } from './context.ts';
import type { Entry } from './entry.ts';
import { findOpened, orderEntries, splitSlashes } from './order.ts';
import { meet } from './virtual-hosts.ts';

/** Where entries are served. */
export type Scope = {
  readonly entries: readonly Entry[];
  readonly entryPoint: string;
  /** undefined: plain HTTP. */
  readonly policy: string | undefined;
  /** Server names of the policy; none for the one of the gateway. */
  readonly serverNames: readonly string[];
  readonly forward: DraftMap;
};

export type RouteNeeds = {
  /** There are several entry points for traffic: a route says where it is served. */
  readonly manyEntryPoints: boolean;
  /** There are several policies. */
  readonly manyPolicies: boolean;
  /** What the gateway says, where all say the same. */
  readonly forward: DraftMap | undefined;
};

export function writeRoutes(context: Context, scopes: readonly Scope[], needs: RouteNeeds): DraftMap[] {
  const routes = new Map<string, { route: DraftMap; entryPoints: string[]; policies: string[] }>();
  for (const scope of scopes) {
    const entries = splitSlashes(narrow(context, scope));
    const opened = findOpened(entries);
    if (opened !== undefined)
      context.loses(
        'match_condition',
        opened.value,
        `as characters it also takes what goes on without a slash; here that meets ${opened.by.path.value.shown}, which is more open or another`,
      );
    for (const { entry, priority } of orderEntries(entries)) {
      const route = routeOf(entry, priority, scope, needs);
      const key = JSON.stringify({ ...route, name: '' });
      const known = routes.get(key);
      const policies = scope.policy === undefined ? [] : [scope.policy];
      if (known === undefined) routes.set(key, { route, entryPoints: [scope.entryPoint], policies });
      else {
        if (!known.entryPoints.includes(scope.entryPoint)) known.entryPoints.push(scope.entryPoint);
        if (!known.policies.includes(scope.policy ?? '') && scope.policy !== undefined)
          known.policies.push(scope.policy);
      }
      if (known === undefined) context.reading.becomes(entry.path.value.path, route);
    }
  }
  const names = new Set<string>();
  return [...routes.values()].map(({ route, entryPoints, policies }) => {
    const isPlainToo = needs.manyEntryPoints;
    const placed: DraftMap = {
      ...(needs.manyPolicies && policies.length > 0 && { policies }),
      ...(isPlainToo && { entryPoints }),
    };
    return finish(route, placed, names);
  });
}

/** Hosts of a policy are those of its server names: nobody gets there under another. */
function narrow(context: Context, { entries, serverNames }: Scope): Entry[] {
  if (serverNames.length === 0) return [...entries];
  return entries.flatMap((entry) => {
    if (entry.hosts.length === 0) return [{ ...entry, hosts: serverNames }];
    const hosts = entry.hosts.flatMap((host) => serverNames.flatMap((name) => meet(host, name) ?? []));
    if (hosts.length > 0) return [{ ...entry, hosts: [...new Set(hosts)] }];
    context.report.changed(
      entry.path.value,
      entry.name,
      `no server name of its filter chain is one of its domains (${entry.hosts.join(', ')}): the Host has to be that of the connection here`,
    );
    return [];
  });
}

function routeOf(entry: Entry, priority: number, { forward }: Scope, needs: RouteNeeds): DraftMap {
  const { path, keys } = entry;
  const { security, rewrite, target, backends, response, ...rest } = keys;
  const route: DraftMap = { name: entry.name, path: path.path };
  if (path.kind === 'exact') route['pathMatch'] = 'exact';
  if (path.kind === 'regex') route['pathMatch'] = 'regex';
  if (entry.hosts.length > 0) route['hosts'] = [...entry.hosts];
  if (Object.keys(entry.conditions).length > 0) route['match'] = entry.conditions;
  if (priority > 0) route['priority'] = priority;
  for (const [name, value] of Object.entries({ target, backends, response, rewrite }))
    if (value !== undefined) route[name] = value;
  for (const name of ['loadBalancing', 'hashOn', 'sendProxyProtocol', 'healthCheck', 'timeouts', 'retry', 'upgrades']) {
    const value = rest[name];
    if (value !== undefined) route[name] = value;
  }
  if (entry.middlewares.length > 0) route['middlewares'] = [...entry.middlewares];
  const all: DraftMap = { ...(isDraftMap(security) && security) };
  if (entry.clientCert !== undefined) all['clientCert'] = entry.clientCert;
  if (needs.forward === undefined) all['forwardClientCert'] = forward;
  if (Object.keys(all).length > 0) route['security'] = all;
  return route;
}

function finish(route: DraftMap, placed: DraftMap, names: Set<string>): DraftMap {
  const { name, path, ...rest } = route;
  const base = slug(draftText(name));
  let unique = base;
  const [host] = Array.isArray(rest['hosts']) ? rest['hosts'] : [];
  for (const tail of [draftText(path), draftText(host)]) {
    const candidate = `${base}-${slug(tail).slice(0, 40)}`;
    if (names.has(unique) && /[A-Za-z0-9]/.test(tail) && !names.has(candidate)) unique = candidate;
  }
  for (let n = 2; names.has(unique); n++) unique = `${base}-${n}`;
  names.add(unique);
  route['name'] = unique;
  // In its place, the map stays the one that comments belong to.
  for (const key of Object.keys(rest)) delete route[key];
  const before = ['pathMatch', 'hosts', 'match'];
  for (const key of before) if (rest[key] !== undefined) route[key] = rest[key];
  Object.assign(route, placed);
  for (const [key, value] of Object.entries(rest)) if (!before.includes(key)) route[key] = value;
  return route;
}

export function slug(text: string): string {
  return (
    text
      .replace(/[^A-Za-z0-9._-]+/g, '-')
      .replace(/^-+|-+$/g, '')
      .slice(0, 60) || 'route'
  );
}
