// A listener: its address, its filter chains, what it reads before TLS. A condition on anything but the server name is a loss.
import type { SourceMap, SourceValue } from '../import/source-map.ts';
import { readAddress } from './cluster.ts';
import { type ConnectionManager, type ManagerWorld, readConnectionManager } from './connection-manager.ts';
import { type Context, readDeep, typeOf } from './context.ts';
import { type DownstreamTls, readDownstreamTls } from './downstream-tls.ts';
import { readRawForward, type RawForward } from './tcp-proxy.ts';

export type Chain = {
  /** As it is called in the file, else after its first server name. */
  readonly name: string;
  readonly serverNames: readonly string[];
  readonly tls: DownstreamTls | undefined;
  readonly manager: ConnectionManager | undefined;
  readonly raw: RawForward | undefined;
  readonly value: SourceMap;
};

export type Listener = {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly chains: readonly Chain[];
  /** Every connection has to begin with a PROXY header. */
  readonly proxyProtocol: boolean;
  readonly value: SourceMap;
};

const left: Readonly<Record<string, string>> = {
  stat_prefix: 'metrics are named by entry point',
  per_connection_buffer_limit_bytes: 'buffers have limits of their own',
  metadata: 'opens nothing',
  drain_type: 'gateway.timeouts.drain',
  listener_filters_timeout: 'tls.handshakeTimeout',
  continue_on_listener_filters_timeout: 'who is silent for tls.handshakeTimeout is refused',
  transparent: 'addresses are those of this machine',
  freebind: 'addresses are those of this machine',
  socket_options: 'sockets have the options of the system',
  tcp_fast_open_queue_length: 'sockets have the options of the system',
  traffic_direction: 'opens nothing',
  connection_balance_config: 'workers take connections as they come',
  reuse_port: 'workers share the port',
  enable_reuse_port: 'workers share the port',
  access_log: 'gateway.accessLog',
  tcp_backlog_size: 'sockets have the options of the system',
  max_connections_to_accept_per_socket_event: 'opens nothing',
  enable_mptcp: 'sockets have the options of the system',
  ignore_global_conn_limit: 'there is no such limit',
  bypass_overload_manager: 'there is no such limit',
};

/** Undefined where it is left out, or refused: that was said. */
export async function readListener(world: ManagerWorld, map: SourceMap): Promise<Listener | undefined> {
  const { context } = world;
  map.text('@type');
  const name = map.text('name');
  const address = map.map('address');
  const udp = map.get('udp_listener_config');
  readDeep(udp);
  const socket = address?.map('socket_address');
  if (udp !== undefined || socket?.text('protocol')?.toUpperCase() === 'UDP') {
    for (const one of map.names) readDeep(map.get(one));
    context.report.left(
      udp ?? map.get('address') ?? map,
      name ?? 'listener',
      'HTTP/3 and UDP are not spoken: its clients come over TCP',
    );
    return undefined;
  }
  for (const [one, says] of Object.entries(left)) {
    const value = map.getEmpty(one);
    readDeep(value);
    if (value !== undefined) context.report.left(value, value.shown, says);
  }
  for (const one of [
    'use_original_dst',
    'filter_chain_matcher',
    'additional_addresses',
    'api_listener',
    'internal_listener',
    'bind_to_port',
  ]) {
    const value = map.get(one);
    readDeep(value);
    if (value === undefined || value.text?.toLowerCase() === (one === 'bind_to_port' ? 'true' : 'false')) continue;
    context.report.refuse('listener_kind', value, value.shown, 'has no counterpart');
  }
  const at = address && readAddress(context, address);
  if (address === undefined) context.report.refuse('bad_value', map, 'listener', 'has no address');
  const proxyProtocol = readListenerFilters(context, map);
  const written = map.items('filter_chains').flatMap(({ map: one }) => one ?? []);
  const fallback = map.map('default_filter_chain');
  const chains: Chain[] = [];
  for (const one of fallback === undefined ? written : [...written, fallback]) {
    const chain = await readChain(world, one, name ?? 'listener');
    if (chain !== undefined) chains.push(chain);
  }
  if (at === undefined) return undefined;
  return { name: name ?? `port-${at.port}`, host: at.host, port: at.port, chains, proxyProtocol, value: map };
}

/** True where connections begin with a PROXY header. */
function readListenerFilters(context: Context, map: SourceMap): boolean {
  let proxy = false;
  for (const value of map.items('listener_filters')) {
    const filter = value.map;
    const name = filter?.text('name') ?? '';
    const config = filter?.map('typed_config');
    const type = config === undefined ? '' : typeOf(config);
    const at = filter?.get('name') ?? value;
    const allows = config?.get('allow_requests_without_proxy_protocol');
    const isOpen =
      config !== undefined &&
      allows !== undefined &&
      context.flag(config, 'allow_requests_without_proxy_protocol') === true;
    readDeep(value);
    if (type === 'TlsInspector' || name.endsWith('tls_inspector'))
      context.report.taken(at, name, 'server names are read always');
    else if (type === 'HttpInspector' || name.endsWith('http_inspector'))
      context.report.left(at, name, 'what is spoken shows by itself');
    else if (type === 'ProxyProtocol' || name.endsWith('proxy_protocol')) {
      if (isOpen && allows !== undefined) {
        context.loses(
          'proxy_header',
          allows,
          'a header is required or refused here, by address: write proxyProtocol.from by hand',
        );
        continue;
      }
      proxy = true;
      context.report.changed(at, name, 'proxyProtocol from every address, as there: name your balancers in from');
    } else if (/LocalRateLimit/.test(type)) context.loses('rate_limit', at, 'write clientLimits');
    else context.loses('chain_match', at, `the listener filter ${type || name} has no counterpart`);
  }
  return proxy;
}

async function readChain(world: ManagerWorld, map: SourceMap, around: string): Promise<Chain | undefined> {
  const { context } = world;
  const serverNames = readMatch(context, map);
  const written = map.text('name');
  if (map.has('tls_context')) {
    const value = map.get('tls_context');
    readDeep(value);
    context.report.refuse(
      'v2_api',
      value ?? map,
      'tls_context',
      "is of Envoy's API v2, which Envoy itself refuses today",
    );
  }
  for (const one of ['metadata', 'transport_socket_connect_timeout', 'on_demand_configuration']) {
    const value = map.get(one);
    readDeep(value);
    if (value !== undefined) context.report.left(value, value.shown, 'tls.handshakeTimeout');
  }
  const old = map.get('use_proxy_proto');
  if (old !== undefined && context.flag(map, 'use_proxy_proto') === true)
    context.report.refuse('proxy_protocol', old, old.shown, 'write the listener filter proxy_protocol in its place');
  const name = written ?? serverNames[0]?.replace(/^\*\./, '') ?? around;
  const socket = map.map('transport_socket');
  const tls =
    socket === undefined
      ? undefined
      : await readSocket(context, socket, serverNames.length > 0 ? `gateway.tls.policies.${name}` : 'gateway.tls');
  const { manager, raw } = await readFilters(world, map, tls !== undefined || (socket !== undefined && !isRaw(socket)));
  return { name, serverNames, tls, manager, raw, value: map };
}

function isRaw(socket: SourceMap): boolean {
  const config = socket.map('typed_config');
  return config !== undefined && typeOf(config) === 'RawBuffer';
}

async function readSocket(context: Context, socket: SourceMap, path: string): Promise<DownstreamTls | undefined> {
  socket.text('name');
  if (isRaw(socket)) return undefined;
  const tls = context.typed(socket, 'DownstreamTlsContext');
  if (tls === undefined && !context.report.failed)
    context.report.refuse('bad_type', socket, 'transport_socket', 'has to be a DownstreamTlsContext');
  return tls && readDownstreamTls(context, tls, path);
}

/** Server names; every other condition is a loss. */
function readMatch(context: Context, map: SourceMap): readonly string[] {
  const match = map.map('filter_chain_match');
  if (match === undefined) return [];
  const names = match.items('server_names').flatMap((item) => {
    if (item.text === undefined) context.report.refuse('bad_value', item, item.shown, 'has to be a name');
    else context.report.taken(item, item.text, 'gateway.tls.policies[].hosts');
    return item.text?.toLowerCase() ?? [];
  });
  const transport = match.get('transport_protocol');
  const protocol = match.text('transport_protocol');
  if (transport !== undefined && protocol === 'tls' && (map.has('transport_socket') || names.length > 0))
    context.report.taken(transport, transport.shown, 'TLS');
  else if (transport !== undefined && protocol === 'raw_buffer' && !map.has('transport_socket'))
    context.report.taken(transport, transport.shown, 'plain HTTP');
  else if (transport !== undefined)
    context.loses('chain_match', transport, 'TLS and plain HTTP have ports of their own');
  for (const name of match.names) {
    if (name === 'server_names' || name === 'transport_protocol') continue;
    const value = match.get(name);
    readDeep(value);
    if (value !== undefined) context.loses('chain_match', value, 'chains are chosen by server name alone');
  }
  return names;
}

type Filters = { readonly manager: ConnectionManager | undefined; readonly raw: RawForward | undefined };

async function readFilters(world: ManagerWorld, map: SourceMap, isTls: boolean): Promise<Filters> {
  const { context } = world;
  let result: Filters = { manager: undefined, raw: undefined };
  const filters = map.items('filters');
  if (filters.length === 0) context.report.refuse('bad_value', map, 'filter_chains', 'has no filters');
  for (const value of filters) {
    const filter = value.map;
    const config = filter?.map('typed_config');
    const name = filter?.text('name') ?? '';
    const type = config === undefined ? '' : typeOf(config);
    const at = filter?.get('name') ?? value;
    if (
      filter !== undefined &&
      config !== undefined &&
      type === 'HttpConnectionManager' &&
      !/\.v2\./.test(config.text('@type') ?? '')
    ) {
      context.report.taken(at, name, 'gateway.routes');
      result = { ...result, manager: await readConnectionManager(world, config) };
    } else if (config !== undefined && type === 'TcpProxy' && !/\.v2\./.test(config.text('@type') ?? '')) {
      const raw = await readRawForward(world, config, at, isTls);
      result = { ...result, raw };
    } else readOther(context, value, at, name, type);
  }
  return result;
}

function readOther(context: Context, value: SourceValue, at: SourceValue, name: string, type: string): void {
  const isV2 =
    value.map?.has('config') === true ||
    /\.v2\.|envoy\.api\.v2/.test(value.map?.map('typed_config')?.text('@type') ?? '');
  readDeep(value);
  if (isV2) context.report.refuse('v2_api', at, name, "is of Envoy's API v2, which Envoy itself refuses today");
  else if (type === 'ConnectionLimit' || type === 'LocalRateLimit' || type === 'RateLimit')
    context.loses('rate_limit', at, 'write gateway.clientLimits');
  else if (type === 'RBAC')
    context.loses('identity_rule', at, 'write clientAuth.allowedSANs, or a middleware accessPolicy');
  else if (type === 'ClientSSLAuth')
    context.loses('certificate_rule', at, 'the fingerprints come from a server; write allowedFingerprints');
  else if (type === 'ExtAuthz')
    context.loses('external_authorization', at, 'connections are not asked about elsewhere');
  else if (/client_ssl_auth/.test(name))
    context.loses('certificate_rule', at, 'the fingerprints come from a server; write allowedFingerprints');
  else context.loses('raw_connections', at, `the network filter ${type || name} has no counterpart`);
}
