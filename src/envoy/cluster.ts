// A cluster as what a route needs to reach it: endpoints, TLS, health check, balancing. Clusters that another server or the client decides
// about have no counterpart in a file.
import type { DraftMap } from '../import/draft.ts';
import type { SourceMap, SourceValue } from '../import/source-map.ts';
import { type Context, duration, readDeep, typeOf } from './context.ts';
import { readHealthCheck } from './health-check.ts';
import { readUpstreamTls } from './upstream-tls.ts';

export type Backend = {
  readonly host: string;
  readonly port: number;
  readonly weight: number;
  readonly backup: boolean;
};

export type Cluster = {
  readonly name: string;
  readonly backends: readonly Backend[];
  readonly isWeighted: boolean;
  /** `security.tls`; undefined: plain text. */
  readonly tls: DraftMap | undefined;
  readonly loadBalancing: string | undefined;
  readonly healthCheck: DraftMap | undefined;
  readonly connectTimeout: string | undefined;
  readonly sendProxyProtocol: string | undefined;
};

/** DiscoveryType by number. */
const types = ['STATIC', 'STRICT_DNS', 'LOGICAL_DNS', 'EDS', 'ORIGINAL_DST'];
const policies: Readonly<Record<string, string | undefined>> = {
  ROUND_ROBIN: undefined,
  LEAST_REQUEST: 'leastRequest',
  RING_HASH: 'hash',
  MAGLEV: 'hash',
  RANDOM: undefined,
};
const policyWords = [
  'ROUND_ROBIN',
  'LEAST_REQUEST',
  'RING_HASH',
  'RANDOM',
  '',
  'MAGLEV',
  'CLUSTER_PROVIDED',
  'LOAD_BALANCING_POLICY_CONFIG',
];

/** Has no counterpart, and opens nothing. */
const left: Readonly<Record<string, string>> = {
  alt_stat_name: 'metrics are named by route',
  per_connection_buffer_limit_bytes: 'buffers have limits of their own',
  max_requests_per_connection: 'networking.transport.maxConnectionDuration',
  circuit_breakers: 'networking.transport.maxConnsPerHost, maxPendingRequests',
  outlier_detection: 'backends are put aside after failed connects',
  dns_lookup_family: 'addresses of both kinds are tried',
  dns_refresh_rate: 'names are looked up as their time to live says',
  dns_failure_refresh_rate: 'networking.dnsCache.negativeTtl',
  dns_jitter: 'names are looked up as their time to live says',
  respect_dns_ttl: 'names are looked up as their time to live says',
  dns_resolvers: 'networking.dnsCache.resolver',
  dns_resolution_config: 'networking.dnsCache.resolver',
  typed_dns_resolver_config: 'networking.dnsCache.resolver',
  use_tcp_for_dns_lookups: 'networking.dnsCache.resolver',
  wait_for_warm_on_init: 'names are looked up when they are needed',
  common_lb_config: 'loadBalancing',
  round_robin_lb_config: 'loadBalancing',
  least_request_lb_config: 'loadBalancing: leastRequest takes the better of two',
  ring_hash_lb_config: 'loadBalancing: hash needs no ring',
  maglev_lb_config: 'loadBalancing: hash needs no table',
  upstream_connection_options: 'connections are kept alive',
  upstream_bind_config: 'the system chooses the address',
  metadata: 'opens nothing',
  close_connections_on_host_health_failure: 'requests under way go on',
  ignore_health_on_host_removal: 'opens nothing',
  track_cluster_stats: 'metrics are named by route',
  track_timeout_budgets: 'metrics are named by route',
  http_protocol_options: 'HTTP/1.1 is spoken as it is',
  common_http_protocol_options: 'networking.transport',
  upstream_http_protocol_options: 'server name and names are those of security.tls',
  protocol_selection: 'what the backend agrees to is spoken',
  connection_pool_per_downstream_connection: 'connections are shared by clients',
  preconnect_policy: 'connections are opened when they are needed',
  cleanup_interval: 'opens nothing',
  set_node_on_first_message_only: 'opens nothing',
};

/** Undefined where it cannot be taken over: that was said. */
export async function readCluster(context: Context, map: SourceMap): Promise<Cluster | undefined> {
  const { report } = context;
  const name = map.text('name') ?? '';
  if (map.has('hosts') || map.has('tls_context')) {
    const value = map.get('hosts') ?? map.get('tls_context') ?? map;
    report.refuse('v2_api', value, 'hosts', "is of Envoy's API v2, which Envoy itself refuses today");
    return undefined;
  }
  const custom = map.get('cluster_type');
  if (custom !== undefined) {
    report.refuse(
      'dynamic_backends',
      custom,
      custom.map?.text('name') ?? 'cluster_type',
      'where requests go is decided by requests there',
    );
    for (const field of map.names) readDeep(map.get(field));
    return undefined;
  }
  const type = context.word(map, 'type', types) ?? 'STATIC';
  const known = type === 'EDS' ? context.endpoints.get(serviceName(map) ?? name) : undefined;
  if ((type === 'EDS' && known === undefined) || type === 'ORIGINAL_DST') {
    for (const field of map.names) readDeep(map.get(field));
    const says =
      type === 'EDS' ? 'its endpoints come from another server' : 'it goes where the connection was meant for';
    report.refuse('dynamic_backends', map.get('type') ?? map, `type: ${type}`, says);
    return undefined;
  }
  if (known === undefined) context.taken(map, 'type', 'endpoints, looked up as their time to live says');
  else
    report.changed(
      map.get('type') ?? map,
      'type: EDS',
      'the endpoints of the day of the dump; nobody changes them here',
    );
  for (const [field, says] of Object.entries(left)) {
    const value = map.getEmpty(field);
    readDeep(value);
    if (value !== undefined) report.left(value, value.shown, says);
  }
  const backends = readEndpoints(context, known ?? map.map('load_assignment'));
  const { tls, sendProxyProtocol } = await readSocket(context, map);
  const balancing = context.word(map, 'lb_policy', policyWords) ?? 'ROUND_ROBIN';
  if (!(balancing in policies)) report.refuse('balancing', map.get('lb_policy') ?? map, balancing, 'is not known here');
  else context.taken(map, 'lb_policy', policies[balancing] ?? 'loadBalancing');
  const connectMs = context.durationMs(map, 'connect_timeout');
  if (connectMs !== undefined) context.taken(map, 'connect_timeout', 'timeouts.connect');
  readProtocol(context, map, tls);
  const healthCheck = readHealthCheck(context, map);
  if (backends.length === 0) {
    report.refuse('no_backend', map, `cluster ${name}`, 'has no endpoint');
    return undefined;
  }
  return {
    name,
    backends,
    isWeighted: new Set(backends.map(({ weight }) => weight)).size > 1,
    tls,
    loadBalancing: policies[balancing],
    healthCheck,
    // Five seconds are the default on both sides.
    connectTimeout: connectMs === undefined || connectMs === 5000 || connectMs === 0 ? undefined : duration(connectMs),
    sendProxyProtocol,
  };
}

function leave(context: Context, map: SourceMap | undefined, name: string, says: string): void {
  const value = map?.getEmpty(name);
  readDeep(value);
  if (value !== undefined) context.report.left(value, value.shown, says);
}

function serviceName(map: SourceMap): string | undefined {
  const config = map.map('eds_cluster_config');
  readDeep(config?.get('eds_config'));
  return config?.text('service_name');
}

function readEndpoints(context: Context, assignment: SourceMap | undefined): Backend[] {
  assignment?.text('cluster_name');
  leave(context, assignment, 'policy', 'requests are refused where a backend is short of connections');
  const localities = assignment?.maps('endpoints') ?? [];
  const lowest = Math.min(...localities.map((one) => context.number(one, 'priority') ?? 0));
  return localities.flatMap((locality) => {
    const priority = context.number(locality, 'priority') ?? 0;
    context.taken(locality, 'priority', priority > lowest ? 'backends[].backup: true' : 'backends');
    locality.map('locality')?.readAll();
    context.number(locality, 'load_balancing_weight');
    return locality.maps('lb_endpoints').flatMap((one) => readEndpoint(context, one, priority > lowest) ?? []);
  });
}

function readEndpoint(context: Context, map: SourceMap, backup: boolean): Backend | undefined {
  const status = context.word(map, 'health_status', [
    'UNKNOWN',
    'HEALTHY',
    'UNHEALTHY',
    'DRAINING',
    'TIMEOUT',
    'DEGRADED',
  ]);
  const endpoint = map.map('endpoint');
  endpoint?.text('hostname');
  leave(context, endpoint, 'health_check_config', 'probes go where requests go');
  leave(context, map, 'metadata', 'opens nothing');
  const weight = context.number(map, 'load_balancing_weight') ?? 1;
  const address = endpoint?.map('address');
  const socket = address === undefined ? undefined : readAddress(context, address);
  if (endpoint === undefined || socket === undefined) {
    if (address === undefined) context.report.refuse('bad_value', map, 'lb_endpoints', 'has no endpoint.address');
    return undefined;
  }
  const place = socket.value;
  if (status !== undefined && status !== 'UNKNOWN' && status !== 'HEALTHY' && status !== 'DEGRADED') {
    context.report.left(place, `${socket.host}:${socket.port}`, `is ${status} there, and gets no requests`);
    return undefined;
  }
  context.report.taken(place, `${socket.host}:${socket.port}`, 'an endpoint of its routes');
  return { host: socket.host, port: socket.port, weight, backup };
}

/** An Address with host and port. Undefined where it is another kind: that was refused. */
export function readAddress(
  context: Context,
  address: SourceMap,
): { host: string; port: number; value: SourceValue } | undefined {
  const socket = address.map('socket_address');
  const pipe = address.get('pipe') ?? address.get('envoy_internal_address');
  pipe?.map?.readAll();
  const value = address.get('socket_address') ?? pipe;
  if (socket === undefined || value === undefined) {
    context.report.refuse('not_an_address', value ?? address, value?.shown ?? 'address', 'has to be a host and a port');
    return undefined;
  }
  const protocol = context.word(socket, 'protocol', ['TCP', 'UDP']) ?? 'TCP';
  socket.text('ipv4_compat');
  const host = socket.text('address');
  const port = context.number(socket, 'port_value');
  if (host === undefined || port === undefined || port > 65_535 || protocol !== 'TCP') {
    context.report.refuse(
      'not_an_address',
      value,
      value.shown,
      protocol === 'UDP' ? 'UDP is not forwarded' : 'has to have address and port_value',
    );
    return undefined;
  }
  return { host, port, value };
}

type Socket = { readonly tls: DraftMap | undefined; readonly sendProxyProtocol: string | undefined };

async function readSocket(context: Context, around: SourceMap): Promise<Socket> {
  const socket = around.map('transport_socket');
  for (const name of ['transport_socket_matches', 'transport_socket_matcher']) {
    const value = around.get(name);
    for (const item of value?.items ?? []) item.map?.readAll();
    if (value !== undefined)
      context.report.refuse('several_sockets', value, name, 'one kind of connection for all endpoints');
  }
  if (socket === undefined) return { tls: undefined, sendProxyProtocol: undefined };
  socket.text('name');
  const config = socket.map('typed_config');
  const type = config === undefined ? '' : typeOf(config);
  if (config !== undefined && type === 'ProxyProtocolUpstreamTransport') {
    const settings = config.map('config');
    const version = (settings && context.word(settings, 'version', ['V1', 'V2'])) ?? 'V1';
    const inner = await readSocket(context, config);
    context.report.taken(config, 'upstream_proxy_protocol', `sendProxyProtocol: ${version.toLowerCase()}`);
    return { ...inner, sendProxyProtocol: version.toLowerCase() };
  }
  if (type === 'RawBuffer') return { tls: undefined, sendProxyProtocol: undefined };
  const tls = context.typed(socket, 'UpstreamTlsContext');
  return { tls: tls && (await readUpstreamTls(context, tls)), sendProxyProtocol: undefined };
}

/** HTTP/2 to the backend: over TLS as it is asked for; in plain text it is HTTP/1.1 here. */
function readProtocol(context: Context, map: SourceMap, tls: DraftMap | undefined): void {
  const old = map.getEmpty('http2_protocol_options');
  old?.map?.readAll();
  const options = map.map('typed_extension_protocol_options');
  let [value, isHttp2] = [old, old !== undefined];
  for (const name of options?.names ?? []) {
    const config = options?.map(name);
    if (config === undefined || typeOf(config) !== 'HttpProtocolOptions') continue;
    const explicit = config.map('explicit_http_config');
    const http2 = explicit?.getEmpty('http2_protocol_options');
    http2?.map?.readAll();
    const others = [
      explicit?.getEmpty('http_protocol_options'),
      config.getEmpty('auto_config'),
      config.getEmpty('use_downstream_protocol_config'),
    ];
    for (const other of others) readDeep(other);
    for (const rest of ['common_http_protocol_options', 'upstream_http_protocol_options'])
      readDeep(config.getEmpty(rest));
    const http3 = explicit?.getEmpty('http3_protocol_options');
    if (http3 !== undefined) context.report.changed(http3, 'http3_protocol_options', 'HTTP/2 or HTTP/1.1 is spoken');
    readDeep(http3);
    if (http2 !== undefined) [value, isHttp2] = [http2, true];
    else if (config.has('upstream_http_protocol_options'))
      context.report.changed(
        config,
        'upstream_http_protocol_options',
        'server name and names are those of security.tls',
      );
  }
  if (!isHttp2 || value === undefined) return;
  if (tls === undefined)
    context.report.changed(
      value,
      'HTTP/2 in plain text',
      'HTTP/1.1 is spoken: HTTP/2 needs TLS here, and gRPC needs HTTP/2',
    );
  else {
    tls['http2'] = 'on';
    context.report.taken(value, 'HTTP/2', 'security.tls.http2: on');
  }
}
