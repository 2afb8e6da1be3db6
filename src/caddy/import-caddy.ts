// Caddy's configuration in our words: JSON, or a Caddyfile through `caddy adapt`.
import type { ImportWorld, SourceText } from '../import/import-config.ts';
import { acmeCertificate, ordersAnew } from '../import/acme-certificate.ts';
import type { DraftMap } from '../import/draft.ts';
import { DraftMiddlewares } from '../import/draft-middlewares.ts';
import { goesFirst, type RouteKeys } from '../import/route-order.ts';
import type { SourceMap } from '../import/source-map.ts';
import { readCaddy } from './documents.ts';
import { readAllOf } from './matchers.ts';
import { type Policy, readPolicies } from './policies.ts';
import { listServers, type Server } from './servers.ts';
import { type Emitted, Walk } from './walk.ts';
import { startOfWay } from './way.ts';

export async function importCaddy(files: readonly SourceText[], { report, draft }: ImportWorld): Promise<void> {
  const [file, second] = files;
  if (file === undefined) return;
  if (second !== undefined)
    report.refuse(
      'several_files',
      { place: { file: second.file, line: 1, col: 1 } },
      second.file,
      'one configuration at a time: what it imports, Caddy reads itself',
    );
  const root = await readCaddy(file, report);
  if (root === undefined) return;
  sayOthers(root);
  const apps = root.map('apps');
  const servers = listServers(apps?.map('http'));
  if (servers.length === 0) report.refuse('no_server', root, 'apps.http.servers', 'there is no HTTP server');
  const ours = new DraftMiddlewares();
  const gateway: DraftMap = {};
  Object.assign(draft.root, { version: 2, gateway });
  const walks = servers.map((server) => {
    const walk = new Walk(ours);
    walk.routes(server.source.maps('routes'), startOfWay());
    return { server, emitted: walk.emitted };
  });
  const redirected = servers.filter(({ redirects }) => redirects);
  gateway.entryPoints = entryPointsOf(servers, redirected.length > 0);
  const trusted = [...new Set(servers.flatMap((server) => server.trusted))];
  if (trusted.length > 0) gateway.proxy = { enabled: true, trustedProxies: trusted };
  const tls = buildTls(servers, apps?.map('tls'), gateway);
  if (Object.keys(tls).length > 0) gateway.tls = tls;
  const asks = JSON.stringify(tls).includes('"clientAuth"');
  if (asks) gateway.forwardClientCert = { mode: 'sanitize' };
  const points = servers.flatMap(({ entries }) => entries).length;
  const count =
    points +
    (redirected.length > 0 && !servers.some((server) => server.entries.some(({ name }) => name === 'web')) ? 1 : 0);
  const names = new Set<string>();
  gateway.routes = walks.flatMap(({ server, emitted }) => routesOf(server, emitted, { count, asks, names }));
  if (redirected.length > 0) gateway.routes.push(...redirectsOf(redirected, servers, ours, count, asks));
  if (ours.list.length > 0) draft.root.middlewares = ours.list;
  root.reading.forEachUnread((value, name) => {
    report.loses('unknown_field', value, value.path, `the importer does not know ${name} here`);
  });
}

function sayOthers(root: SourceMap): void {
  const { report } = root.reading;
  for (const name of ['admin', 'logging', 'storage']) {
    const value = root.getEmpty(name);
    if (value?.map !== undefined) readAllOf(value.map);
    if (value !== undefined) report.left(value, name, 'not about requests; logs and metrics have keys of their own');
  }
  const apps = root.map('apps');
  for (const name of apps?.names ?? []) {
    if (name === 'http' || name === 'tls') continue;
    const app = apps?.getEmpty(name);
    if (app?.map !== undefined) readAllOf(app.map);
    if (app === undefined) continue;
    if (name === 'pki' || name === 'events') report.left(app, `apps.${name}`, 'not about requests');
    else
      report.loses(
        name === 'layer4' ? 'raw_connections' : 'unknown_field',
        app,
        `apps.${name}`,
        'an app that the importer does not know',
      );
  }
}

function entryPointsOf(servers: readonly Server[], redirects: boolean): DraftMap {
  const entries = servers.flatMap((server) =>
    server.entries.map((entry) => ({ ...entry, tls: server.tls, proxyProtocol: server.proxyProtocol })),
  );
  const found: DraftMap = {};
  const more: DraftMap = {};
  for (const { name, address, tls, proxyProtocol } of entries) {
    const keys: DraftMap = {
      address,
      ...(proxyProtocol !== undefined && { proxyProtocol: structuredClone(proxyProtocol) }),
    };
    if (name === 'web' || name === 'webSecure') found[name] = keys;
    else more[name] = { ...keys, protocol: tls ? 'https' : 'http' };
  }
  if (!('web' in found)) found.web = redirects ? { address: ':80' } : { enabled: false };
  found.webSecure ??= { enabled: false };
  if (Object.keys(more).length > 0) found.more = more;
  return found;
}

function buildTls(servers: readonly Server[], app: SourceMap | undefined, gateway: DraftMap): DraftMap {
  const tls: DraftMap = {};
  const { pairs, ordered } = readCertificates(servers, app);
  if (pairs.length > 0) tls.certificates = pairs;
  if (ordered !== undefined) {
    gateway.certificates = [ordered];
    tls.certificateIds = [ordered.id ?? ''];
  }
  const own: DraftMap[] = [];
  const taken = new Map<string, string>();
  let fallback: Policy | undefined;
  let isOpen = false;
  for (const server of servers.filter((one) => one.tls)) {
    const policies = readPolicies(server.source);
    if (policies.length === 0) isOpen = true;
    for (const policy of policies) {
      const { report } = policy.source.reading;
      const text = JSON.stringify(policy.keys);
      if (policy.hosts.length === 0) {
        if (fallback !== undefined && JSON.stringify(fallback.keys) !== text)
          report.refuse(
            'policies_differ',
            policy.source,
            'tls_connection_policies',
            'two servers have different policies for names that stand nowhere: policies are chosen by server name, whatever the port',
          );
        fallback ??= policy;
        continue;
      }
      const fresh = policy.hosts.filter((host) => !taken.has(host));
      for (const host of policy.hosts) {
        if (taken.has(host) && taken.get(host) !== text)
          report.refuse(
            'policies_differ',
            policy.source,
            `sni ${host}`,
            'another server has another policy for it: policies are chosen by server name, whatever the port',
          );
        taken.set(host, text);
      }
      if (policy.hosts.some((host) => host.startsWith('*.')))
        report.changed(policy.source, policy.hosts.join(', '), 'a star stands for one or more labels in policies here');
      const [name] = fresh;
      if (name !== undefined) own.push({ name: name.replace(/^\*\./, 'any.'), hosts: fresh, ...policy.keys });
    }
  }
  Object.assign(tls, fallback?.keys ?? {});
  if (own.length > 0)
    Object.assign(tls, { defaultPolicy: fallback === undefined && !isOpen ? 'none' : 'gateway', policies: own });
  return tls;
}

type Certificates = { readonly pairs: DraftMap[]; readonly ordered: DraftMap | undefined };

function readCertificates(servers: readonly Server[], app: SourceMap | undefined): Certificates {
  const certificates = app?.map('certificates');
  const pairs = (certificates?.maps('load_files') ?? []).map((pair) => {
    readAllOf(pair);
    pair.reading.report.taken(pair, 'load_files', 'gateway.tls.certificates');
    return { cert: pair.text('certificate') ?? '', key: pair.text('key') ?? '' };
  });
  for (const name of ['load_pem', 'load_folders', 'load_storage']) {
    const value = certificates?.get(name);
    for (const item of value?.items ?? []) if (item.map !== undefined) readAllOf(item.map);
    value?.reading.report.changed(value, name, 'give these certificates under gateway.tls.certificates');
  }
  const automation = app?.map('automation');
  const [policy] = automation?.maps('policies') ?? [];
  const [issuer] = policy?.maps('issuers') ?? [];
  const [email, directory, kind] = [issuer?.text('email'), issuer?.text('ca'), issuer?.text('module') ?? 'acme'];
  certificates?.get('automate');
  for (const name of app?.names ?? []) {
    const value = app?.get(name);
    if (name !== 'certificates' && value?.map !== undefined) readAllOf(value.map);
  }
  const orders = servers.filter((server) => server.orders.length > 0);
  const ordered =
    kind === 'acme' && pairs.length === 0
      ? acmeCertificate({ id: 'automatic', directory, email, domains: orders.flatMap((server) => server.orders) })
      : undefined;
  const [server] = orders;
  if (server !== undefined)
    server.source.reading.report.changed(
      server.source,
      'automatic HTTPS',
      ordered === undefined
        ? 'for names that no certificate of gateway.tls.certificates covers, none is ordered: give it there'
        : ordersAnew,
    );
  return { pairs, ordered };
}

type Made = { readonly order: RouteKeys; readonly route: DraftMap };

/** `/x/*` is not for `/x`, which meets what comes next: a route of its own, since ours for `/x` is for both. */
function withBarePaths(emitted: readonly Emitted[]): Emitted[] {
  return emitted.flatMap((one, i) => {
    const { path, hosts, match } = one.way;
    if (path?.isBelow !== true) return [one];
    const isFor = ({ way }: Emitted): boolean => {
      const other = way.path;
      const isAbove = other === undefined || other.path === '/' || (other.path === path.path && other.isBelow !== true);
      const isWithin = way.hosts === undefined || hosts?.every((host) => way.hosts?.includes(host) === true) === true;
      return isAbove && other?.pathMatch !== 'regex' && isWithin && Object.keys(way.match).length === 0;
    };
    const next = emitted.slice(i + 1).find(isFor) ?? { way: one.way, keys: { response: { statusCode: 404 } } };
    const bare = { path: path.path, pathMatch: 'exact', scope: path.path } as const;
    return [{ keys: structuredClone(next.keys), way: { ...next.way, hosts, match, path: bare } }, one];
  });
}

/** `count`: of entry points. `names`: of routes that there are. */
type RoutesContext = { readonly count: number; readonly asks: boolean; readonly names: Set<string> };

function routesOf(server: Server, emitted: readonly Emitted[], { count, asks, names }: RoutesContext): DraftMap[] {
  const made = withBarePaths(emitted).map(({ way, keys }): Made => {
    const { hosts = [], path = { path: '/' }, match, filters } = way;
    const written =
      `${server.entries.length > 0 && hosts[0] !== undefined ? hosts[0].replace('{sub}', 'any') : server.name}${path.path === '/' ? '' : `-${path.path}`}`
        .replace(/[^A-Za-z0-9.]+/g, '-')
        .replace(/^[-.]+|[-.]+$/g, '');
    const base = written === '' ? server.name : written;
    let name = base;
    for (let n = 2; names.has(name); n++) name = `${base}-${n}`;
    names.add(name);
    const pathMatch = 'pathMatch' in path ? path.pathMatch : undefined;
    const order: RouteKeys = { hosts, path: path.path, match, ...(pathMatch !== undefined && { pathMatch }) };
    const security = {
      ...(keys.security as DraftMap | undefined),
      ...(asks && !server.requires(hosts) && { clientCert: { required: false } }),
    };
    const { security: _, ...more } = keys;
    const route: DraftMap = {
      name,
      path: path.path,
      ...(pathMatch !== undefined && { pathMatch }),
      ...(Object.keys(match).length > 0 && { match: structuredClone(match) }),
      ...(hosts.length > 0 && { hosts: [...hosts] }),
      ...(server.entries.length < count && { entryPoints: server.entries.map((entry) => entry.name) }),
      ...more,
      ...way.keys,
      ...(Object.keys(security).length > 0 && { security }),
      ...(filters.length > 0 && { middlewares: [...new Set(filters)] }),
    };
    return { order, route };
  });
  const isPlain = made.every((first, i) => made.slice(i + 1).every((second) => goesFirst(first.order, second.order)));
  if (!isPlain) for (const [i, { route }] of made.entries()) if (i > 0) route.priority = i;
  return made.map(({ route }) => route);
}

/** Caddy answers http:// for hosts of its HTTPS servers with a redirect, unless it is told not to. */
function redirectsOf(
  redirected: readonly Server[],
  servers: readonly Server[],
  ours: DraftMiddlewares,
  count: number,
  asks: boolean,
): DraftMap[] {
  const name = ours.add('redirectScheme', { scheme: 'https', permanent: true }, 'to-https');
  const isShared = servers.some((server) => server.entries.some((entry) => entry.name === 'web'));
  const hosts = [...new Set(redirected.flatMap((server) => server.hosts))];
  return [
    {
      name: 'to-https',
      path: '/',
      ...(isShared && hosts.length > 0 && { hosts }),
      ...(count > 1 && { entryPoints: ['web'] }),
      response: { statusCode: 404 },
      ...(asks && { security: { clientCert: { required: false } } }),
      middlewares: [name],
    },
  ];
}
