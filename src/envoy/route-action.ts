// What a route does (`route`, `direct_response`, `redirect`) as keys of ours.
import type { DraftMap, DraftValue } from '../import/draft.ts';
import type { SourceMap, SourceValue } from '../import/source-map.ts';
import type { Cluster } from './cluster.ts';
import { type Context, duration, readDeep } from './context.ts';
import { regexOf } from './string-matcher.ts';
import type { DraftMiddlewares } from '../import/draft-middlewares.ts';
import { readRedirect } from './redirect.ts';
import { readRetry } from './retry.ts';
import type { PathRule } from './route-match.ts';

export type ActionWorld = {
  readonly context: Context;
  readonly middlewares: DraftMiddlewares;
  readonly findCluster: (name: string, at: SourceValue) => Promise<Cluster | undefined>;
  /** Protocols that the listener lets clients switch to. */
  readonly upgrades: readonly string[];
};

export type Action = {
  /** Keys of a route. */
  readonly keys: DraftMap;
  /** Names, in their order. */
  readonly middlewares: readonly string[];
};

/** Undefined where it cannot be taken over: that was said. */
export async function readAction(world: ActionWorld, around: SourceMap, path: PathRule): Promise<Action | undefined> {
  const { context, middlewares } = world;
  const kinds = ['route', 'direct_response', 'redirect', 'filter_action', 'non_forwarding_action'];
  const [kind] = kinds.filter((name) => around.has(name));
  const value = kind === undefined ? undefined : around.get(kind);
  const map = kind === undefined ? undefined : around.map(kind);
  if (value === undefined || map === undefined || kind === 'filter_action' || kind === 'non_forwarding_action') {
    context.report.refuse(
      'bad_value',
      value ?? around,
      kind ?? 'route',
      'has to have one of route, redirect, direct_response',
    );
    readDeep(value);
    return undefined;
  }
  if (kind === 'redirect') {
    const keys = readRedirect(context, map, path, middlewares);
    const names = keys?.['middlewares'];
    if (keys === undefined) return undefined;
    delete keys['middlewares'];
    return { keys, middlewares: Array.isArray(names) ? names.map(String) : [] };
  }
  if (kind === 'direct_response') {
    const keys = await readResponse(context, map);
    return keys && { keys, middlewares: [] };
  }
  return readForward(world, map, path);
}

async function readResponse(context: Context, map: SourceMap): Promise<DraftMap | undefined> {
  const response: DraftMap = { statusCode: context.number(map, 'status') ?? 200 };
  context.taken(map, 'status', 'response.statusCode');
  const body = map.map('body');
  const file = body?.text('filename');
  const text = file === undefined ? body?.text('inline_string') : await context.world.readText(file);
  if (body !== undefined && text === undefined) {
    context.report.refuse(
      'body_missing',
      map.get('body') ?? map,
      'body',
      'is no text, or in a file that is not on this machine',
    );
    return undefined;
  }
  if (text !== undefined) {
    response['body'] = text;
    context.report.taken(map.get('body') ?? map, 'body', 'response.body');
  }
  const format = map.get('body_format');
  readDeep(format);
  if (format !== undefined) context.report.left(format, 'body_format', 'the body is the text of body');
  return { response };
}

async function readForward(world: ActionWorld, map: SourceMap, path: PathRule): Promise<Action | undefined> {
  const { context, middlewares } = world;
  const target = await readTarget(world, map);
  const names: string[] = [];
  const keys: DraftMap = {};
  const rewrite = readRewrite(context, map, path, middlewares);
  if (rewrite.path !== undefined) keys['rewrite'] = rewrite.path;
  names.push(...rewrite.middlewares);
  const timeouts = readTimeouts(context, map);
  const retry = readRetry(context, map);
  const upgrades = readUpgrades(world, map);
  const host = readHost(context, map, target?.clusters ?? []);
  const hashOn = readHash(context, map);
  for (const [name, says] of [
    ['request_mirror_policies', 'copies of requests go nowhere'],
    ['cluster_not_found_response_code', 'every cluster is there'],
    ['priority', 'all requests are alike'],
    ['metadata_match', 'subsets of a cluster are clusters here'],
    ['append_x_forwarded_host', 'X-Forwarded-Host is sent always'],
    ['max_stream_duration', 'timeouts.idle and timeouts.response bound an answer'],
    ['hedge_policy', 'one attempt at a time'],
    ['internal_redirect_policy', 'redirects are for the client to follow'],
  ] as const) {
    const value = map.get(name);
    readDeep(value);
    if (value === undefined) continue;
    if (name === 'metadata_match') context.loses('backend_choice', value, says);
    else context.report.left(value, value.shown, says);
  }
  const limits = map.get('rate_limits');
  readDeep(limits);
  if (limits !== undefined) context.loses('rate_limit', limits, 'write a middleware rateLimit');
  if (target === undefined) return undefined;
  Object.assign(keys, target.keys);
  const first = target.clusters[0];
  if (first?.loadBalancing !== undefined && target.isList) keys['loadBalancing'] = first.loadBalancing;
  if (hashOn.length > 0 && first?.loadBalancing === 'hash' && target.isList) keys['hashOn'] = hashOn;
  if (first?.sendProxyProtocol !== undefined) keys['sendProxyProtocol'] = first.sendProxyProtocol;
  if (first?.healthCheck !== undefined) keys['healthCheck'] = first.healthCheck;
  const security: DraftMap = {};
  if (host) security['forwardHostHeaders'] = false;
  if (first?.tls !== undefined && Object.keys(first.tls).length > 0) security['tls'] = first.tls;
  if (Object.keys(security).length > 0) keys['security'] = security;
  const connect = first?.connectTimeout;
  const all: DraftMap = { ...(connect !== undefined && { connect }), ...timeouts };
  if (Object.keys(all).length > 0) keys['timeouts'] = all;
  if (retry !== undefined) keys['retry'] = retry;
  if (!upgrades.includes('websocket') || upgrades.length > 1) keys['upgrades'] = [...upgrades];
  return { keys, middlewares: names };
}

type Target = { readonly keys: DraftMap; readonly clusters: readonly Cluster[]; readonly isList: boolean };

async function readTarget(world: ActionWorld, map: SourceMap): Promise<Target | undefined> {
  const { context } = world;
  const single = map.get('cluster');
  const weighted = map.map('weighted_clusters');
  const parts: { cluster: Cluster; weight: number }[] = [];
  let isKnown = true;
  if (single !== undefined) {
    const cluster = await world.findCluster(map.text('cluster') ?? '', single);
    if (cluster === undefined) isKnown = false;
    else parts.push({ cluster, weight: 1 });
  } else if (weighted !== undefined) {
    for (const one of weighted.maps('clusters')) {
      const value = one.get('name');
      const cluster = value && (await world.findCluster(one.text('name') ?? '', value));
      const weight = context.number(one, 'weight') ?? 0;
      if (cluster === undefined) isKnown = false;
      else parts.push({ cluster, weight });
    }
    context.number(weighted, 'total_weight');
    weighted.text('runtime_key_prefix');
    for (const name of ['header_name', 'random_value_specifier', 'use_hash_policy'])
      if (weighted.has(name))
        context.loses('backend_choice', weighted.get(name) ?? single ?? (parts[0] as never), 'shares are at random');
  } else {
    const value =
      map.get('cluster_header') ?? map.get('cluster_specifier_plugin') ?? map.get('inline_cluster_specifier_plugin');
    readDeep(value);
    context.report.refuse('dynamic_backends', value ?? map, value?.shown ?? 'route', 'has to name a cluster');
    return undefined;
  }
  const [first] = parts;
  if (!isKnown || first === undefined) return undefined;
  const sameWay = (one: Cluster): string => JSON.stringify([one.tls, one.healthCheck, one.sendProxyProtocol]);
  if (parts.some(({ cluster }) => sameWay(cluster) !== sameWay(first.cluster))) {
    context.report.refuse(
      'several_sockets',
      map.get('weighted_clusters') ?? map,
      'weighted_clusters',
      'differ in TLS or health checks; one route has one way to its backends',
    );
    return undefined;
  }
  return targetOf(parts);
}

function targetOf(parts: readonly { cluster: Cluster; weight: number }[]): Target {
  const clusters = parts.map(({ cluster }) => cluster);
  const all = parts.flatMap(({ cluster, weight }) => cluster.backends.map((backend) => ({ backend, cluster, weight })));
  const url = ({ backend, cluster }: (typeof all)[number]): string => {
    const host = backend.host.includes(':') ? `[${backend.host}]` : backend.host;
    return `${cluster.tls === undefined ? 'http' : 'https'}://${host}:${backend.port}`;
  };
  const [only] = all;
  if (all.length === 1 && only !== undefined) return { keys: { target: url(only) }, clusters, isList: false };
  const isWeighted = parts.length > 1 || clusters.some((cluster) => cluster.isWeighted);
  const backends = all.map((one): DraftMap => {
    const { backend, cluster, weight } = one;
    const sum = cluster.backends.reduce((total, other) => total + other.weight, 0);
    // A share of a cluster is divided among its endpoints.
    const share = parts.length === 1 ? backend.weight : Math.round((weight * 1000 * backend.weight) / sum);
    return { endpoint: url(one), ...(isWeighted && { weight: share }), ...(backend.backup && { backup: true }) };
  });
  const divisor = backends.map((one) => Number(one['weight'] ?? 0)).reduce(gcd, 0);
  for (const one of backends) if (divisor > 1) one['weight'] = Number(one['weight']) / divisor;
  return { keys: { backends }, clusters, isList: true };
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** `rewrite`, or a middleware. */
function readRewrite(
  context: Context,
  map: SourceMap,
  path: PathRule,
  middlewares: DraftMiddlewares,
): { path?: string; middlewares: string[] } {
  const prefix = map.get('prefix_rewrite');
  const text = map.text('prefix_rewrite');
  const other = map.get('path_rewrite_policy');
  readDeep(other);
  if (other !== undefined) context.loses('path_rewrite', other, 'write rewrite with parameters');
  if (prefix !== undefined && text !== undefined) {
    if (path.kind === 'regex') {
      context.loses(
        'path_rewrite',
        prefix,
        'beside a regular expression the whole path is replaced there; write rewrite',
      );
      return { middlewares: [] };
    }
    context.report.taken(prefix, prefix.shown, 'rewrite');
    const target = text.length > 1 ? text.replace(/\/+$/, '') : text;
    return { ...(target !== path.path && { path: target || '/' }), middlewares: [] };
  }
  const regex = map.map('regex_rewrite');
  if (regex === undefined) return { middlewares: [] };
  const pattern = regexOf(context, regex, 'pattern');
  const value = map.get('regex_rewrite') ?? path.value;
  const replacement = (regex.text('substitution') ?? '').replaceAll('$', '$$$$').replace(/\\(\d)/g, '${$1}');
  if (pattern === undefined) return { middlewares: [] };
  context.report.taken(value, 'regex_rewrite', 'middleware rewriteRegex');
  return {
    middlewares: [middlewares.add('rewriteRegex', { pattern, replacement: plainGroups(replacement) }, 'rewrite')],
  };
}

/** `${1}` as `$1` where no digit or letter follows: a brace behind a dollar sign would be a variable. */
function plainGroups(text: string): string {
  return text.replace(/\$\{(\d)\}(?![0-9A-Za-z_])/g, '$$$1');
}

function readTimeouts(context: Context, map: SourceMap): DraftMap {
  const timeouts: DraftMap = {};
  const whole = context.durationMs(map, 'timeout');
  const idle = context.durationMs(map, 'idle_timeout');
  if (whole !== undefined) {
    timeouts['response'] = duration(whole);
    context.taken(map, 'timeout', 'timeouts.response, up to the head of the answer');
  }
  if (idle !== undefined) {
    timeouts['idle'] = duration(idle);
    context.taken(map, 'idle_timeout', 'timeouts.idle');
  }
  return timeouts;
}

/** Envoy lets requests switch to what is named, and to nothing by default. */
function readUpgrades(world: ActionWorld, map: SourceMap): string[] {
  const { context } = world;
  const names = new Set(world.upgrades);
  for (const one of map.maps('upgrade_configs')) {
    const type = one.text('upgrade_type')?.toLowerCase() ?? '';
    const value = one.get('upgrade_type');
    const isOn = context.flag(one, 'enabled') !== false;
    readDeep(one.get('connect_config'));
    if (type === 'connect' || type === 'connect-udp') {
      if (value !== undefined && isOn) context.report.left(value, value.shown, 'CONNECT is refused');
    } else if (isOn) names.add(type);
    else names.delete(type);
    context.taken(one, 'upgrade_type', 'upgrades');
  }
  return [...names];
}

/** True where the backend sees its own name as Host. */
function readHost(context: Context, map: SourceMap, clusters: readonly Cluster[]): boolean {
  const auto = map.get('auto_host_rewrite');
  if (auto !== undefined && context.flag(map, 'auto_host_rewrite') === true) {
    context.report.taken(auto, auto.shown, 'security.forwardHostHeaders: false');
    return true;
  }
  for (const name of ['host_rewrite_header', 'host_rewrite_path_regex']) {
    const value = map.get(name);
    readDeep(value);
    if (value !== undefined) context.loses('host_rewrite', value, 'Host is that of the client or of the endpoint');
  }
  const value = map.get('host_rewrite_literal');
  const literal = map.text('host_rewrite_literal');
  if (value === undefined || literal === undefined) return false;
  const hosts = clusters.flatMap(({ backends }) => backends.map(({ host }) => host));
  if (hosts.length > 0 && hosts.every((host) => host.toLowerCase() === literal.toLowerCase())) {
    context.report.taken(value, value.shown, 'security.forwardHostHeaders: false: it is that of the endpoint');
    return true;
  }
  context.loses('host_rewrite', value, 'Host is that of the client or of the endpoint; name the endpoint so');
  return false;
}

function readHash(context: Context, map: SourceMap): DraftValue[] {
  return map.maps('hash_policy').flatMap((one): DraftMap[] => {
    context.flag(one, 'terminal');
    const header = one.map('header')?.text('header_name');
    const cookie = one.map('cookie');
    const source = one.map('connection_properties');
    if (header !== undefined) return [{ source: 'header', name: header }];
    if (cookie !== undefined) {
      for (const name of ['ttl', 'path', 'attributes']) readDeep(cookie.get(name));
      return [{ source: 'cookie', name: cookie.text('name') ?? '' }];
    }
    if (source !== undefined && context.flag(source, 'source_ip') === true) return [{ source: 'address' }];
    for (const name of one.names) {
      const value = one.get(name);
      readDeep(value);
      if (value !== undefined) context.report.left(value, value.shown, 'hashOn knows headers, cookies and addresses');
    }
    return [];
  });
}
