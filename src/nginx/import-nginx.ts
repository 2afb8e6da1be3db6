// nginx's configuration in our words: `http` with its servers, `stream` with what passes unread. Every directive is answered for.
import type { ImportWorld, SourceText } from '../import/import-config.ts';
import type { Draft, DraftMap } from '../import/draft.ts';
import { DraftMiddlewares } from '../import/draft-middlewares.ts';
import { type Directive, firstWord, words } from './directive.ts';
import { Ledger } from './ledger.ts';
import { readMaps, type VariableMap } from './maps.ts';
import { parseNginx } from './parse.ts';
import { buildPolicies, type Policies } from './policies.ts';
import { buildRoutes, type ServerRoute } from './routes.ts';
import { Scope } from './scope.ts';
import { type Entry, listEntries, readServer, type Server } from './servers.ts';
import { readForwards } from './stream.ts';
import { readSeconds } from './tls-settings.ts';
import { NginxSyntaxError } from './tokens.ts';
import { readUpstreams } from './upstreams.ts';

export async function importNginx(files: readonly SourceText[], world: ImportWorld): Promise<void> {
  const { report, draft } = world;
  const ledger = new Ledger(report);
  const directives: Directive[] = [];
  for (const { file, text } of files) {
    try {
      const parsed = await parseNginx(file, text, world.readText);
      directives.push(...parsed.directives);
      for (const { name, place } of parsed.missing) {
        if (/(?:^|\/)mime\.types$/.test(name))
          report.left({ place }, `include ${name}`, 'types of files, which are not served');
        else
          report.loses(
            'unknown_field',
            { place },
            `include ${name}`,
            'the file cannot be read, so what it says is not known',
          );
      }
    } catch (error) {
      if (!(error instanceof NginxSyntaxError)) throw error;
      report.refuse('nginx_syntax', error, file, error.message);
    }
  }
  if (report.failed && directives.length === 0) return;
  importDirectives(directives, draft, ledger);
  ledger.finish(directives);
}

/** Blocks that may stand alone in a file of `sites-available`. */
const ofHttp = new Set(['server', 'upstream', 'map', 'limit_req_zone', 'geo', 'split_clients']);

function importDirectives(directives: readonly Directive[], draft: Draft, ledger: Ledger): void {
  const blocks = directives.filter(({ name }) => name === 'http');
  const loose = directives.filter(({ name, block }) => ofHttp.has(name) || (block === undefined && !isOfMain(name)));
  const inner = [...blocks.flatMap(({ block = [] }) => block), ...loose];
  const http = new Scope(inner);
  for (const block of blocks) ledger.taken(block, 'gateway');
  const servers = http.own('server').map((directive) => readServer(directive, http, ledger));
  const entries = listEntries(servers, ledger);
  const gateway: DraftMap = {};
  const [first] = directives;
  if (servers.length === 0 && !directives.some(({ name }) => name === 'stream') && first !== undefined)
    ledger.refuse('no_server', first, 'there is no server block: give the file that nginx is started with');
  const middlewares = new DraftMiddlewares();
  Object.assign(draft.root, { version: 2, gateway });
  gateway.entryPoints = entryPointsOf(entries, http, ledger);
  const streams = directives.filter(({ name }) => name === 'stream');
  const forwards = streams.flatMap((stream) => readForwards(stream, ledger));
  if (forwards.length > 0) Object.assign(gateway.entryPoints, { passThrough: { forwards } });
  readGateway(http, gateway, ledger);
  const policies = buildPolicies(entries, ledger);
  if (policies !== undefined && Object.keys(policies.tls).length > 0) gateway.tls = policies.tls;
  const asks = [...(policies?.settings.values() ?? [])].some(({ clientAuth }) => clientAuth !== undefined);
  if (asks) gateway.forwardClientCert = { mode: 'sanitize' };
  gateway.routes = listRoutes(servers, entries, policies, http, middlewares, ledger);
  if (middlewares.list.length > 0) draft.root.middlewares = middlewares.list;
}

function isOfMain(name: string): boolean {
  return /^(?:user|worker_|pid$|daemon|master_process|error_log|load_module|env$|events|thread_pool|pcre_jit|include|lock_file)/.test(
    name,
  );
}

function entryPointsOf(entries: readonly Entry[], http: Scope, ledger: Ledger): DraftMap {
  const found: DraftMap = {};
  const more: DraftMap = {};
  for (const main of ['web', 'webSecure'])
    if (!entries.some(({ name }) => name === main)) found[main] = { enabled: false };
  for (const entry of entries) {
    const proxyProtocol = entry.proxyProtocol ? proxyProtocolOf(entry, http, ledger) : undefined;
    const keys: DraftMap = { address: entry.address, ...(proxyProtocol !== undefined && { proxyProtocol }) };
    if (entry.name === 'web' || entry.name === 'webSecure') found[entry.name] = keys;
    else more[entry.name] = { ...keys, protocol: entry.tls ? 'https' : 'http' };
  }
  if (Object.keys(more).length > 0) found.more = more;
  return found;
}

/** From whom a PROXY header comes: from those that `set_real_ip_from` believes. */
function proxyProtocolOf(entry: Entry, http: Scope, ledger: Ledger): DraftMap | undefined {
  const scope = entry.defaultServer.scope;
  const from = scope
    .all('set_real_ip_from')
    .map(firstWord)
    .filter((range) => !range.startsWith('unix'));
  const listen = entry.servers
    .flatMap(({ listens }) => listens)
    .find((one) => one.address === entry.address && one.proxyProtocol);
  if (from.length > 0) {
    for (const directive of scope.all('set_real_ip_from')) ledger.taken(directive, 'proxyProtocol.from');
    return { from, others: 'refuse' };
  }
  if (listen !== undefined)
    ledger.refuse(
      'proxy_protocol_from_anybody',
      listen.directive,
      'nginx takes a PROXY header from everybody; say from whom: set_real_ip_from, or here entryPoints.*.proxyProtocol.from',
    );
  return http.parent === undefined ? undefined : {};
}

/** What holds for the gateway as a whole. */
function readGateway(http: Scope, gateway: DraftMap, ledger: Ledger): void {
  const scopes = [http, ...http.own('server').map((server) => new Scope(server.block ?? [], http))];
  const header = scopes.flatMap((scope) => scope.last('real_ip_header') ?? [])[0];
  const from = scopes.flatMap((scope) => scope.all('set_real_ip_from'));
  const name = header === undefined ? 'X-Real-IP' : firstWord(header);
  const ranges = [...new Set(from.map(firstWord))].filter((range) => !range.startsWith('unix'));
  if (ranges.length > 0 && name.toLowerCase() !== 'proxy_protocol') {
    gateway.proxy = { enabled: true, trustedProxies: ranges, ipHeaders: [name] };
    for (const directive of new Set(from))
      ledger.changed(directive, 'proxy.trustedProxies: what they say of scheme and host counts, too');
  }
  if (header !== undefined) ledger.taken(header, name === 'proxy_protocol' ? 'proxyProtocol' : 'proxy.ipHeaders');
  for (const directive of new Set(scopes.flatMap((scope) => scope.all('real_ip_recursive')))) {
    if (firstWord(directive) === 'on')
      ledger.taken(directive, 'the right-most address that is no trusted proxy counts');
    else ledger.changed(directive, 'the right-most address that is no trusted proxy counts, as with on');
  }
  const kept = new Set(scopes.flatMap((scope) => scope.last('keepalive_timeout') ?? []));
  for (const directive of kept) {
    const seconds = readSeconds(words(directive)[0] ?? '');
    if (seconds === undefined) continue;
    gateway.timeouts ??= { idle: Math.max(1, Math.ceil(seconds)) };
    ledger.taken(directive, 'timeouts.idle');
  }
}

type Placed = {
  readonly route: ServerRoute;
  readonly server: Server;
  readonly hosts: readonly string[];
  readonly names: readonly string[];
  readonly tier: number;
};

function listRoutes(
  servers: readonly Server[],
  entries: readonly Entry[],
  policies: Policies | undefined,
  http: Scope,
  middlewares: DraftMiddlewares,
  ledger: Ledger,
): DraftMap[] {
  const shared = {
    ledger,
    middlewares,
    maps: readMaps(http.directives),
    upstreams: readUpstreams(http.directives, ledger),
  };
  const isTotal = servers.length > 1;
  const placed: Placed[] = [];
  for (const server of servers) {
    const verify = policies?.settings.get(server)?.verify ?? 'off';
    const routes = buildRoutes(server, { ...shared, verify, isTotal });
    for (const isDefault of [false, true]) {
      const own = entries.filter(
        (entry) => entry.servers.includes(server) && (entry.defaultServer === server) === isDefault,
      );
      if (own.length === 0) continue;
      const names = own.map(({ name }) => name);
      for (const { hosts, tier } of isDefault ? [{ hosts: [], tier: Infinity }] : tiersOf(server, ledger))
        for (const route of routes) placed.push({ route, server, names, tier, hosts: route.hosts ?? hosts });
    }
  }
  sayMaps(shared.maps, http.directives, ledger);
  const asks = [...(policies?.settings.values() ?? [])].some(({ clientAuth }) => clientAuth !== undefined);
  return written(placed, entries, (server) => asks && (policies?.settings.get(server)?.verify ?? 'off') === 'off');
}

/** Where their variables are used, that is said there; those that decide something are a loss unless they are about certificates. */
function sayMaps(maps: ReadonlyMap<string, VariableMap>, directives: readonly Directive[], ledger: Ledger): void {
  const uses = (list: readonly Directive[], variable: string): boolean =>
    list.some(
      ({ name, args, block = [] }) =>
        (name !== 'map' &&
          !/^(?:add_header|log_format|access_log|expires|more_set_headers)$/.test(name) &&
          args.some(({ text }) => text.includes(variable))) ||
        uses(block, variable),
    );
  for (const [variable, { directive, source }] of maps) {
    const isRead = source.startsWith('$ssl_client') || source === '$http_upgrade';
    if (!isRead && uses(directives, variable)) continue;
    ledger.seen(directive);
    if (isRead) ledger.taken(directive, 'rules where its variable is used');
    else ledger.left(directive, 'nothing is decided by its variable');
  }
}

/** nginx takes the server with the exact name before the longest wildcard before the default; so the names go into tiers. */
function tiersOf({ names, directive }: Server, ledger: Ledger): { hosts: readonly string[]; tier: number }[] {
  if (names.others.length > 0)
    ledger.loses(
      'match_condition',
      directive,
      `${names.others.join(' ')}: a server name with an expression, or a star at its end, has no counterpart; its requests meet the default server`,
    );
  const tiers = new Map<number, string[]>();
  for (const name of [...names.exact, ...names.wildcards]) {
    const tier = name.startsWith('*.') ? 1000 - name.split('.').length : 0;
    tiers.set(tier, [...(tiers.get(tier) ?? []), name]);
  }
  return [...tiers].map(([tier, hosts]) => ({ hosts, tier }));
}

/** `isOpen`: certificates are asked for elsewhere, and that they are not here is meant. */
function written(
  placed: readonly Placed[],
  entries: readonly Entry[],
  isOpen: (server: Server) => boolean,
): DraftMap[] {
  const tiers = [...new Set(placed.map(({ tier }) => tier))].toSorted((a, b) => a - b);
  const step = 1 + Math.max(0, ...placed.map(({ route }) => route.rank));
  const ranks = new Set(placed.map(({ route, tier }) => tiers.indexOf(tier) * step + route.rank));
  const order = [...ranks].toSorted((a, b) => a - b);
  const names = new Set<string>();
  return placed.map(({ route, server, hosts, names: points, tier }) => {
    const priority = order.indexOf(tiers.indexOf(tier) * step + route.rank);
    const base = nameOf(route, server, hosts);
    let name = base;
    for (let n = 2; names.has(name); n++) name = `${base}-${n}`;
    names.add(name);
    const { path, pathMatch, methods, ...more } = route.keys;
    if (isOpen(server)) more.security = { ...(more.security as DraftMap | undefined), clientCert: { required: false } };
    return {
      name,
      path: path ?? '/',
      ...(pathMatch !== undefined && { pathMatch }),
      ...(methods !== undefined && { methods }),
      ...(priority > 0 && { priority }),
      ...(hosts.length > 0 && { hosts: [...hosts] }),
      ...(points.length < entries.length && { entryPoints: [...points] }),
      ...more,
    };
  });
}

function nameOf({ label }: ServerRoute, { names }: Server, hosts: readonly string[]): string {
  const host = hosts[0] ?? names.exact[0] ?? names.wildcards[0] ?? 'default';
  const text = `${host.replace(/^\*\./, 'any.')}-${label}`.replace(/[^A-Za-z0-9.]+/g, '-').replace(/^-+|-+$/g, '');
  return text.slice(0, 80);
}
