// Services of Traefik as the backends of a route, with the way there (`serversTransport`), health checks and stickiness.
import type { DraftMap } from '../import/draft.ts';
import type { SourceMap, SourceValue } from '../import/source-map.ts';
import { isTrue } from './tls-options.ts';

export type Service = {
  /** endpoint, weight, backup. */
  readonly backends: readonly DraftMap[];
  /** Keys of a route: loadBalancing, sticky, healthCheck. */
  readonly keys: DraftMap;
  readonly forwardsHost: boolean;
  /** Name of its serversTransport. */
  readonly transport: string | undefined;
};

export class Services {
  readonly #services: SourceMap | undefined;
  readonly #transports: SourceMap | undefined;
  /** `serversTransport` of the static configuration. */
  readonly #fallback: SourceMap | undefined;
  readonly #known = new Map<string, Service | undefined>();
  readonly #tls = new Map<string, DraftMap>();

  constructor(http: SourceMap | undefined, fallback: SourceMap | undefined) {
    this.#services = http?.map('services');
    this.#transports = http?.map('serverstransports');
    this.#fallback = fallback;
  }

  /** undefined where it cannot be said here, which is reported. */
  find(name: string, asked: SourceValue): Service | undefined {
    const plain = name.replace(/@file$/, '');
    if (this.#known.has(plain)) return this.#known.get(plain);
    // A service that leads to itself leads nowhere.
    this.#known.set(plain, undefined);
    const service = this.#read(plain, asked);
    this.#known.set(plain, service);
    return service;
  }

  #read(name: string, asked: SourceValue): Service | undefined {
    const { report } = asked.reading;
    const written = this.#services?.get(name.toLowerCase())?.map;
    if (written === undefined) {
      if (name.includes('@'))
        report.loses('dynamic_resource', asked, asked.shown, 'a service of another provider is not in these files');
      else report.refuse('no_service', asked, asked.shown, 'there is no such service');
      return undefined;
    }
    const balancer = written.map('loadbalancer');
    if (balancer !== undefined) return readBalancer(balancer);
    const weighted = written.map('weighted');
    if (weighted !== undefined) return this.#weighted(weighted);
    const failover = written.map('failover');
    if (failover !== undefined) return this.#failover(failover);
    const mirroring = written.map('mirroring');
    if (mirroring !== undefined) return this.#mirroring(mirroring);
    report.loses('backend_choice', asked, asked.shown, 'a kind of service that has no counterpart');
    return undefined;
  }

  /** Backends of all of them, each with its part of the weight of its service. */
  #weighted(weighted: SourceMap): Service | undefined {
    const { report } = weighted.reading;
    const parts = weighted.maps('services').flatMap((one) => {
      const name = one.get('name');
      const service = name?.text === undefined ? undefined : this.find(name.text, name);
      if (name !== undefined) report.taken(name, name.shown, 'backends, weight');
      return service === undefined ? [] : [{ service, weight: Number(one.text('weight') ?? 1) }];
    });
    const [first] = parts;
    if (first === undefined) return undefined;
    const differs = parts.some(
      ({ service }) =>
        service.forwardsHost !== first.service.forwardsHost || service.transport !== first.service.transport,
    );
    if (differs)
      report.loses(
        'backend_choice',
        weighted,
        'weighted',
        'its services are reached in different ways, which one route cannot say',
      );
    const common = parts.reduce((product, { service }) => product * Math.max(1, service.backends.length), 1);
    const backends = parts.flatMap(({ service, weight }) =>
      service.backends.map((one) => ({
        endpoint: one.endpoint ?? '',
        weight: (weight * common) / service.backends.length,
      })),
    );
    const divisor = backends.reduce((a, { weight }) => gcd(a, weight), 0);
    const scaled = backends.map(({ endpoint, weight }) => ({ endpoint, weight: weight / Math.max(1, divisor) }));
    const sticky = weighted.map('sticky');
    return { ...first.service, backends: scaled, keys: sticky === undefined ? {} : readSticky(sticky) };
  }

  #failover(failover: SourceMap): Service | undefined {
    const find = (key: string): Service | undefined => {
      const value = failover.get(key);
      return value?.text === undefined ? undefined : this.find(value.text, value);
    };
    const [main, other] = [find('service'), find('fallback')];
    failover.get('healthcheck');
    if (main === undefined || other === undefined) return main;
    return { ...main, backends: [...main.backends, ...other.backends.map((one) => ({ ...one, backup: true }))] };
  }

  #mirroring(mirroring: SourceMap): Service | undefined {
    const { report } = mirroring.reading;
    const value = mirroring.get('service');
    const mirrors = mirroring.get('mirrors');
    mirroring.get('maxbodysize');
    mirroring.get('mirrorbody');
    mirroring.get('healthcheck');
    if (mirrors !== undefined) report.changed(mirrors, 'mirrors', 'a request is copied to nobody');
    return value?.text === undefined ? undefined : this.find(value.text, value);
  }

  /** security.tls of a route; empty where nothing is said. */
  tlsOf({ transport }: Service): DraftMap {
    const name = transport?.replace(/@file$/, '').toLowerCase() ?? '';
    const known = this.#tls.get(name);
    if (known !== undefined) return known;
    const written = name === '' ? this.#fallback : this.#transports?.get(name)?.map;
    const tls = written === undefined ? {} : readTransport(written);
    this.#tls.set(name, tls);
    return tls;
  }
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

function readBalancer(balancer: SourceMap): Service {
  const { report } = balancer.reading;
  const backends: DraftMap[] = [];
  const servers = balancer.maps('servers');
  for (const server of servers) {
    const url = server.get('url');
    const weight = server.get('weight');
    const kept = server.get('preservepath');
    if (kept !== undefined)
      report.changed(kept, kept.shown, 'a path of the URL stands in front of the path of the request');
    if (url?.text === undefined) continue;
    const endpoint = url.text.replace(/\/+$/, '');
    if (!/^https?:\/\//.test(endpoint)) {
      report.loses(
        'backend_choice',
        url,
        url.shown,
        'only http:// and https://; HTTP/2 to backends is spoken over TLS only',
      );
      continue;
    }
    backends.push({ endpoint, ...(weight?.text !== undefined && { weight: Number(weight.text) }) });
    report.taken(url, url.shown, servers.length === 1 ? 'target' : 'backends');
  }
  if (backends.some((one) => 'weight' in one)) for (const one of backends) one.weight ??= 1;
  const keys: DraftMap = {};
  const strategy = balancer.get('strategy');
  if (strategy !== undefined) readStrategy(strategy, keys);
  const sticky = balancer.map('sticky');
  if (sticky !== undefined) Object.assign(keys, readSticky(sticky));
  const health = balancer.map('healthcheck');
  if (health !== undefined) keys.healthCheck = readHealthCheck(health);
  for (const name of ['passivehealthcheck', 'responseforwarding']) {
    const value = balancer.get(name);
    value?.map?.readAll();
    if (value !== undefined) report.left(value, value.shown, 'the gateway has its own way');
  }
  const host = balancer.get('passhostheader');
  if (host !== undefined) report.taken(host, host.shown, 'security.forwardHostHeaders');
  const transport = balancer.get('serverstransport');
  if (transport !== undefined) report.taken(transport, transport.shown, 'security.tls');
  return { backends, keys, forwardsHost: host?.text?.toLowerCase() !== 'false', transport: transport?.text };
}

function readStrategy(strategy: SourceValue, keys: DraftMap): void {
  const { report } = strategy.reading;
  if (strategy.text === 'p2c' || strategy.text === 'leasttime') keys.loadBalancing = 'leastRequest';
  if (strategy.text === 'hrw') Object.assign(keys, { loadBalancing: 'hash', hashOn: [{ source: 'address' }] });
  report.taken(strategy, strategy.shown, 'loadBalancing');
}

function readSticky(sticky: SourceMap): DraftMap {
  const { report } = sticky.reading;
  const cookie = sticky.mapOrEmpty('cookie');
  const keys: DraftMap = {};
  if (cookie === undefined) return {};
  for (const [theirs, ours] of [
    ['name', 'cookie'],
    ['path', 'path'],
    ['samesite', 'sameSite'],
  ] as const) {
    const text = cookie.text(theirs);
    if (text !== undefined)
      keys[ours] = ours === 'sameSite' ? text.charAt(0).toUpperCase() + text.slice(1).toLowerCase() : text;
  }
  // Without these words Traefik sets neither.
  keys.secure = isTrue(cookie.get('secure'));
  keys.httpOnly = isTrue(cookie.get('httponly'));
  const age = cookie.text('maxage');
  if (age !== undefined && Number(age) > 0) keys.maxAge = `${Number(age)}s`;
  const domain = cookie.get('domain');
  if (domain !== undefined) report.changed(domain, domain.shown, 'the cookie is for the host that set it');
  report.taken(cookie, 'sticky.cookie', 'sticky');
  return { sticky: keys };
}

function readHealthCheck(health: SourceMap): DraftMap {
  const { report } = health.reading;
  const check: DraftMap = {};
  const path = health.text('path');
  if (path !== undefined) check.path = path;
  for (const name of ['interval', 'timeout'] as const) {
    const text = health.text(name);
    if (text !== undefined) check[name] = durationOf(text);
  }
  const host = health.text('hostname');
  if (host !== undefined) check.host = host;
  const headers = health.map('headers');
  if (headers !== undefined) check.headers = headers.names.map((name) => ({ name, value: headers.text(name) ?? '' }));
  const status = health.text('status');
  if (status !== undefined) check.healthyStatuses = [Number(status)];
  for (const name of ['port', 'scheme', 'method', 'followredirects', 'mode', 'unhealthyinterval']) {
    const value = health.get(name);
    if (value !== undefined) report.changed(value, value.shown, 'the backend is asked by GET, as requests reach it');
  }
  report.taken(health, 'healthCheck', 'healthCheck');
  return check;
}

/** A number alone is seconds. */
export function durationOf(text: string): string {
  return /^\d+$/.test(text) ? `${text}s` : text;
}

function readTransport(transport: SourceMap): DraftMap {
  const { report } = transport.reading;
  const tls: DraftMap = {};
  const take = (name: string, ours: string): SourceValue | undefined => {
    const value = transport.get(name);
    if (value !== undefined) report.taken(value, value.shown, ours);
    return value;
  };
  const server = take('servername', 'security.tls.serverName');
  if (server?.text !== undefined) tls.serverName = server.text;
  const cas = take('rootcas', 'security.tls.rootCAs')?.items.flatMap(({ text }) => text ?? []) ?? [];
  const [ca, second] = cas;
  if (ca !== undefined) tls.rootCAs = ca;
  if (second !== undefined)
    report.refuse(
      'several_cas',
      transport.get('rootcas') ?? transport,
      'rootCAs',
      'put them into one file: rootCAs of a route is one',
    );
  const [pair, other] = transport.maps('certificates');
  if (pair !== undefined) {
    tls.clientCert = pair.text('certfile') ?? '';
    tls.clientKey = pair.text('keyfile') ?? '';
    report.taken(pair, 'certificates', 'security.tls.clientCert');
  }
  if (other !== undefined) report.changed(other, 'certificates', 'a backend is shown the first certificate');
  const skip = transport.get('insecureskipverify');
  if (isTrue(skip) && skip !== undefined)
    report.changed(
      skip,
      skip.shown,
      'the certificate of the backend IS verified here: give security.tls.rootCAs, or a pin in allowedSPKI',
    );
  const peer = take('peercerturi', 'security.tls.allowedSANs');
  if (peer?.text !== undefined) tls.allowedSANs = [{ type: 'URI', exact: peer.text }];
  const spiffe = transport.get('spiffe');
  if (spiffe !== undefined) {
    spiffe.map?.readAll();
    report.refuse(
      'spiffe_transport',
      spiffe,
      'spiffe',
      'certificates of the Workload API are not taken over: write them in security.tls',
    );
  }
  if (isTrue(take('disablehttp2', 'security.tls.http2'))) tls.http2 = 'off';
  for (const name of ['forwardingtimeouts', 'maxidleconnsperhost', 'ciphersuites', 'minversion', 'maxversion']) {
    const value = transport.get(name);
    value?.map?.readAll();
    if (value !== undefined)
      report.changed(value, value.shown, 'timeouts, networking.transport and versions of TLS have keys of their own');
  }
  return tls;
}

/** target or backends. */
export function backendKeys({ backends, keys }: Service): DraftMap {
  const [only, second] = backends;
  const where: DraftMap =
    only !== undefined && second === undefined
      ? { target: only.endpoint ?? '' }
      : { backends: backends.map((one) => ({ ...one })) };
  return { ...where, ...keys };
}
