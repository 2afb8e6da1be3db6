// The HTTP servers of Caddy: where they listen, whether they speak TLS, which hosts they are for.
import type { DraftMap } from '../import/draft.ts';
import type { SourceMap } from '../import/source-map.ts';
import { readAllOf } from './matchers.ts';

export type Server = {
  readonly name: string;
  readonly source: SourceMap;
  readonly entries: readonly { readonly name: string; readonly address: string }[];
  readonly tls: boolean;
  /** Of its routes. */
  readonly hosts: readonly string[];
  /** Hosts for which certificates are ordered. */
  readonly orders: readonly string[];
  /** http:// is answered with a redirect. */
  readonly redirects: boolean;
  readonly trusted: readonly string[];
  readonly proxyProtocol: DraftMap | undefined;
  /** Whether every client of these hosts shows a certificate. */
  readonly requires: (hosts: readonly string[]) => boolean;
};

export function listServers(http: SourceMap | undefined): Server[] {
  if (http === undefined) return [];
  const { report } = http.reading;
  const httpPort = Number(http.text('http_port') ?? 80);
  for (const name of ['https_port', 'grace_period', 'shutdown_delay', 'metrics']) {
    const value = http.getEmpty(name);
    value?.map?.readAll();
    if (value !== undefined) report.left(value, name, 'timeouts and metrics have keys of their own');
  }
  const servers = http.map('servers');
  const taken = new Set<string>();
  return (servers?.names ?? []).flatMap((name) => {
    const source = servers?.map(name);
    return source === undefined ? [] : [readServer(name, source, httpPort, taken)];
  });
}

function readServer(name: string, source: SourceMap, httpPort: number, taken: Set<string>): Server {
  const { report } = source.reading;
  const listed = source.items('listen').flatMap((listen) => {
    const address = addressOf(listen.text ?? '');
    if (address === undefined)
      report.loses('listener_left_out', listen, listen.shown, 'an address of TCP with one port is listened on');
    else report.taken(listen, listen.shown, 'gateway.entryPoints');
    return address ?? [];
  });
  const addresses = [...new Set(listed)];
  const automatic = source.map('automatic_https');
  const isDisabled = automatic?.text('disable') === 'true';
  const noCertificates = automatic?.text('disable_certificates') === 'true';
  const noRedirects = automatic?.text('disable_redirects') === 'true';
  if (automatic !== undefined) readAllOf(automatic);
  const hosts = hostsOf(source);
  const policies = source.items('tls_connection_policies');
  const isPlainPort = addresses.every((address) => address.endsWith(`:${httpPort}`));
  const tls =
    policies.length > 0 ||
    (!isDisabled && !isPlainPort && hosts.length > 0) ||
    addresses.some((address) => address.endsWith(':443'));
  sayQuiet(source);
  const trustedMap = source.map('trusted_proxies');
  const trusted =
    trustedMap
      ?.items('ranges')
      .flatMap(({ text }) =>
        text === 'private_ranges'
          ? ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fd00::/8', '127.0.0.0/8', '::1']
          : (text ?? []),
      ) ?? [];
  if (trustedMap !== undefined) {
    readAllOf(trustedMap);
    report.taken(trustedMap, 'trusted_proxies', 'gateway.proxy.trustedProxies');
  }
  const required = requiredOf(source);
  return {
    name,
    source,
    entries: addresses.map((address) => ({ address, name: nameFor(address, tls, taken) })),
    tls,
    hosts,
    orders: tls && !isDisabled && !noCertificates ? hosts.filter((host) => !isGiven(source, host)) : [],
    redirects: tls && !isDisabled && !noRedirects && hosts.length > 0,
    trusted,
    proxyProtocol: readWrappers(source),
    requires: (some) => tls && required(some),
  };
}

/** A policy for it chooses among certificates that were loaded. */
function isGiven(source: SourceMap, host: string): boolean {
  return source.maps('tls_connection_policies').some((policy) => {
    const names = policy.map('match')?.items('sni') ?? [];
    return policy.has('certificate_selection') && names.some(({ text }) => text?.toLowerCase() === host);
  });
}

function sayQuiet(source: SourceMap): void {
  const { report } = source.reading;
  for (const name of [
    'logs',
    'protocols',
    'read_timeout',
    'read_header_timeout',
    'write_timeout',
    'idle_timeout',
    'keepalive_interval',
    'max_header_bytes',
    'enable_full_duplex',
    'metrics',
    'allow_h2c',
    'experimental_http3',
    'strict_sni_host',
    'client_ip_headers',
    'trusted_proxies_strict',
    'listen_protocols',
  ]) {
    const value = source.getEmpty(name);
    if (value?.map !== undefined) readAllOf(value.map);
    if (value !== undefined) report.left(value, name, 'timeouts, logs and protocols have keys of their own');
  }
  const errors = source.get('errors');
  if (errors?.map !== undefined) readAllOf(errors.map);
  if (errors !== undefined)
    report.changed(errors, 'errors', 'bodies of errors are the gateway’s own; errorInterceptor has others');
  const named = source.get('named_routes');
  if (named?.map !== undefined) readAllOf(named.map);
  if (named !== undefined) report.left(named, 'named_routes', 'where one is invoked, that is said');
}

/** `:443`, `127.0.0.1:8443`, `tcp/:80`. */
function addressOf(text: string): string | undefined {
  const plain = text.replace(/^tcp[46]?\//, '');
  const match = /^(localhost|\d+\.\d+\.\d+\.\d+|\[[0-9A-Fa-f:.]+\]|):(\d+)$/.exec(plain);
  if (match === null) return undefined;
  const host = match[1] === 'localhost' ? '127.0.0.1' : match[1] === '0.0.0.0' || match[1] === '[::]' ? '' : match[1];
  return `${host ?? ''}:${match[2]}`;
}

function nameFor(address: string, tls: boolean, taken: Set<string>): string {
  const main = tls ? 'webSecure' : 'web';
  const base = taken.has(main) ? `${tls ? 'tls' : 'http'}${address.replace(/^.*:/, '')}` : main;
  let name = base;
  for (let n = 2; taken.has(name); n++) name = `${base}-${n}`;
  taken.add(name);
  return name;
}

function hostsOf(source: SourceMap): string[] {
  const found = source.maps('routes').flatMap((route) => route.maps('match').flatMap((set) => set.items('host')));
  return [...new Set(found.flatMap(({ text }) => text?.toLowerCase().replace(/^\*\./, '{sub}.') ?? []))];
}

/** The first policy whose names cover a host says whether a certificate is demanded; where it is unclear, it is not. */
function requiredOf(source: SourceMap): (hosts: readonly string[]) => boolean {
  const policies = source.maps('tls_connection_policies').map((policy) => ({
    names:
      policy
        .map('match')
        ?.items('sni')
        .flatMap(({ text }) => text?.toLowerCase().replace(/^\*\./, '{sub}.') ?? []) ?? [],
    mode:
      policy.map('client_authentication')?.text('mode') ??
      (policy.has('client_authentication') ? 'require_and_verify' : ''),
  }));
  const isRequired = (host: string | undefined): boolean => {
    const policy = policies.find(({ names }) => names.length === 0 || (host !== undefined && names.includes(host)));
    return policy?.mode === 'require_and_verify' || policy?.mode === 'require';
  };
  return (hosts) => (hosts.length === 0 ? isRequired(undefined) : hosts.every(isRequired));
}

function readWrappers(source: SourceMap): DraftMap | undefined {
  const { report } = source.reading;
  let found: DraftMap | undefined;
  for (const wrapper of source.maps('listener_wrappers')) {
    const name = wrapper.text('wrapper');
    if (name === 'tls') continue;
    const allow = wrapper.items('allow').flatMap(({ text }) => text ?? []);
    readAllOf(wrapper);
    if (name === 'proxy_protocol' && allow.length > 0) {
      found = { from: allow };
      report.changed(
        wrapper,
        'proxy_protocol',
        'entryPoints.*.proxyProtocol: from these addresses the header is required',
      );
    } else if (name === 'proxy_protocol')
      report.refuse(
        'proxy_protocol_from_anybody',
        wrapper,
        'proxy_protocol',
        'a PROXY header is taken from balancers that are named: allow',
      );
    else if (name === 'http_redirect')
      report.changed(wrapper, 'http_redirect', 'plain HTTP on a port of TLS is not answered');
    else report.loses('unknown_field', wrapper, `listener_wrappers ${name ?? ''}`, 'the importer does not know it');
  }
  return found;
}
