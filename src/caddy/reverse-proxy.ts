// Caddy's `reverse_proxy` as the backends of a route.
import type { DraftMap } from '../import/draft.ts';
import type { SourceMap } from '../import/source-map.ts';
import { readAllOf } from './matchers.ts';

export type Backends = {
  /** target or backends, loadBalancing, healthCheck, timeouts. */
  readonly keys: DraftMap;
  readonly tls: DraftMap;
};

/** undefined where no request can be passed on, which is reported. */
export function readBackends(handler: SourceMap): Backends | undefined {
  const { report } = handler.reading;
  const transport = handler.map('transport');
  const protocol = transport?.text('protocol') ?? 'http';
  if (protocol !== 'http') {
    if (transport !== undefined) readAllOf(transport);
    report.loses(
      'route_left_out',
      transport ?? handler,
      `transport ${protocol}`,
      'programs are not run by the gateway',
    );
    return undefined;
  }
  const tls = transport?.mapOrEmpty('tls');
  const dynamic = handler.get('dynamic_upstreams');
  if (dynamic !== undefined) {
    if (dynamic.map !== undefined) readAllOf(dynamic.map);
    report.loses(
      'backend_choice',
      dynamic,
      'dynamic_upstreams',
      'backends are named; all addresses of a name are used',
    );
  }
  const scheme = tls === undefined ? 'http' : 'https';
  const endpoints = handler.maps('upstreams').flatMap((upstream): DraftMap[] => {
    const dial = upstream.get('dial');
    upstream.get('max_requests');
    const text = dial?.text?.replace(/^tcp[46]?\//, '') ?? '';
    if (dial === undefined || !/^(?:\[[^\]]+\]|[^:/{}]*):\d+$/.test(text)) {
      report.loses(
        'backend_choice',
        dial ?? upstream,
        dial?.shown ?? 'dial',
        'a backend is a host and a port, reached by TCP',
      );
      return [];
    }
    report.taken(dial, dial.shown, 'target, backends');
    return [{ endpoint: `${scheme}://${text.startsWith(':') ? `localhost${text}` : text}` }];
  });
  if (endpoints.length === 0) return undefined;
  const keys: DraftMap = {};
  const balancing = handler.map('load_balancing');
  if (balancing !== undefined) readBalancing(balancing, endpoints, keys);
  const health = handler.map('health_checks');
  const active = health?.map('active');
  if (active !== undefined) keys.healthCheck = readHealth(active);
  const passive = health?.get('passive');
  if (passive?.map !== undefined) readAllOf(passive.map);
  for (const name of [
    'flush_interval',
    'buffer_requests',
    'buffer_responses',
    'request_buffers',
    'response_buffers',
    'max_buffer_size',
    'stream_timeout',
    'stream_close_delay',
    'stream_buffer_size',
    'verbose_logs',
  ]) {
    const value = handler.get(name);
    if (value !== undefined) report.left(value, value.shown, 'the gateway has its own way');
  }
  const proxies = handler.get('trusted_proxies');
  if (proxies !== undefined)
    report.changed(proxies, 'trusted_proxies', 'said once for the gateway: gateway.proxy.trustedProxies');
  const [only, second] = endpoints;
  const where: DraftMap =
    only !== undefined && second === undefined ? { target: only.endpoint ?? '' } : { backends: endpoints };
  const timeouts = transport === undefined ? {} : readTimeouts(transport);
  return {
    keys: { ...where, ...keys, ...(Object.keys(timeouts).length > 0 && { timeouts }) },
    tls: tls === undefined ? {} : readTls(tls),
  };
}

function readBalancing(balancing: SourceMap, endpoints: DraftMap[], keys: DraftMap): void {
  const { report } = balancing.reading;
  const retries = balancing.get('retries');
  for (const name of ['try_duration', 'try_interval', 'retry_match']) {
    const value = balancing.get(name);
    if (value !== undefined) report.left(value, name, 'what could not be connected goes to another backend at once');
  }
  if (retries?.text !== undefined) keys.retry = { attempts: Math.min(10, Number(retries.text) + 1) };
  const selection = balancing.map('selection_policy');
  if (selection === undefined) return;
  const policy = selection.text('policy') ?? '';
  const said = (says: string): void => report.taken(selection, `selection_policy ${policy}`, says);
  switch (policy) {
    case 'random':
    case 'round_robin':
      return said('loadBalancing');
    case 'least_conn':
    case 'random_choose':
      selection.get('choose');
      keys.loadBalancing = 'leastRequest';
      return said('loadBalancing: leastRequest');
    case 'ip_hash':
    case 'client_ip_hash':
      Object.assign(keys, { loadBalancing: 'hash', hashOn: [{ source: 'address' }] });
      return said('loadBalancing: hash');
    case 'header':
      Object.assign(keys, {
        loadBalancing: 'hash',
        hashOn: [{ source: 'header', name: selection.text('field') ?? '' }],
      });
      selection.get('fallback')?.map?.readAll();
      return said('loadBalancing: hash');
    case 'cookie':
      keys.sticky = { cookie: selection.text('name') ?? 'lb' };
      readAllOf(selection);
      return said('sticky');
    case 'first':
      for (const endpoint of endpoints.slice(1)) endpoint.backup = true;
      return said('backups');
    case 'weighted_round_robin':
      for (const [i, { text }] of selection.items('weights').entries()) {
        const endpoint = endpoints[i];
        if (endpoint !== undefined) endpoint.weight = Number(text ?? 1);
      }
      return said('weight');
    default:
      readAllOf(selection);
      return report.changed(selection, `selection_policy ${policy}`, 'backends are chosen in turns');
  }
}

function readHealth(active: SourceMap): DraftMap {
  const { report } = active.reading;
  const check: DraftMap = {};
  const path = active.text('uri') ?? active.text('path');
  if (path !== undefined) check.path = path;
  for (const name of ['interval', 'timeout'] as const) {
    const text = active.text(name);
    if (text !== undefined) check[name] = durationOf(text);
  }
  const status = Number(active.text('expect_status') ?? 0);
  if (status >= 100) check.healthyStatuses = [status];
  for (const name of [
    'port',
    'headers',
    'max_size',
    'expect_body',
    'follow_redirects',
    'upstream',
    'method',
    'body',
    'passes',
    'fails',
  ]) {
    const value = active.get(name);
    value?.map?.readAll();
    if (value !== undefined)
      report.changed(value, name, 'the backend is asked by GET as requests reach it, and its status counts');
  }
  report.taken(active, 'health_checks.active', 'healthCheck');
  return check;
}

/** Caddy’s are nanoseconds in JSON. */
export function durationOf(text: string): string {
  if (!/^\d+$/.test(text)) return text;
  const ms = Math.round(Number(text) / 1e6);
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

function readTimeouts(transport: SourceMap): DraftMap {
  const { report } = transport.reading;
  const timeouts: DraftMap = {};
  const dial = transport.text('dial_timeout');
  const head = transport.text('response_header_timeout');
  if (dial !== undefined && dial !== '0') timeouts.connect = durationOf(dial);
  if (head !== undefined) timeouts.response = durationOf(head);
  const versions = transport.get('versions');
  if (versions?.items.some(({ text }) => text === 'h2c') === true)
    report.loses('backend_choice', versions, 'versions', 'HTTP/2 to backends is spoken over TLS only');
  const header = transport.get('proxy_protocol');
  if (header !== undefined) report.changed(header, header.shown, 'write sendProxyProtocol');
  for (const name of [
    'compression',
    'keep_alive',
    'read_buffer_size',
    'write_buffer_size',
    'max_response_header_size',
    'read_timeout',
    'write_timeout',
    'expect_continue_timeout',
    'max_conns_per_host',
    'resolver',
    'dial_fallback_delay',
    'local_address',
    'network_proxy',
    'forward_proxy_url',
  ]) {
    const value = transport.get(name);
    value?.map?.readAll();
    if (value !== undefined) report.left(value, name, 'networking.transport has its own keys');
  }
  return timeouts;
}

function readTls(tls: SourceMap): DraftMap {
  const { report } = tls.reading;
  const ours: DraftMap = {};
  const ca = tls.map('ca');
  const provider = ca?.text('provider');
  const files = [...tls.items('root_ca_pem_files'), ...(provider === 'file' ? (ca?.items('pem_files') ?? []) : [])];
  const inline = [
    ...tls.items('root_ca_pool'),
    ...(provider === 'inline' ? (ca?.items('trusted_ca_certs') ?? []) : []),
  ];
  const roots = [...files, ...inline].flatMap(({ text }) => text ?? []);
  const [root, second] = roots;
  if (ca !== undefined && provider !== 'file' && provider !== 'inline') {
    readAllOf(ca);
    report.refuse(
      'ca_provider',
      ca,
      `ca ${provider ?? ''}`,
      'where the CA comes from has no counterpart: write security.tls.rootCAs',
    );
  }
  if (root !== undefined) ours.rootCAs = root;
  if (second !== undefined)
    report.refuse('several_cas', tls, 'tls', 'put the CAs into one file: rootCAs of a route is one');
  const cert = tls.get('client_certificate_file');
  const key = tls.get('client_certificate_key_file');
  if (cert?.text !== undefined && key?.text !== undefined) {
    Object.assign(ours, { clientCert: cert.text, clientKey: key.text });
    report.taken(cert, cert.shown, 'security.tls.clientCert');
  }
  const automated = tls.get('client_certificate_automate');
  if (automated !== undefined)
    report.refuse(
      'certificate_not_a_file',
      automated,
      automated.shown,
      'certificates are files here: write security.tls.clientCert',
    );
  const name = tls.text('server_name');
  if (name !== undefined && !name.includes('{')) ours.serverName = name;
  const skip = tls.get('insecure_skip_verify');
  if (skip?.text === 'true')
    report.changed(
      skip,
      skip.shown,
      'the certificate of the backend IS verified here: give security.tls.rootCAs, or a pin in allowedSPKI',
    );
  for (const other of ['handshake_timeout', 'renegotiation', 'except_ports', 'curves']) {
    const value = tls.get(other);
    if (value !== undefined) report.left(value, value.shown, 'the gateway has its own way');
  }
  report.taken(tls, 'transport.tls', 'security.tls');
  return ours;
}
