// The HTTP connection manager: routes, filters, and what is said of the client to backends.
import type { DraftMap } from '../import/draft.ts';
import type { SourceMap } from '../import/source-map.ts';
import type { Cluster } from './cluster.ts';
import { type Context, readDeep } from './context.ts';
import type { Entry } from './entry.ts';
import { readHttpFilters } from './http-filters.ts';
import type { DraftMiddlewares } from '../import/draft-middlewares.ts';
import { readRouteTable } from './virtual-hosts.ts';
import type { SourceValue } from '../import/source-map.ts';

export type ConnectionManager = {
  readonly entries: readonly Entry[];
  /** `forwardClientCert`. */
  readonly forward: DraftMap;
  /** False where HTTP/1.1 alone is spoken. */
  readonly http2: boolean;
  readonly maxStreams: number | undefined;
};

export type ManagerWorld = {
  readonly context: Context;
  readonly middlewares: DraftMiddlewares;
  readonly findCluster: (name: string, at: SourceValue) => Promise<Cluster | undefined>;
};

const modes: readonly string[] = ['SANITIZE', 'FORWARD_ONLY', 'APPEND_FORWARD', 'SANITIZE_SET', 'ALWAYS_FORWARD_ONLY'];
const ours: Readonly<Record<string, string>> = {
  SANITIZE: 'sanitize',
  FORWARD_ONLY: 'forwardOnly',
  APPEND_FORWARD: 'appendForward',
  SANITIZE_SET: 'sanitizeSet',
  ALWAYS_FORWARD_ONLY: 'alwaysForwardOnly',
};

/** Has no counterpart, and opens nothing. */
const left: Readonly<Record<string, string>> = {
  stat_prefix: 'metrics are named by route',
  access_log: 'gateway.accessLog writes to standard output',
  access_log_options: 'gateway.accessLog',
  tracing: 'no traces are sent',
  generate_request_id: 'every request has an id',
  request_id_extension: 'every request has an id',
  always_set_request_id_in_response: 'answers carry the id',
  server_name: 'the Server field of backends passes',
  server_header_transformation: 'the Server field of backends passes',
  via: 'no Via is written',
  http_protocol_options: 'HTTP/1.1 is read strictly',
  http3_protocol_options: 'HTTP/3 is not spoken',
  max_request_headers_kb: 'heads have a limit of their own',
  stream_idle_timeout: 'gateway.timeouts and timeouts of routes',
  stream_flush_timeout: 'gateway.timeouts.write',
  request_timeout: 'gateway.timeouts.read',
  request_headers_timeout: 'a head has ten seconds',
  drain_timeout: 'gateway.timeouts.drain',
  delayed_close_timeout: 'gateway.timeouts',
  add_user_agent: 'nothing is added',
  normalize_path: 'paths are normalised always',
  merge_slashes: 'empty segments are dropped always',
  path_with_escaped_slashes_action: '%2F is refused unless a route says allowEncodedSlash',
  path_normalization_options: 'paths are normalised always',
  strip_matching_host_port: 'the port of Host is not looked at',
  strip_any_host_port: 'the port of Host is not looked at',
  strip_trailing_host_dot: 'a dot at the end is not looked at',
  use_remote_address: 'the address of the connection counts, and what proxies of gateway.proxy.trustedProxies say',
  xff_num_trusted_hops: "write gateway.proxy.trustedProxies: until then nobody's X-Forwarded-For is believed",
  original_ip_detection_extensions: 'write gateway.proxy.trustedProxies',
  internal_address_config: 'no address is internal',
  skip_xff_append: 'X-Forwarded-For is written always',
  represent_ipv4_remote_address_as_ipv4_mapped_ipv6: 'IPv4 is written as IPv4',
  proxy_100_continue: '100 Continue passes',
  stream_error_on_invalid_http_message: 'the connection is closed',
  local_reply_config: 'write errorInterceptor',
  proxy_status_config: 'no Proxy-Status is written',
  typed_header_validation_config: 'HTTP is read strictly',
  scheme_header_transformation: 'the scheme is that of the connection',
  append_x_forwarded_port: 'no X-Forwarded-Port is written',
  append_local_overload: 'nothing is written',
  add_proxy_protocol_connection_state: 'nothing is written',
  append_local_rate_limit: 'nothing is written',
  max_requests_per_connection: 'connections are kept',
  preserve_external_request_id: 'write requestId.keepFrom',
};

export async function readConnectionManager(world: ManagerWorld, hcm: SourceMap): Promise<ConnectionManager> {
  const { context, middlewares } = world;
  for (const [name, says] of Object.entries(left)) {
    const value = hcm.getEmpty(name);
    readDeep(value);
    if (value !== undefined) context.report.left(value, value.shown, says);
  }
  const common = hcm.getEmpty('common_http_protocol_options');
  readDeep(common);
  if (common !== undefined)
    context.report.left(
      common,
      'common_http_protocol_options',
      'gateway.timeouts; spellings of field names with _ that claim something of the client are removed always',
    );
  const http2 = hcm.mapOrEmpty('http2_protocol_options');
  const maxStreams = http2 && context.number(http2, 'max_concurrent_streams');
  if (http2 !== undefined) {
    if (maxStreams !== undefined) context.taken(http2, 'max_concurrent_streams', 'gateway.http2.maxConcurrentStreams');
    for (const name of http2.names) readDeep(http2.getEmpty(name));
  }
  const codec = context.word(hcm, 'codec_type', ['AUTO', 'HTTP1', 'HTTP2', 'HTTP3']) ?? 'AUTO';
  context.taken(hcm, 'codec_type', codec === 'HTTP1' ? 'gateway.http2.enabled: false' : 'HTTP/1.1 and HTTP/2');
  const filters = await readHttpFilters(context, hcm, middlewares);
  const upgrades = readUpgrades(context, hcm);
  const table = findTable(context, hcm);
  const entries = table === undefined ? [] : await readRouteTable({ ...world, upgrades }, table, filters);
  const forward = { ...readForward(context, hcm), ...(filters.rfc9440 && { rfc9440: filters.rfc9440 }) };
  return { entries, forward, http2: codec !== 'HTTP1', maxStreams };
}

function findTable(context: Context, hcm: SourceMap): SourceMap | undefined {
  const inline = hcm.map('route_config');
  if (inline !== undefined) return inline;
  const rds = hcm.map('rds');
  const value = hcm.get('rds') ?? hcm.get('scoped_routes') ?? hcm.get('name');
  const known = context.routeConfigs.get(rds?.text('route_config_name') ?? '');
  readDeep(hcm.get('rds'));
  readDeep(hcm.get('scoped_routes'));
  if (known === undefined)
    context.report.refuse(
      'dynamic_routes',
      value ?? hcm,
      value?.shown ?? 'route_config',
      'its routes are not in this file: import what /config_dump of its admin address says',
    );
  return known;
}

function readUpgrades(context: Context, hcm: SourceMap): string[] {
  return hcm.maps('upgrade_configs').flatMap((one) => {
    const type = one.text('upgrade_type')?.toLowerCase() ?? '';
    const value = one.get('upgrade_type');
    const filters = one.get('filters');
    readDeep(filters);
    if (filters !== undefined) context.loses('request_filter', filters, 'filters for upgrades alone');
    if (value !== undefined && type.startsWith('connect')) {
      context.report.left(value, value.shown, 'CONNECT is refused');
      context.flag(one, 'enabled');
      return [];
    }
    context.taken(one, 'upgrade_type', 'upgrades of routes');
    return context.flag(one, 'enabled') === false ? [] : [type];
  });
}

/** What Envoy sends of its own is less than what is sent here by default, so all of it is written. */
function readForward(context: Context, hcm: SourceMap): DraftMap {
  const word = context.word(hcm, 'forward_client_cert_details', modes) ?? 'SANITIZE';
  context.taken(hcm, 'forward_client_cert_details', 'gateway.forwardClientCert.mode');
  const details = hcm.map('set_current_client_cert_details');
  const parts = Object.fromEntries(
    ['subject', 'uri', 'dns', 'cert', 'chain'].map((name) => [
      name,
      details !== undefined && context.flag(details, name) === true,
    ]),
  );
  const value = hcm.get('set_current_client_cert_details');
  if (value !== undefined)
    context.report.taken(value, 'set_current_client_cert_details', 'gateway.forwardClientCert.xfcc');
  const mode = ours[word] ?? 'sanitize';
  if (mode !== 'sanitizeSet' && mode !== 'appendForward') return { mode };
  const xfcc: DraftMap = {};
  for (const name of ['subject', 'uri', 'dns']) if (parts[name] === false) xfcc[name] = false;
  for (const name of ['cert', 'chain']) if (parts[name] === true) xfcc[name] = true;
  return Object.keys(xfcc).length === 0 ? { mode } : { mode, xfcc };
}
