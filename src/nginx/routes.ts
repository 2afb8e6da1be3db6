// The routes of one server: a route for each location, in the order in which nginx would take them, each with what its location
// inherits.
import type { DraftList, DraftMap } from '../import/draft.ts';
import type { DraftMiddlewares } from '../import/draft-middlewares.ts';
import { readAccessRules } from './access-rules.ts';
import { type Answer, refusal } from './answers.ts';
import { readBackendSide } from './backend-side.ts';
import type { Callers } from './condition.ts';
import { type Directive, firstWord } from './directive.ts';
import { clientCert, isClosed, isCondition, noPath } from './guards.ts';
import type { Ledger } from './ledger.ts';
import { type Location, longestPrefix, pathOf, type PathKeys, readLocations } from './locations.ts';
import type { VariableMap } from './maps.ts';
import { readRequestFields } from './request-fields.ts';
import { readResponseFields } from './response-fields.ts';
import { meet, type Phase, readPhase } from './rewrite-phase.ts';
import type { Scope } from './scope.ts';
import type { Server } from './servers.ts';
import { readBytes, type Verify } from './tls-settings.ts';
import type { Upstream } from './upstreams.ts';

export type RoutesContext = {
  readonly ledger: Ledger;
  readonly middlewares: DraftMiddlewares;
  readonly maps: ReadonlyMap<string, VariableMap>;
  readonly upstreams: ReadonlyMap<string, Upstream>;
  readonly verify: Verify;
  /** Every path has to be answered: what is left would meet the routes of another server. */
  readonly isTotal: boolean;
};

/** A route without name, hosts and entry points; `rank`: among those of its server, lower first. */
export type ServerRoute = {
  readonly keys: DraftMap;
  readonly label: string;
  readonly rank: number;
  readonly hosts?: readonly string[];
};

export function buildRoutes(server: Server, context: RoutesContext): ServerRoute[] {
  return new RouteBuilder(server, context).build();
}

/** What a route that answers by itself has besides. */
type Answered = {
  readonly callers?: Callers;
  readonly guards?: readonly string[];
  readonly scope?: Scope;
  readonly middlewares?: readonly string[];
};

const handlers = ['proxy_pass', 'grpc_pass'];

class RouteBuilder {
  readonly #server: Server;
  readonly #context: RoutesContext;
  readonly #phase: Phase;
  readonly #locations: readonly Location[];
  readonly #regexes: readonly Location[];
  /** Paths that a location must not get, since nginx gives them to one with other rules. */
  readonly #beside = new Map<Location, string[]>();
  /** Middlewares of regular expressions that refuse, for every route. */
  readonly #refusals: string[] = [];

  constructor(server: Server, context: RoutesContext) {
    this.#server = server;
    this.#context = context;
    const { locations, named } = readLocations(server.scope);
    this.#phase = readPhase(server.scope.directives, this.#phaseContext(server.scope, true));
    for (const one of named) context.ledger.changed(one, 'nothing is routed there: it is for errors and for files');
    this.#locations = locations.filter((one) => !this.#isRefusal(one));
    this.#regexes = this.#locations.filter(({ kind }) => kind === 'regex');
  }

  build(): ServerRoute[] {
    const { answer, hosts } = this.#phase;
    const routes: ServerRoute[] = hosts.map(({ host, answer: one }) => {
      return { keys: this.#answered({ path: '/' }, one), label: 'host', rank: 0, hosts: [host] };
    });
    if (answer !== undefined) {
      for (const { directive } of this.#locations)
        if (directive !== undefined) {
          this.#context.ledger.seen(directive);
          this.#context.ledger.left(directive, 'nothing gets so far: the server answers everything itself');
        }
      return [...routes, { keys: this.#answered({ path: '/' }, answer), label: '', rank: 0 }];
    }
    const own = new Map<Location, ServerRoute[]>();
    for (const location of this.#locations) own.set(location, this.#routesOf(location));
    for (const [location, paths] of this.#beside) this.#refuseBeside(own.get(location)?.[0]?.keys, paths);
    // A path counts more than a host here: what a host is answered has to go first.
    const isBehind = routes.length > 0 && [...own.values()].flat().some(({ keys }) => keys.path !== '/');
    const behind = [...own.values()].flat().map((one) => (isBehind ? { ...one, rank: one.rank + 1 } : one));
    routes.push(...behind);
    const has = (path: string): boolean => this.#locations.some((one) => one.kind === 'prefix' && one.path === path);
    if (!has('/')) routes.push(...this.#rest());
    return routes;
  }

  #phaseContext(scope: Scope, isServer: boolean) {
    const { ledger, middlewares, maps } = this.#context;
    const { exact, wildcards, others } = this.#server.names;
    const onlyName = exact.length === 1 && wildcards.length + others.length === 0 ? exact[0] : undefined;
    return { ledger, middlewares, maps, scope, onlyName, isServer };
  }

  /** `location ~ /\.ht { deny all; }`: refused wherever it is found, so no route of its own is needed. */
  #isRefusal(location: Location): boolean {
    const { kind, path, directive, parent, ignoreCase } = location;
    const lines = directive?.block ?? [];
    if (kind !== 'regex' || directive === undefined || parent !== undefined) return false;
    const refusing = lines.filter(({ name }) => name === 'deny' || name === 'return');
    const quiet = lines.every(({ name }) => /^(?:deny|return|access_log|log_not_found|allow)$/.test(name));
    const [only, second] = refusing;
    if (only === undefined || second !== undefined || !quiet || lines.some(({ name }) => name === 'allow'))
      return false;
    const status = only.name === 'deny' ? 403 : Number(firstWord(only));
    if ((only.name === 'deny' && firstWord(only) !== 'all') || ![403, 404, 410, 444].includes(status)) return false;
    const { ledger, middlewares } = this.#context;
    this.#refusals.push(
      middlewares.add('access', { statusCode: status === 444 ? 403 : status }, 'refused-paths', [path]),
    );
    ledger.seen(directive);
    if (ignoreCase) ledger.taken(directive, 'middleware access');
    else ledger.changed(directive, 'middleware access, whatever the case');
    return true;
  }

  #routesOf(location: Location): ServerRoute[] {
    const { directive, scope } = location;
    const { ledger } = this.#context;
    if (directive === undefined) return [];
    if (location.parent !== undefined && (location.parent.kind !== 'prefix' || location.kind === 'regex')) {
      ledger.loses(
        'match_condition',
        directive,
        'regular expressions within locations, and locations within regular expressions, have no counterpart',
      );
      return [];
    }
    const path = pathOf(location);
    if (path === undefined) {
      ledger.loses('match_condition', directive, noPath(location));
      return [];
    }
    const rank = this.#rankOf(location);
    ledger.taken(directive, `a route for ${path.path}`);
    const label = path.path;
    const internal = scope.own('internal')[0];
    if (internal !== undefined) {
      ledger.taken(internal, 'response, statusCode 404: for nobody outside');
      return [{ keys: this.#answered(path, { response: refusal() }), label, rank }];
    }
    const keys = this.#keysOf(location, path);
    const routes: ServerRoute[] = [{ keys, label, rank }];
    this.#sayPrefix(location, routes, rank);
    return routes;
  }

  /** What is different about a prefix: `/api` takes `/apix` in nginx, and `/api/` does not take `/api`. */
  #sayPrefix(location: Location, routes: ServerRoute[], rank: number): void {
    const { kind, path, directive } = location;
    const { ledger, middlewares } = this.#context;
    const [route] = routes;
    if (kind !== 'prefix' || path === '/' || directive === undefined || route === undefined) return;
    if (path.endsWith('/')) {
      const bare = path.replace(/\/+$/, '');
      const isOther = this.#locations.some((one) => one !== location && one.path === bare && one.kind !== 'regex');
      if (isOther || !('target' in route.keys || 'backends' in route.keys)) return;
      const middleware = middlewares.add('redirect', { url: path, permanent: true }, 'with-slash');
      const keys = this.#answered({ path: bare, pathMatch: 'exact' }, { response: refusal(), middleware });
      routes.push({ keys, label: `${bare}-slash`, rank: Math.min(rank, 0) });
      return;
    }
    const around = longestPrefix(this.#locations, `${path}x`, location);
    const other = around === undefined ? undefined : this.#guardsOf(around);
    const says = `a route for ${path} and everything below; in nginx it is for ${path}x too, which `;
    if (around === undefined) ledger.changed(directive, `${says}is answered with 404 here`);
    else if (other === this.#guardsOf(location))
      ledger.changed(directive, `${says}meets ${around.path} here, under the same rules`);
    else {
      const beside = this.#beside.get(around) ?? [];
      beside.push(`^${path.replace(/[.*+?()[\]{}|^$\\]/g, '\\$&')}[^/]`);
      this.#beside.set(around, beside);
      ledger.changed(
        directive,
        `${says}would meet ${around.path} here, under other rules: it is refused (middleware access)`,
      );
    }
  }

  #refuseBeside(route: DraftMap | undefined, paths: readonly string[]): void {
    if (route === undefined) return;
    const name = this.#context.middlewares.add('access', { statusCode: 403 }, 'beside', paths);
    const others = Array.isArray(route.middlewares) ? route.middlewares : [];
    route.middlewares = [name, ...others];
  }

  /** Who may call it, as a text to compare. */
  #guardsOf({ scope }: Location): string {
    const names = [
      'allow',
      'deny',
      'auth_basic',
      'auth_basic_user_file',
      'auth_request',
      'satisfy',
      'limit_req',
      'internal',
    ];
    const inherited = names.flatMap((name) => scope.all(name));
    const conditions = scope.directives.filter(isCondition);
    return JSON.stringify([...inherited, ...conditions], (name, value: unknown) =>
      name === 'place' ? undefined : value,
    );
  }

  #rankOf(location: Location): number {
    const { kind, isFinal, directive } = location;
    if (this.#regexes.length === 0) return 0;
    if (kind === 'regex') return 1 + this.#regexes.indexOf(location);
    const below = this.#locations.some(
      (one) => one !== location && one.kind === 'prefix' && !one.isFinal && one.path.startsWith(location.path),
    );
    if (isFinal && below && directive !== undefined)
      this.#context.ledger.loses(
        'match_condition',
        directive,
        '^~ with a longer prefix below it, beside regular expressions, has no counterpart',
      );
    return kind === 'exact' || isFinal ? 0 : 1 + this.#regexes.length;
  }

  #keysOf(location: Location, path: PathKeys): DraftMap {
    const { scope, directive } = location;
    const { ledger } = this.#context;
    const phase = readPhase(scope.directives, this.#phaseContext(scope, false));
    const callers = this.#callers(phase, directive);
    const access = readAccessRules(scope, this.#context.middlewares, ledger);
    const own: Answered = { ...(callers && { callers }), guards: access, scope };
    const methods = meet(this.#limitMethods(scope), phase.methods, this.#phase.methods);
    if (phase.answer !== undefined)
      return this.#answered(path, phase.answer, { ...own, middlewares: phase.middlewares });
    const pass = scope.directives.find(({ name }) => handlers.includes(name));
    if (methods?.length === 0) {
      if (pass !== undefined) ledger.left(pass, 'nothing gets so far: every method is refused');
      return this.#answered(path, { response: refusal(405) }, own);
    }
    if (pass === undefined && isClosed(scope)) return this.#answered(path, { response: refusal(403) }, own);
    if (pass === undefined) {
      if (directive !== undefined) {
        ledger.loses(
          'route_left_out',
          directive,
          'nothing is passed on: files are not served by the gateway; answered with 404',
        );
      }
      return this.#answered(path, { response: refusal() }, own);
    }
    const middlewares = [...access, ...this.#phase.middlewares, ...this.#refusals, ...phase.middlewares];
    const side = readBackendSide(pass, location, phase.isRewritten === true, this.#context.upstreams, ledger);
    if (side === undefined) return this.#answered(path, { response: refusal(502) }, own);
    return {
      ...path,
      ...(methods !== undefined && { methods: [...methods] }),
      ...side.keys,
      ...this.#proxied(scope, side.tls, callers, middlewares),
    };
  }

  /** Everything of a route with backends that is not about where they are. */
  #proxied(scope: Scope, tls: DraftMap, callers: Callers | undefined, guards: readonly string[]): DraftMap {
    const { ledger, maps, verify, middlewares } = this.#context;
    const family = scope.directives.some(({ name }) => name === 'grpc_pass') ? 'grpc_set_header' : 'proxy_set_header';
    const ports = new Set(this.#server.listens.map(({ port }) => port));
    const isAuthenticated = verify === 'on' || callers !== undefined;
    const cert = clientCert(callers, verify);
    const fields = readRequestFields(scope.all(family), {
      ledger,
      scope,
      maps,
      isAuthenticated,
      asksForCertificates: verify !== 'off',
      port: ports.size === 1 ? String([...ports][0]) : undefined,
    });
    const names = [...guards];
    if (Object.keys(fields.edits).length > 0) names.push(middlewares.add('requestHeaders', fields.edits, 'to-backend'));
    const answers = readResponseFields(scope, ledger);
    if (Object.keys(answers).length > 0) names.push(middlewares.add('responseHeaders', answers, 'to-client'));
    const security: DraftMap = {
      forwardHostHeaders: fields.forwardsHost,
      ...(cert !== undefined && { clientCert: cert }),
      ...(Object.keys(tls).length > 0 && { tls }),
      ...(fields.custom.length > 0 && { forwardClientCert: { custom: [...fields.custom] } }),
    };
    const size = scope.last('client_max_body_size');
    const bytes = size === undefined ? 1024 ** 2 : readBytes(firstWord(size));
    if (size !== undefined) ledger.taken(size, 'maxBodyBytes');
    return {
      security,
      ...(names.length > 0 && { middlewares: [...new Set(names)] }),
      ...(!fields.upgrades && family === 'proxy_set_header' && { upgrades: [] as DraftList }),
      ...(bytes !== undefined && bytes > 0 && { maxBodyBytes: bytes }),
    };
  }

  #callers(phase: Phase, directive: Directive | undefined): Callers | undefined {
    const { ledger } = this.#context;
    const [outer, inner] = [this.#phase.callers, phase.callers];
    if (
      outer?.allow !== undefined &&
      inner?.allow !== undefined &&
      JSON.stringify(outer) !== JSON.stringify(inner) &&
      directive !== undefined
    )
      ledger.loses(
        'identity_rule',
        directive,
        'subjects of the server and of the location: both rules would have to hold, here one of a list suffices',
      );
    return inner?.allow === undefined ? (outer ?? inner) : inner;
  }

  /** `limit_except GET { deny all; }` */
  #limitMethods(scope: Scope): readonly string[] | undefined {
    const directive = scope.own('limit_except')[0];
    if (directive === undefined) return undefined;
    const [only, second] = directive.block ?? [];
    const { ledger } = this.#context;
    if (only?.name !== 'deny' || firstWord(only) !== 'all' || second !== undefined) {
      ledger.loses('address_rule', directive, 'other methods are for some clients only, which has no counterpart');
      return undefined;
    }
    ledger.taken(directive, 'methods of the route; others get 405');
    ledger.seen(only);
    return directive.args.map(({ text }) => text);
  }

  #answered(path: PathKeys, answer: Answer, own: Answered = {}): DraftMap {
    const { callers = this.#phase.callers, guards = [], scope = this.#server.scope, middlewares = [] } = own;
    const names = [...guards, ...this.#phase.middlewares, ...this.#refusals, ...middlewares];
    if (answer.middleware !== undefined) names.push(answer.middleware);
    const fields = readResponseFields(scope, this.#context.ledger);
    if (Object.keys(fields).length > 0)
      names.push(this.#context.middlewares.add('responseHeaders', fields, 'to-client'));
    const cert = clientCert(callers, this.#context.verify);
    return {
      ...path,
      response: answer.response,
      ...(cert !== undefined && { security: { clientCert: cert } }),
      ...(names.length > 0 && { middlewares: [...new Set(names)] }),
    };
  }

  /** What no location is for: a handler of the server itself there is none, so files. */
  #rest(): ServerRoute[] {
    const { isTotal, ledger } = this.#context;
    const root = this.#server.scope.last('root');
    if (root !== undefined)
      ledger.loses('route_left_out', root, 'files are not served by the gateway; answered with 404');
    if (!isTotal && this.#locations.length > 0) return [];
    const rank = this.#regexes.length === 0 ? 0 : 1 + this.#regexes.length;
    return [{ keys: this.#answered({ path: '/' }, { response: refusal() }), label: 'rest', rank }];
  }
}
