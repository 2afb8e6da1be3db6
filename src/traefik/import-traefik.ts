// Traefik's configuration in our words: the static file and the dynamic ones of the file provider.
import type { ImportWorld, SourceText } from '../import/import-config.ts';
import type { DraftMap } from '../import/draft.ts';
import { DraftMiddlewares } from '../import/draft-middlewares.ts';
import type { SourceMap } from '../import/source-map.ts';
import { readDocuments } from './documents.ts';
import { readEntries, type TraefikEntry } from './entry-points.ts';
import { Middlewares } from './middlewares.ts';
import { buildPolicies } from './policies.ts';
import { readRouters, type Router } from './routers.ts';
import { readResolvers } from './resolvers.ts';
import { buildRoutes } from './routes.ts';
import { Services } from './services.ts';
import { readForwards } from './tcp.ts';

export async function importTraefik(files: readonly SourceText[], world: ImportWorld): Promise<void> {
  const root = await readDocuments(files, world);
  if (root === undefined) return;
  const { report, draft } = world;
  const http = root.map('http');
  const tcp = root.map('tcp');
  const ours = new DraftMiddlewares();
  const entries = readEntries(root, namesOf(http, tcp));
  const middlewares = new Middlewares(http?.map('middlewares'), ours);
  const services = new Services(http, root.map('serverstransport'));
  const routers = readRouters(http?.map('routers'), entries, middlewares);
  sayStatic(root);
  const gateway: DraftMap = {};
  Object.assign(draft.root, { version: 2, gateway });
  const forwards = readForwards(tcp, entries, routers);
  const points = new Points(entries, routers);
  points.saySecure();
  gateway.entryPoints = points.draft(forwards);
  const trusted = [...new Set(entries.flatMap((entry) => entry.trusted))];
  if (trusted.length > 0) gateway.proxy = { enabled: true, trustedProxies: trusted };
  const policies = buildPolicies(root.map('tls'), routers);
  if (Object.keys(policies.tls).length > 0) gateway.tls = policies.tls;
  const ordered = readResolvers(root, routers);
  if (ordered.length > 0) {
    gateway.certificates = ordered;
    gateway.tls = { certificateIds: ordered.map(({ id }) => id ?? ''), ...policies.tls };
  }
  if (policies.asks) gateway.forwardClientCert = { mode: 'sanitize' };
  const routes = buildRoutes(routers, {
    services,
    ours,
    policies,
    nameOf: (entry) => points.nameOf(entry),
    count: points.count,
  });
  gateway.routes = [...routes, ...redirects(points, ours, policies.asks)];
  if (ours.list.length > 0) draft.root.middlewares = ours.list;
  const udp = root.get('udp');
  udp?.map?.readAll();
  if (udp !== undefined) report.loses('raw_connections', udp, 'udp', 'UDP is not forwarded');
  root.reading.forEachUnread((value, name) => {
    if (/^(?:http|tcp)\.(?:middlewares|services|serverstransports)\.[^.]+$|^serverstransport\./.test(value.path))
      report.left(value, value.path, 'no router uses it');
    else report.loses('unknown_field', value, value.path, `the importer does not know ${name} here`);
  });
  if (routers.length === 0 && forwards.length === 0)
    report.refuse(
      'no_router',
      root,
      'http.routers',
      'there is no router that can be taken over: give the dynamic configuration too',
    );
}

/** Entry points that routers name. */
function namesOf(...parts: readonly (SourceMap | undefined)[]): Set<string> {
  const names = new Set<string>();
  for (const part of parts)
    for (const name of part?.map('routers')?.names ?? [])
      for (const { text } of part?.map('routers')?.map(name)?.items('entrypoints') ?? [])
        if (text !== undefined) names.add(text);
  return names;
}

const quiet = [
  'api',
  'ping',
  'log',
  'accesslog',
  'metrics',
  'tracing',
  'global',
  'pilot',
  'experimental',
  'hostresolver',
  'core',
  'spiffe',
  'tcpserverstransport',
  'ocsp',
  'hub',
];

function sayStatic(root: SourceMap): void {
  const { report } = root.reading;
  for (const name of quiet) {
    const value = root.getEmpty(name);
    value?.map?.readAll();
    if (value !== undefined)
      report.left(value, name, 'not about requests; health, metrics and logs have keys of their own');
  }
  const providers = root.map('providers');
  for (const name of providers?.names ?? []) {
    const provider = providers?.getEmpty(name);
    provider?.map?.readAll();
    if (provider === undefined) continue;
    if (name === 'file' || name === 'providersthrottleduration')
      report.taken(provider, `providers.${name}`, 'the files that it names');
    else
      report.loses(
        'dynamic_resource',
        provider,
        `providers.${name}`,
        'what it finds while Traefik runs is not in these files',
      );
  }
}

/** Entry points by the names that they have here. */
class Points {
  readonly #entries: readonly TraefikEntry[];
  readonly #routers: readonly Router[];
  readonly #names = new Map<TraefikEntry, string>();

  constructor(entries: readonly TraefikEntry[], routers: readonly Router[]) {
    this.#routers = routers;
    this.#entries = entries.filter(
      (entry) => entry.redirect !== undefined || routers.some((router) => router.entries.includes(entry)),
    );
    for (const tls of [false, true]) {
      const some = this.#entries.filter((entry) => this.isTls(entry) === tls);
      const main = some.find(({ address }) => address.endsWith(tls ? ':443' : ':80')) ?? some[0];
      for (const entry of some)
        this.#names.set(entry, entry === main ? (tls ? 'webSecure' : 'web') : nameFor(entry.name));
    }
  }

  /** TLS where any of its routers speaks it. */
  isTls(entry: TraefikEntry): boolean {
    return (
      entry.tls !== undefined ||
      this.#routers.some((router) => router.options !== undefined && router.entries.includes(entry))
    );
  }

  get count(): number {
    return this.#entries.length;
  }

  /** undefined: nothing is served there. */
  nameOf(entry: TraefikEntry): { readonly name: string; readonly tls: boolean } | undefined {
    const name = this.#names.get(entry);
    return name === undefined ? undefined : { name, tls: this.isTls(entry) };
  }

  /** A router without TLS at an entry point where others speak it. */
  saySecure(): void {
    for (const { source, name, options, entries } of this.#routers) {
      const strange = options === undefined ? entries.find((entry) => this.isTls(entry)) : undefined;
      const isAsked = source.has('entrypoints');
      if (strange !== undefined && isAsked)
        source.reading.report.loses(
          'mixed_port',
          source,
          name,
          `without tls at the entry point ${strange.name}, where others speak TLS: one port speaks one of both`,
        );
    }
  }

  get redirecting(): readonly TraefikEntry[] {
    return this.#entries.filter(({ redirect }) => redirect !== undefined);
  }

  draft(forwards: readonly DraftMap[]): DraftMap {
    const found: DraftMap = {};
    const more: DraftMap = {};
    const names = [...this.#names.values()];
    for (const main of ['web', 'webSecure']) if (!names.includes(main)) found[main] = { enabled: false };
    for (const [entry, name] of this.#names) {
      const keys: DraftMap = {
        address: entry.address,
        ...(entry.proxyProtocol !== undefined && { proxyProtocol: entry.proxyProtocol }),
      };
      if (name === 'web' || name === 'webSecure') found[name] = keys;
      else more[name] = { ...keys, protocol: this.isTls(entry) ? 'https' : 'http' };
    }
    if (Object.keys(more).length > 0) found.more = more;
    if (forwards.length > 0) found.passThrough = { forwards: [...forwards] };
    return found;
  }
}

function nameFor(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9_-]/g, '-').replace(/^[^A-Za-z]+/, '');
  return ['', 'web', 'admin', 'passThrough', 'more', 'none'].includes(plain) ? `entry-${plain}` : plain;
}

function redirects(points: Points, ours: DraftMiddlewares, asks: boolean): DraftMap[] {
  return points.redirecting.map((entry) => {
    const permanent = entry.redirect?.permanent === true;
    const name = ours.add('redirectScheme', { scheme: 'https', ...(permanent && { permanent }) }, 'to-https');
    return {
      name: `${entry.name}-to-https`,
      path: '/',
      ...(points.count > 1 && { entryPoints: [points.nameOf(entry)?.name ?? 'web'] }),
      response: { statusCode: 404 },
      ...(asks && { security: { clientCert: { required: false } } }),
      middlewares: [name],
    };
  });
}
