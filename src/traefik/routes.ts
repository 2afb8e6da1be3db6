// The routes of all routers, in the order in which Traefik would take them.
import type { DraftList, DraftMap } from '../import/draft.ts';
import type { DraftMiddlewares } from '../import/draft-middlewares.ts';
import type { Conditions } from './conditions.ts';
import type { TraefikEntry } from './entry-points.ts';
import type { Policies } from './policies.ts';
import { goesFirst, mayShareHosts } from '../import/route-order.ts';
import type { Router } from './routers.ts';
import { backendKeys, type Services } from './services.ts';

export type RoutesContext = {
  readonly services: Services;
  readonly ours: DraftMiddlewares;
  readonly policies: Policies;
  readonly nameOf: (entry: TraefikEntry) => { readonly name: string; readonly tls: boolean } | undefined;
  /** Of entry points that serve. */
  readonly count: number;
};

type Made = {
  readonly router: Router;
  readonly conditions: Conditions;
  readonly keys: DraftMap;
  readonly points: readonly string[];
};

export function buildRoutes(routers: readonly Router[], context: RoutesContext): DraftMap[] {
  const made = routers
    .flatMap((router) => makeRoutes(router, context))
    .toSorted((a, b) => b.router.priority - a.router.priority);
  sayPrefixes(made, context);
  const ranks = [...new Set(made.map(({ router }) => router.priority))];
  const isPlain = made.every((first, i) =>
    made
      .slice(i + 1)
      .every(
        (second) =>
          first.router.priority === second.router.priority ||
          !shares(first, second) ||
          goesFirst(first.conditions, second.conditions),
      ),
  );
  return made.map(({ router, keys }) => {
    const priority = isPlain ? 0 : ranks.indexOf(router.priority);
    const { name, path, pathMatch, match, hosts, entryPoints, ...more } = keys;
    return {
      name: name ?? router.name,
      path: path ?? '/',
      ...(pathMatch !== undefined && { pathMatch }),
      ...(match !== undefined && { match }),
      ...(priority > 0 && { priority }),
      ...(hosts !== undefined && { hosts }),
      ...(entryPoints !== undefined && { entryPoints }),
      ...more,
    };
  });
}

function shares(a: Made, b: Made): boolean {
  return a.points.some((name) => b.points.includes(name));
}

function makeRoutes(router: Router, { services, ours, policies, nameOf, count }: RoutesContext): Made[] {
  const { source, choices, effects, options, name } = router;
  const { report } = source.reading;
  // One without TLS is served where there is none.
  const points = router.entries.flatMap((entry) => {
    const point = nameOf(entry);
    if (point === undefined || point.tls !== (options !== undefined)) return [];
    return entry.redirect === undefined ? [point.name] : [];
  });
  if (points.length === 0) {
    report.left(source, name, 'no request gets to it: its entry points send everything elsewhere, or there is none');
    return [];
  }
  const asked = router.service;
  const service = asked?.text === undefined ? undefined : services.find(asked.text, asked);
  if (asked === undefined) report.refuse('no_service', source, name, 'a router without a service');
  else report.taken(asked, asked.shown, 'target, backends');
  const tls = service === undefined ? {} : services.tlsOf(service);
  const required = policies.options.get(options ?? '')?.keys.clientAuth as DraftMap | undefined;
  const security: DraftMap = {
    ...(service?.forwardsHost === false && { forwardHostHeaders: false }),
    ...(policies.asks && required?.required !== true && { clientCert: { required: false } }),
    ...(Object.keys(tls).length > 0 &&
      (service?.backends.some(({ endpoint }) => typeof endpoint === 'string' && endpoint.startsWith('https:')) ??
        false) && {
        tls: structuredClone(tls),
      }),
    ...(effects.custom.length > 0 && { forwardClientCert: { custom: [...effects.custom] } }),
  };
  return choices.map((conditions, i) => {
    const addresses = conditions.addresses.map((rule) => ours.add('accessPolicy', rule, `${name}-addresses`));
    if (addresses.length > 0)
      report.changed(router.rule, router.rule.shown, 'clients from elsewhere are refused, and meet no other route');
    const names = [...new Set([...addresses, ...effects.names])];
    const { hosts, path, pathMatch, match } = conditions;
    const keys: DraftMap = {
      name: choices.length === 1 ? name : `${name}-${i + 1}`,
      path,
      ...(pathMatch !== undefined && { pathMatch }),
      ...(Object.keys(match).length > 0 && { match: structuredClone(match) }),
      ...(hosts.length > 0 && { hosts: [...hosts] }),
      ...(points.length < count && { entryPoints: [...points] }),
      ...(service === undefined || service.backends.length === 0
        ? { response: { statusCode: 503 } }
        : backendKeys(service)),
      ...effects.keys,
      ...(Object.keys(security).length > 0 && { security }),
      ...(names.length > 0 && { middlewares: names }),
    };
    return { router, conditions, keys, points };
  });
}

/** `/api` is for `/apix` in Traefik, too, and `/api/` not for `/api`. What would meet a route with other rules is refused. */
function sayPrefixes(made: Made[], { ours }: RoutesContext): void {
  for (const one of made.slice()) {
    const { prefix, hosts } = one.conditions;
    if (prefix === undefined || prefix === '/') continue;
    const { report } = one.router.source.reading;
    const around = made.filter((other) => {
      const shorter =
        other.conditions.prefix ??
        (other.conditions.path === '/' && other.conditions.pathMatch === undefined ? '/' : undefined);
      return (
        other !== one &&
        other.router.priority < one.router.priority &&
        shorter !== undefined &&
        shorter.length < prefix.length &&
        prefix.startsWith(shorter) &&
        shares(one, other) &&
        mayShareHosts(hosts, other.conditions.hosts)
      );
    });
    if (prefix.endsWith('/')) {
      const bare = prefix.replace(/\/+$/, '');
      const [fallback] = around.toSorted((a, b) => b.conditions.path.length - a.conditions.path.length);
      const keys: DraftMap = {
        ...(fallback === undefined ? { response: { statusCode: 404 } } : structuredClone(fallback.keys)),
      };
      Object.assign(keys, { name: `${one.router.name}-bare`, path: bare, pathMatch: 'exact' });
      for (const key of ['hosts', 'entryPoints', 'match'] as const) {
        delete keys[key];
        if (one.keys[key] !== undefined) keys[key] = structuredClone(one.keys[key]);
      }
      made.push({ ...one, conditions: { ...one.conditions, path: bare, pathMatch: 'exact' }, keys });
      continue;
    }
    const stricter = around.filter((other) => guardsOf(other) !== guardsOf(one));
    for (const { keys } of stricter) {
      const name = ours.add('access', { statusCode: 403 }, 'beside', [
        `^${prefix.replace(/[.*+?()[\]{}|^$\\]/g, '\\$&')}[^/]`,
      ]);
      keys.middlewares = [name, ...((keys.middlewares as DraftList | undefined) ?? [])];
    }
    const what =
      stricter.length > 0 ? 'is refused there, since other rules hold' : 'meets another route, or none, here';
    report.changed(
      one.router.rule,
      one.router.rule.shown,
      `${prefix} and everything below; Traefik takes ${prefix}x too, which ${what}`,
    );
  }
}

function guardsOf({ keys, router }: Made): string {
  const { middlewares } = keys;
  return JSON.stringify([
    (Array.isArray(middlewares) ? middlewares : []).filter((name) => name !== 'beside'),
    router.options,
    (keys.security as DraftMap | undefined)?.clientCert,
  ]);
}
