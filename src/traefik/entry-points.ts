// Traefik's entry points: addresses, what holds for every router there, and whether one speaks TLS, which its routers say.
import type { DraftMap } from '../import/draft.ts';
import type { SourceMap, SourceValue } from '../import/source-map.ts';
import { isTrue } from './tls-options.ts';

export type TraefikEntry = {
  /** As routers call it. */
  readonly name: string;
  /** `:443`. */
  readonly address: string;
  readonly isDefault: boolean;
  /** `http.tls` for every router; its options. */
  readonly tls: { readonly options: string | undefined; readonly resolver: Resolver | undefined } | undefined;
  readonly middlewares: readonly SourceValue[];
  /** Every request is sent to https. */
  readonly redirect: { readonly permanent: boolean } | undefined;
  readonly proxyProtocol: DraftMap | undefined;
  readonly trusted: readonly string[];
};

const wellKnown: Readonly<Record<string, string>> = { web: ':80', http: ':80', websecure: ':443', https: ':443' };

/** `used`: names that routers know, for files without the static configuration. */
export function readEntries(root: SourceMap, used: ReadonlySet<string>): TraefikEntry[] {
  const { report } = root.reading;
  const points = root.map('entrypoints');
  if (points === undefined) {
    const names = used.size === 0 ? ['web', 'websecure'] : [...used];
    return names.flatMap((name) => {
      const address = wellKnown[name.toLowerCase()];
      if (address === undefined) {
        report.refuse(
          'entry_point_unknown',
          root,
          `entryPoint ${name}`,
          'its address is in the static configuration: give that file too',
        );
        return [];
      }
      report.changed(
        root,
        `entryPoint ${name}`,
        `the static configuration is not among the files: ${address} is assumed`,
      );
      return [bare(name, address)];
    });
  }
  const found = points.names.flatMap((name) => {
    const point = points.mapOrEmpty(name);
    return point === undefined || name === 'traefik' ? (point?.readAll() ?? []) : [readEntry(name, point)];
  });
  return found.filter((entry) => entry !== undefined);
}

function bare(name: string, address: string): TraefikEntry {
  return {
    name,
    address,
    isDefault: false,
    tls: undefined,
    middlewares: [],
    redirect: undefined,
    proxyProtocol: undefined,
    trusted: [],
  };
}

function readEntry(name: string, point: SourceMap): TraefikEntry | undefined {
  const { report } = point.reading;
  const written = point.get('address');
  const address = written?.text?.replace(/\/tcp$/, '') ?? '';
  if (address.endsWith('/udp')) {
    point.readAll();
    report.loses('raw_connections', written ?? point, `${name}, ${address}`, 'UDP is not forwarded');
    return undefined;
  }
  if (written !== undefined) report.taken(written, written.shown, 'gateway.entryPoints');
  const http = point.map('http');
  const tls = http?.mapOrEmpty('tls');
  const redirect = readRedirect(http?.map('redirections')?.map('entrypoint'));
  for (const key of ['http2', 'http3', 'udp', 'transport', 'observability', 'allowacmebypass', 'reuseport']) {
    const value = point.getEmpty(key);
    value?.map?.readAll();
    if (value !== undefined)
      report.left(
        value,
        `${name}, ${key}`,
        'timeouts and protocols have keys of their own (gateway.timeouts, gateway.http2)',
      );
  }
  for (const key of [
    'underscoreheadersstrategy',
    'encodequerysemicolons',
    'sanitizepath',
    'encodedcharacters',
    'maxheaderbytes',
  ]) {
    const value = http?.getEmpty(key);
    value?.map?.readAll();
    if (value !== undefined) report.left(value, `${name}, ${key}`, 'paths are brought into one form always');
  }
  const resolver = readResolver(tls);
  const options = tls?.text('options');
  const forwarded = point.map('forwardedheaders');
  const insecure = forwarded?.get('insecure');
  if (isTrue(insecure) && insecure !== undefined)
    report.changed(
      insecure,
      `${name}, ${insecure.shown}`,
      'forwarded headers are believed from nobody but gateway.proxy.trustedProxies',
    );
  const trusted = forwarded?.items('trustedips').flatMap(({ text }) => text ?? []) ?? [];
  const addresses = forwarded?.get('trustedips');
  if (addresses !== undefined) report.taken(addresses, 'forwardedHeaders.trustedIPs', 'gateway.proxy.trustedProxies');
  return {
    name,
    address: /:\d+$/.test(address) ? address : `:${address}`,
    isDefault: isTrue(point.get('asdefault')),
    tls: tls === undefined ? undefined : { options, resolver },
    middlewares: http?.items('middlewares') ?? [],
    redirect,
    proxyProtocol: readProxyProtocol(name, point),
    trusted,
  };
}

/** Of an entry point or a router: certificates that Traefik orders. */
export type Resolver = { readonly name: string; readonly domains: readonly string[] };

export function readResolver(tls: SourceMap | undefined): Resolver | undefined {
  const resolver = tls?.get('certresolver');
  const domains = (tls?.maps('domains') ?? []).flatMap((domain) => [...domain.items('main'), ...domain.items('sans')]);
  if (resolver?.text === undefined) return undefined;
  resolver.reading.report.taken(resolver, resolver.shown, 'gateway.certificates, where its resolver can be taken over');
  return { name: resolver.text.toLowerCase(), domains: domains.flatMap(({ text }) => text?.toLowerCase() ?? []) };
}

function readRedirect(point: SourceMap | undefined): TraefikEntry['redirect'] {
  if (point === undefined) return undefined;
  const { report } = point.reading;
  const to = point.get('to');
  const scheme = point.text('scheme') ?? 'https';
  const permanent = point.text('permanent')?.toLowerCase() !== 'false';
  point.get('priority');
  if (scheme !== 'https') {
    report.loses('route_left_out', to ?? point, 'redirections', 'only redirections to https');
    return undefined;
  }
  report.taken(to ?? point, 'redirections', 'middleware redirectScheme');
  return { permanent };
}

function readProxyProtocol(name: string, point: SourceMap): DraftMap | undefined {
  const { report } = point.reading;
  const protocol = point.mapOrEmpty('proxyprotocol');
  if (protocol === undefined) return undefined;
  const from = protocol.items('trustedips').flatMap(({ text }) => text ?? []);
  const insecure = protocol.get('insecure');
  if (isTrue(insecure) && insecure !== undefined) {
    report.loses(
      'proxy_header',
      insecure,
      `${name}, proxyProtocol.insecure`,
      'a PROXY header is taken from balancers that are named, and from nobody else',
    );
  }
  if (from.length === 0) return undefined;
  report.changed(
    protocol,
    `${name}, proxyProtocol`,
    'entryPoints.*.proxyProtocol: from these addresses the header is required',
  );
  return { from };
}
