// Caddy goes through its routes in their order; each that fits adds something (a login, a header, a new path) until one answers. Here every
// answer is a route that says all of it: the walk carries what holds so far from route to route.
import type { DraftMap } from '../import/draft.ts';
import type { DraftMiddlewares } from '../import/draft-middlewares.ts';
import type { SourceMap } from '../import/source-map.ts';
import { readAnswer } from './answers.ts';
import { readFieldEdits } from './fields.ts';
import { readFilter } from './filters.ts';
import { type MatchSet, readAllOf, readMatchSets } from './matchers.ts';
import { readBackends } from './reverse-proxy.ts';
import { narrowWay, type Way } from './way.ts';

export type Emitted = { readonly way: Way; readonly keys: DraftMap };

export class Walk {
  readonly emitted: Emitted[] = [];
  readonly #ours: DraftMiddlewares;

  constructor(ours: DraftMiddlewares) {
    this.#ours = ours;
  }

  /** True where no request gets past them. */
  routes(routes: readonly SourceMap[], way: Way): boolean {
    for (const [i, route] of routes.entries()) {
      if (!this.#route(route, way)) continue;
      for (const rest of routes.slice(i + 1)) {
        readAllOf(rest);
        rest.reading.report.left(rest, 'route', 'nothing gets so far: the one before it answers everything');
      }
      return true;
    }
    return false;
  }

  #route(route: SourceMap, way: Way): boolean {
    const { report } = route.reading;
    const sets = readMatchSets(route);
    const handlers = route.maps('handle');
    const ends = route.text('terminal') === 'true';
    const group = route.get('group');
    const strange = sets.flatMap((set) => set.strange);
    if (strange.length > 0) {
      for (const matcher of strange)
        report.loses(
          'match_condition',
          matcher,
          matcher.shown,
          'a matcher that has no counterpart: what it is for is left out',
        );
      for (const handler of handlers) readAllOf(handler);
      return false;
    }
    if (handlers.some(answers) || ends) return this.#answering(route, sets, handlers, way);
    // The rest of a group is passed over where one of it fits, be it answered or not.
    if (group !== undefined && handlers.some((handler) => handler.text('handler') === 'subroute')) {
      for (const handler of handlers) readAllOf(handler);
      report.loses(
        'match_condition',
        group,
        group.shown,
        'a handle that answers nothing keeps requests from those beside it',
      );
      return false;
    }
    this.#adding(route, sets, handlers, way);
    return false;
  }

  /** A route that answers at least some requests. */
  #answering(route: SourceMap, sets: readonly MatchSet[], handlers: readonly SourceMap[], way: Way): boolean {
    const { report } = route.reading;
    if (this.#refusesAddresses(sets, handlers, way)) return false;
    let isOver = false;
    for (const set of sets) {
      if (way.rewritten && set.paths !== undefined) {
        report.loses(
          'path_rewrite',
          route,
          'match path',
          'it is about the path that was rewritten before; here routes go by the path of the client',
        );
        for (const handler of handlers) readAllOf(handler);
        continue;
      }
      for (const path of set.paths ?? [undefined]) {
        const inner = narrowWay(way, set, path);
        if (inner === 'unclear') {
          const says = 'an expression over the path within another path: what it is for is left out';
          report.loses('match_condition', route, 'path_regexp', says);
          for (const handler of handlers) readAllOf(handler);
          continue;
        }
        if (inner === undefined) {
          for (const handler of handlers) readAllOf(handler);
          continue;
        }
        if (set.addresses !== undefined) {
          const { ranges, negated } = set.addresses;
          inner.filters.unshift(
            this.#ours.add(
              'accessPolicy',
              { action: negated ? 'DENY' : 'ALLOW', sourceRanges: [...ranges] },
              'addresses',
            ),
          );
          report.changed(route, 'remote_ip', 'clients from elsewhere are refused, and meet no other route');
        }
        const before = inner.filters.length;
        const ended = this.#handle(handlers, inner) || this.#end(route, inner);
        const isEverything =
          set.hosts === undefined &&
          path === undefined &&
          Object.keys(set.match).length === 0 &&
          set.addresses === undefined;
        if (ended && isEverything) isOver = true;
        if (!ended && inner.filters.length > before && !isEverything)
          report.loses(
            'request_filter',
            route,
            'route',
            'what it adds for some requests, and does not answer, would not hold behind it',
          );
        if (!ended && isEverything) {
          way.filters.splice(0, way.filters.length, ...inner.filters);
          Object.assign(way.keys, inner.keys);
          way.rewritten = inner.rewritten;
        }
      }
    }
    return isOver;
  }

  /** What a route does not answer goes on, unless it is the last, or in a group. */
  #end(route: SourceMap, way: Way): boolean {
    const group = route.get('group');
    if (route.text('terminal') === 'true') {
      this.#emit(way, { response: { statusCode: 404 } });
      return true;
    }
    if (group !== undefined)
      route.reading.report.loses(
        'match_condition',
        group,
        group.shown,
        'what a handle does not answer meets nothing of those beside it, and would here',
      );
    return false;
  }

  /** `@denied not remote_ip 10.0.0.0/8`, `respond @denied 403`: who is not refused goes on. */
  #refusesAddresses(sets: readonly MatchSet[], handlers: readonly SourceMap[], way: Way): boolean {
    const [set, second] = sets;
    const [handler, more] = handlers;
    if (set?.addresses === undefined || second !== undefined || handler === undefined || more !== undefined)
      return false;
    if (set.hosts !== undefined || set.paths !== undefined || Object.keys(set.match).length > 0) return false;
    const status = Number(handler.text('status_code') ?? 0);
    const isRefusal =
      handler.text('handler') === 'static_response' && (status >= 400 || handler.has('abort') || handler.has('close'));
    if (!isRefusal) return false;
    readAllOf(handler);
    const { ranges, negated } = set.addresses;
    way.filters.push(
      this.#ours.add('accessPolicy', { action: negated ? 'ALLOW' : 'DENY', sourceRanges: [...ranges] }, 'addresses'),
    );
    handler.reading.report.taken(handler, 'remote_ip', 'middleware accessPolicy');
    return true;
  }

  /** A route that answers nothing: what it adds holds for those behind it. */
  #adding(route: SourceMap, sets: readonly MatchSet[], handlers: readonly SourceMap[], way: Way): void {
    const { report } = route.reading;
    const isPlain = sets.every(
      ({ hosts, match, addresses }) =>
        hosts === undefined && addresses === undefined && Object.keys(match).length === 0,
    );
    const scopes = sets.some(({ paths }) => paths === undefined)
      ? []
      : sets.flatMap(({ paths }) => paths ?? []).map(({ scope }) => scope);
    for (const handler of handlers) {
      const name = handler.text('handler') ?? '';
      const inner = handler.maps('routes');
      if (name === 'subroute' && isPlain && scopes.length === 0) this.routes(inner, way);
      else if (name === 'subroute' && inner.length > 0) {
        readAllOf(handler);
        report.loses('request_filter', handler, 'subroute', 'what it adds for some requests has no counterpart');
      } else this.#filter(handler, isPlain ? scopes : undefined, way);
    }
  }

  /** `scopes`: paths that it is for; none: all. undefined: it is for requests that `paths` of a middleware cannot name. */
  #filter(handler: SourceMap, scopes: readonly string[] | undefined, way: Way): void {
    const { report } = handler.reading;
    const name = handler.text('handler') ?? '';
    const made = readFilter(handler);
    if (made.kind === 'said') return;
    if (made.kind === 'keys') {
      if (scopes?.length === 0) Object.assign(way.keys, made.keys);
      else report.changed(handler, name, 'left out: it is for some paths only');
      return;
    }
    if (scopes === undefined) {
      if (made.guards)
        report.loses('request_filter', handler, name, 'it is for some requests only, by more than their path');
      else report.changed(handler, name, 'left out: it is for some requests only, by more than their path');
      return;
    }
    if (made.rewrites && scopes.length > 0)
      report.loses(
        'path_rewrite',
        handler,
        name,
        'a rewrite for some paths only, of requests that another route answers',
      );
    if (made.rewrites) way.rewritten = true;
    for (const { type, rule } of made.middlewares) way.filters.push(this.#ours.add(type, rule, type, scopes));
    report.taken(handler, name, `middleware ${made.middlewares.map(({ type }) => type).join(', ')}`);
  }

  #handle(handlers: readonly SourceMap[], way: Way): boolean {
    for (const [i, handler] of handlers.entries()) {
      if (this.#one(handler, way)) {
        for (const rest of handlers.slice(i + 1)) readAllOf(rest);
        return true;
      }
    }
    return false;
  }

  /** True where it answers. */
  #one(handler: SourceMap, way: Way): boolean {
    const { report } = handler.reading;
    const name = handler.text('handler') ?? '';
    switch (name) {
      case 'subroute': {
        const errors = handler.get('errors');
        if (errors?.map !== undefined) readAllOf(errors.map);
        if (errors !== undefined)
          report.changed(errors, 'errors', 'bodies of errors are the gateway’s own; errorInterceptor has others');
        return this.routes(handler.maps('routes'), way);
      }
      case 'reverse_proxy':
        this.#proxy(handler, way);
        return true;
      case 'static_response':
      case 'error':
        this.#respond(handler, way);
        return true;
      case 'file_server':
      case 'acme_server':
        readAllOf(handler);
        report.loses('route_left_out', handler, name, 'files are not served by the gateway; answered with 404');
        this.#emit(way, { response: { statusCode: 404 } });
        return true;
      default:
        this.#filter(handler, [], way);
        return false;
    }
  }

  #proxy(handler: SourceMap, way: Way): void {
    const { report } = handler.reading;
    const asks = handler.get('handle_response');
    if (asks !== undefined) {
      for (const one of asks.items) if (one.map !== undefined) readAllOf(one.map);
      const rewrite = handler.map('rewrite');
      if (rewrite !== undefined) readAllOf(rewrite);
      report.loses(
        'external_authorization',
        asks,
        'handle_response',
        'forward_auth is a middleware of type forwardAuth here: write its URL and headers there',
      );
    }
    const backends = readBackends(handler);
    const headers = handler.map('headers');
    const request = readFieldEdits(headers?.map('request'), 'request');
    const response = readFieldEdits(headers?.map('response'), 'response');
    const filters = [...way.filters];
    if (Object.keys(request.rule).length > 0)
      filters.push(this.#ours.add('requestHeaders', request.rule, 'to-backend'));
    if (Object.keys(response.rule).length > 0)
      filters.push(this.#ours.add('responseHeaders', response.rule, 'to-client'));
    const path = handler.map('rewrite');
    if (path !== undefined && asks === undefined) {
      readAllOf(path);
      report.loses('path_rewrite', path, 'rewrite', 'write rewrite on the route');
    }
    const security: DraftMap = {
      ...(request.hostOfBackend && { forwardHostHeaders: false }),
      ...(backends !== undefined && Object.keys(backends.tls).length > 0 && { tls: backends.tls }),
    };
    const where = backends?.keys ?? { response: { statusCode: 502 } };
    this.#emit({ ...way, filters }, { ...where, ...(Object.keys(security).length > 0 && { security }) });
  }

  #respond(handler: SourceMap, way: Way): void {
    const { keys, middleware } = readAnswer(handler, this.#ours);
    this.#emit(middleware === undefined ? way : { ...way, filters: [...way.filters, middleware] }, keys);
  }

  #emit(way: Way, keys: DraftMap): void {
    this.emitted.push({ way: { ...way, filters: [...way.filters], keys: { ...way.keys } }, keys });
  }
}

/** Somewhere in it a request is answered. */
function answers(handler: SourceMap): boolean {
  const name = handler.text('handler');
  if (name === 'subroute') return handler.maps('routes').some((route) => route.maps('handle').some(answers));
  return ['reverse_proxy', 'static_response', 'file_server', 'error', 'acme_server'].includes(name ?? '');
}
