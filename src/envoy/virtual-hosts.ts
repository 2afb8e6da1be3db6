// A route table (RouteConfiguration) as entries in the order in which Envoy would look: the virtual host of the most specific domain, in it
// the first route that matches, and no other virtual host after that.
import type { SourceMap } from '../import/source-map.ts';
import { applyRbac } from './apply-rbac.ts';
import { type Context, readDeep, typeOf } from './context.ts';
import type { Entry } from './entry.ts';
import { readHeaderEdits } from './header-edits.ts';
import type { HttpFilters } from './http-filters.ts';
import { type ActionWorld, readAction } from './route-action.ts';
import { readRouteMatch } from './route-match.ts';

/** `hosts`: none is every one. */
type VirtualHost = { readonly map: SourceMap; readonly hosts: readonly string[]; readonly rank: number };

export async function readRouteTable(world: ActionWorld, table: SourceMap, filters: HttpFilters): Promise<Entry[]> {
  const { context, middlewares } = world;
  table.text('name');
  table.text('@type');
  for (const name of [
    'validate_clusters',
    'internal_only_headers',
    'max_direct_response_body_size_bytes',
    'request_mirror_policies',
    'ignore_path_parameters_in_path_matching',
    'metadata',
    'ignore_port_in_host_matching',
  ])
    leave(context, table, name, 'has no counterpart, and opens nothing');
  const vhds = table.get('vhds');
  readDeep(vhds);
  if (vhds !== undefined) context.loses('dynamic_resource', vhds, 'virtual hosts come from another server');
  readOverrides(context, table);
  const ofTable = readHeaderEdits(context, table, middlewares);
  const specificLast = context.flag(table, 'most_specific_header_mutations_wins') === true;
  const maps = table.maps('virtual_hosts');
  const hosts = maps.flatMap((map) => readDomains(context, map, maps.length === 1));
  const sorted = hosts.toSorted((a, b) => a.rank - b.rank);
  const entries: Entry[] = [];
  for (const [group, host] of sorted.entries()) {
    const own = await readVirtualHost(world, host, { ofTable, specificLast }, filters, group);
    entries.push(...own);
    const isWhole = own.some(
      (entry) => entry.path.path === '/' && entry.path.kind === 'prefix' && Object.keys(entry.conditions).length === 0,
    );
    const isCovered = sorted.slice(group + 1).some((wider) => overlaps(host.hosts, wider.hosts));
    // Envoy looks no further than the virtual host: what it does not take is 404.
    if (!isWhole && isCovered) entries.push(notFound(host, group));
  }
  return entries;
}

function leave(context: Context, map: SourceMap, name: string, says: string): void {
  const value = map.getEmpty(name);
  readDeep(value);
  if (value !== undefined) context.report.left(value, value.shown, says);
}

/** `typed_per_filter_config`: what a filter does otherwise here. */
function readOverrides(context: Context, map: SourceMap): void {
  const overrides = map.map('typed_per_filter_config');
  for (const name of overrides?.names ?? []) {
    const value = overrides?.get(name);
    const config = value?.map;
    const type = config === undefined ? '' : typeOf(config);
    readDeep(value);
    if (value === undefined) continue;
    if (type === 'CorsPolicy') context.report.left(value, name, 'pages of other origins cannot call; write cors');
    else if (/^(?:Compressor|Decompressor|Gzip|StatefulSession)PerRoute$/.test(type))
      context.report.left(value, name, 'opens nothing');
    else context.loses('request_filter', value, 'a filter does something else here than elsewhere');
  }
  leave(context, map, 'per_filter_config', 'is not read by Envoy any more');
}

/** `alone`: there is no other virtual host, so nothing is more specific than another. */
function readDomains(context: Context, map: SourceMap, alone: boolean): VirtualHost[] {
  const { report } = context;
  const ranks = new Map<number, string[]>();
  for (const value of map.items('domains')) {
    const written = value.text ?? '';
    const domain = written.replace(/:(?:\d+|\*)$/, '').toLowerCase();
    if (domain !== '*' && !/^(?:\*\.)?[^*\s]+$/.test(domain)) {
      context.loses('route_left_out', value, 'hosts are exact, or *. and a name; routes of this domain are left out');
      continue;
    }
    if (domain !== written.toLowerCase()) report.changed(value, written, `hosts: ${domain}, whatever the port`);
    else report.taken(value, written, domain === '*' ? 'every host' : `hosts: ${domain}`);
    const list = ranks.get(rankOf(domain)) ?? [];
    if (!list.includes(domain)) list.push(domain);
    ranks.set(rankOf(domain), list);
  }
  if (ranks.size === 0) {
    if (map.items('domains').length === 0) report.refuse('bad_value', map, 'virtual_hosts', 'has no domains');
    for (const name of map.names) readDeep(map.get(name));
    return [];
  }
  const all = [...ranks.values()].flat();
  const lists = alone ? [all] : [...ranks.values()];
  // A catch-all takes in every other domain of its own.
  return lists.map((hosts) => ({ map, hosts: hosts.includes('*') ? [] : hosts, rank: Math.max(...hosts.map(rankOf)) }));
}

/** Lower is looked at first: exact domains, then the longest suffix, then every host. */
function rankOf(domain: string): number {
  if (domain === '*') return 1000;
  return domain.startsWith('*.') ? 999 - Math.min(domain.length, 900) : 0;
}

async function readVirtualHost(
  world: ActionWorld,
  { map, hosts }: VirtualHost,
  { ofTable, specificLast }: { readonly ofTable: readonly string[]; readonly specificLast: boolean },
  filters: HttpFilters,
  group: number,
): Promise<Entry[]> {
  const { context, middlewares } = world;
  const name = map.text('name') ?? 'host';
  const matcher = map.get('matcher');
  readDeep(matcher);
  if (matcher !== undefined) context.report.refuse('matcher_tree', matcher, 'matcher', 'routes are lists here');
  const tls = context.word(map, 'require_tls', ['NONE', 'EXTERNAL_ONLY', 'ALL']);
  const toTls: string[] = [];
  if (tls === 'ALL' || tls === 'EXTERNAL_ONLY') {
    toTls.push(middlewares.add('redirectScheme', { scheme: 'https', permanent: true }, 'to-https'));
    context.taken(map, 'require_tls', 'middleware redirectScheme');
  }
  for (const one of [
    'virtual_clusters',
    'retry_policy',
    'retry_policy_typed_config',
    'hedge_policy',
    'include_request_attempt_count',
    'include_attempt_count_in_response',
    'include_is_timeout_retry_header',
    'per_request_buffer_limit_bytes',
    'request_body_buffer_limit',
    'request_mirror_policies',
    'metadata',
    'cors',
  ])
    leave(context, map, one, 'has no counterpart, and opens nothing');
  readLimits(context, map);
  readOverrides(context, map);
  const ofHost = readHeaderEdits(context, map, middlewares);
  const entries: Entry[] = [];
  const before = [...toTls, ...filters.middlewares];
  for (const route of map.maps('routes')) {
    const match = readRouteMatch(context, route);
    for (const one of [
      'metadata',
      'decorator',
      'tracing',
      'stat_prefix',
      'per_request_buffer_limit_bytes',
      'request_body_buffer_limit',
    ])
      leave(context, route, one, 'opens nothing');
    readOverrides(context, route);
    readLimits(context, route);
    const ofRoute = readHeaderEdits(context, route, middlewares);
    const written = route.text('name');
    if (match === undefined) {
      readDeep(route.get('route') ?? route.get('redirect') ?? route.get('direct_response'));
      continue;
    }
    const action = await readAction(world, route, match.path);
    if (action === undefined) continue;
    context.reading.becomes(route.path, action.keys);
    // There the wider mutation is made last, unless it is said otherwise: where both set a field, it wins.
    const edits = specificLast ? [ofTable, ofHost, ofRoute] : [ofRoute, ofHost, ofTable];
    const all = [...before, ...edits.flat(), ...action.middlewares];
    const entry: Entry = {
      ...match,
      hosts,
      keys: action.keys,
      middlewares: [...new Set(all)],
      clientCert: undefined,
      name: written ?? name,
      hasSlash: match.path.value.text?.endsWith('/') === true && match.path.path !== '/',
      group,
    };
    entries.push(...(withRbac(context, entry, filters) ?? [entry]));
  }
  return entries;
}

function readLimits(context: Context, map: SourceMap): void {
  const limits = map.get('rate_limits');
  readDeep(limits);
  if (limits !== undefined) context.loses('rate_limit', limits, 'write a middleware rateLimit');
}

function withRbac(context: Context, entry: Entry, { rbac }: HttpFilters): Entry[] | undefined {
  const [first] = rbac;
  if (first === undefined) return [entry];
  const applied = applyRbac(entry, first);
  if (applied === undefined)
    context.loses(
      'identity_rule',
      entry.path.value,
      'RBAC by path over a route by expression; write security.clientCert of the route',
    );
  return applied;
}

function notFound({ map, hosts }: VirtualHost, group: number): Entry {
  const value = map.get('name') ?? map.get('domains');
  if (value === undefined) throw new Error('a virtual host without a domain was read');
  return {
    path: { kind: 'prefix', path: '/', value },
    conditions: {},
    hosts,
    keys: { response: { statusCode: 404 } },
    middlewares: [],
    clientCert: undefined,
    name: `${value.text ?? 'host'}-else`,
    hasSlash: false,
    group,
  };
}

/** Some host is of both. Without any: every host. */
export function overlaps(a: readonly string[], b: readonly string[]): boolean {
  return a.length === 0 || b.length === 0 || a.some((one) => b.some((other) => meet(one, other) !== undefined));
}

/** The narrower of two hosts that have some in common. */
export function meet(a: string, b: string): string | undefined {
  if (a === b) return a;
  if (b.startsWith('*.') && a.endsWith(b.slice(1)) && a.length > b.length - 1) return a;
  if (a.startsWith('*.') && b.endsWith(a.slice(1)) && b.length > a.length - 1) return b;
  return undefined;
}
