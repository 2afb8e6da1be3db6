// Routes of all files: each one read, then looked at together (names, routes that can never be reached).
import type { Cursor } from '../yaml/cursor.ts';
import type { ForwardClientCertConfig, HealthCheckConfig, RouteConfig } from './gateway-config.ts';
import { parseRouteHost } from './host-name.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { readBackendTls } from './read-backend-tls.ts';
import { readBackends, readLoadBalancing } from './read-backends.ts';
import { readForwardClientCert } from './read-client-identity.ts';
import { readRouteClientCert } from './read-route-client-cert.ts';
import { reportMistake } from './reading.ts';
import type { RouteShape } from './route-shape.ts';
import { parseRewrite, parseRoutePath } from './route-path.ts';
import { quote } from '../yaml/tree.ts';

export type WrittenRoute = { readonly shape: RouteShape; readonly at: Cursor };

/** What the gateway decides for its routes. */
export type RouteSurroundings = {
  readonly skipVerify: boolean;
  readonly handshakeMs: number;
  readonly responseMs: number;
  readonly forwardClientCert: ForwardClientCertConfig;
};

const maxRoutes = 50_000;

/** Enabled routes in order of appearance; disabled ones are checked all the same, then dropped. */
export function readRoutes(
  written: readonly WrittenRoute[],
  around: RouteSurroundings,
  problems: ProblemList,
): RouteConfig[] {
  const [first] = written;
  if (first !== undefined && written.length > maxRoutes)
    problems.error('too_many', first.at.place, `more than ${maxRoutes} routes`);
  checkNames(written, problems);
  const all = written.map(({ shape, at }) => ({
    route: readRoute(shape, at, around, problems),
    enabled: isEnabled(shape),
  }));
  const routes = all.filter((one) => one.enabled).map((one) => one.route);
  // A host that could not be read would look like every host.
  if (!problems.hasErrors) warnUnreachable(routes, problems);
  return routes;
}

/** Between contradicting `enabled` and `disabled`, off wins. */
export function isEnabled(shape: RouteShape): boolean {
  return (shape.enabled ?? true) && !(shape.disabled ?? false);
}

function checkNames(written: readonly WrittenRoute[], problems: ProblemList): void {
  const names = new Map<string, Cursor>();
  for (const { shape, at } of written) {
    const name = shape.name ?? '';
    const here = at.down('name');
    const earlier = names.get(name);
    if (name === '') problems.error('missing_key', here.place, 'the route has no `name`');
    else if (name.length > 256 || /[\u0000-\u001f\u007f]/.test(name))
      problems.error('bad_name', here.place, 'the name is longer than 256 characters or holds control characters');
    else if (earlier === undefined) names.set(name, here);
    else
      problems.error(
        'duplicate_name',
        here.place,
        `two routes are called ${quote(name)}`,
        `The first stands in ${earlier.place.file}, line ${earlier.place.line}.`,
      );
  }
}

function readRoute(shape: RouteShape, at: Cursor, around: RouteSurroundings, problems: ProblemList): RouteConfig {
  warnDeprecated(shape, at, problems);
  const backends = readBackends(shape, at, problems);
  const { timeouts, retry, maintenance } = shape;
  const security = at.down('security');
  return {
    name: shape.name ?? '',
    path: readPath(shape, at, problems),
    rewrite: readRewrite(shape, at, problems),
    mergeSlashes: shape.mergeSlashes ?? true,
    priority: shape.priority ?? 0,
    hosts: readHosts(shape.hosts, at, problems),
    methods: readMethods(shape.methods, at, problems),
    backends,
    loadBalancing: readLoadBalancing(shape, backends, at, problems),
    healthCheck: readHealthCheck(shape, at, problems),
    forwardHostHeaders: shape.security?.forwardHostHeaders ?? !(shape.disableHostForwarding ?? false),
    tls: readBackendTls(shape, at, backends, around.skipVerify, problems),
    clientCert: readRouteClientCert(shape.security?.clientCert, security, problems),
    forwardClientCert: readForwardClientCert(
      shape.security?.forwardClientCert,
      security.down('forwardClientCert'),
      problems,
      around.forwardClientCert,
    ),
    maintenance:
      maintenance?.enabled === true
        ? {
            statusCode: maintenance.statusCode ?? 503,
            message: maintenance.message ?? '503 Service temporarily unavailable',
          }
        : undefined,
    timeouts: {
      connectMs: bounded(timeouts?.connect, 5000, at.down('timeouts', 'connect'), problems),
      handshakeMs: bounded(timeouts?.handshake, around.handshakeMs, at.down('timeouts', 'handshake'), problems),
      responseMs: timeouts?.response ?? around.responseMs,
      idleMs: timeouts?.idle ?? 60_000,
    },
    retry: { attempts: retry?.attempts ?? 1, on: [...new Set(retry?.on ?? (['connect', 'refused-stream'] as const))] },
    maxBodyBytes: shape.maxBodyBytes ?? 0,
    place: at.place,
  };
}

function warnDeprecated(shape: RouteShape, at: Cursor, problems: ProblemList): void {
  if (shape.disabled !== undefined)
    problems.warn(
      'deprecated_key',
      at.keyPlace('disabled'),
      'disabled is deprecated',
      'Write enabled, with the opposite value.',
    );
  if (shape.disableHostForwarding !== undefined)
    problems.warn(
      'deprecated_key',
      at.keyPlace('disableHostForwarding'),
      'disableHostForwarding is deprecated',
      'Write security.forwardHostHeaders, with the opposite value.',
    );
  if (shape.retry?.on?.length === 0 && (shape.retry.attempts ?? 1) > 1)
    problems.warn(
      'ignored_key',
      at.down('retry').keyPlace('attempts'),
      'attempts has no effect: `on` lists no failure after which to try again',
    );
}

function readPath(shape: RouteShape, at: Cursor, problems: ProblemList): string {
  if (shape.path === undefined) {
    if (at.isBroken('path')) return '/';
    problems.error('missing_key', at.place, 'the route has no `path`', 'Write path: / for every path.');
    return '/';
  }
  const reading = parseRoutePath(shape.path);
  if ('path' in reading) return reading.path;
  reportMistake(problems, 'bad_path', at.down('path'), shape.path, reading);
  return '/';
}

function readRewrite(shape: RouteShape, at: Cursor, problems: ProblemList): string | undefined {
  if (shape.rewrite === undefined || shape.rewrite === '') return undefined;
  const reading = parseRewrite(shape.rewrite);
  if ('path' in reading) return reading.path;
  reportMistake(problems, 'bad_path', at.down('rewrite'), shape.rewrite, reading);
  return undefined;
}

/** Goma drops empty entries; a list of nothing else would then take every host, so that is an error here. */
function readHosts(hosts: readonly string[] | undefined, at: Cursor, problems: ProblemList): string[] {
  const result = new Set<string>();
  const filled = (hosts ?? []).filter((host) => host !== '');
  for (const [i, host] of (hosts ?? []).entries()) {
    const here = at.down('hosts', i);
    if (host === '') {
      const message = 'an empty host is ignored';
      if (filled.length > 0) problems.warn('empty_value', here.place, message, 'Remove it.');
      else
        problems.error(
          'empty_value',
          here.place,
          `${message}, so the route would take every host`,
          'Name a host, or remove `hosts` if every host is meant.',
        );
      continue;
    }
    const reading = parseRouteHost(host);
    if ('problem' in reading) reportMistake(problems, 'bad_host', here, host, reading);
    else if (result.has(reading.host))
      problems.warn('duplicate_host', here.place, `the host ${quote(reading.host)} is listed twice`);
    else result.add(reading.host);
  }
  return [...result];
}

function readMethods(methods: readonly string[] | undefined, at: Cursor, problems: ProblemList): string[] {
  const result = new Set<string>();
  for (const [i, method] of (methods ?? []).entries()) {
    const here = at.down('methods', i);
    const upper = method.toUpperCase();
    if (!/^[!#$%&'*+\-.^_`|~0-9A-Z]{1,32}$/.test(upper))
      reportMistake(problems, 'bad_method', here, method, { problem: 'is not a method', hint: 'For example GET.' });
    else if (upper === 'CONNECT')
      reportMistake(problems, 'bad_method', here, method, { problem: 'is not for a gateway', hint: 'Remove it.' });
    else if (upper !== method)
      problems.warn(
        'method_case',
        here.place,
        `methods are case-sensitive: ${quote(method)} is taken as ${upper}`,
        `Write ${upper}.`,
      );
    result.add(upper);
  }
  return [...result];
}

function readHealthCheck(shape: RouteShape, at: Cursor, problems: ProblemList): HealthCheckConfig | undefined {
  const check = shape.healthCheck;
  if (check === undefined) return undefined;
  const here = at.down('healthCheck');
  const path = check.path ?? '';
  if (path !== '' && (!path.startsWith('/') || /[\u0000-\u0020\u007f-\uffff#\\]/.test(path)))
    reportMistake(problems, 'bad_path', here.down('path'), path, {
      problem: 'is not a path to ask for',
      hint: 'For example /healthz; a query is allowed.',
    });
  const intervalMs = bounded(check.interval, 30_000, here.down('interval'), problems);
  const timeoutMs = bounded(check.timeout, Math.min(10_000, Math.max(intervalMs, 1)), here.down('timeout'), problems);
  if (intervalMs > 0 && intervalMs < 100)
    problems.error(
      'too_often',
      here.down('interval').place,
      'a health check more often than every 100ms',
      'Give a longer interval.',
    );
  if (timeoutMs > intervalMs)
    problems.warn(
      'long_timeout',
      here.down('timeout').place,
      'the timeout of the health check is longer than its interval',
    );
  return {
    path: path === '' ? '/' : path,
    intervalMs,
    timeoutMs,
    healthyStatuses: [...new Set(check.healthyStatuses ?? [])],
    healthyThreshold: check.healthyThreshold ?? 1,
    unhealthyThreshold: check.unhealthyThreshold ?? 2,
  };
}

/** A wait that must end: 0 is refused. */
function bounded(ms: number | undefined, byDefault: number, at: Cursor, problems: ProblemList): number {
  if (ms === 0)
    problems.error(
      'endless_wait',
      at.place,
      '0 is not possible here: this wait must end',
      'Give a duration above 0, or leave it out for the default.',
    );
  return ms ?? byDefault;
}

/** Same path, same host: the earlier one in the order of matching serves every method that it takes (docs/configuration.md, routes). */
function warnUnreachable(routes: readonly RouteConfig[], problems: ProblemList): void {
  const owners = new Map<string, RouteConfig[]>();
  const ordered = routes.toSorted((a, b) => a.priority - b.priority);
  for (const route of ordered) {
    const hosts = route.hosts.length === 0 ? [''] : route.hosts;
    for (const host of hosts) {
      // Parameters of another name match the same paths and hosts.
      const key = `${host.replace(/^\{[^}]*\}/, '{}')}${route.path.replaceAll(/\{[^}]*\}/g, '{}')}`;
      const earlier = owners.get(key) ?? [];
      const owner = earlier.find((other) => takesAll(other, route));
      if (owner !== undefined)
        problems.warn(
          'unreachable_route',
          route.place,
          `route ${quote(route.name)} is never reached${host === '' ? '' : ` for ${host}`}: route ${quote(owner.name)} has the same path and host and comes first`,
          'Change path, hosts or methods, or give it a lower priority number.',
        );
      else owners.set(key, [...earlier, route]);
    }
  }
}

function takesAll(earlier: RouteConfig, later: RouteConfig): boolean {
  if (earlier.methods.length === 0) return true;
  return later.methods.length > 0 && later.methods.every((method) => earlier.methods.includes(method));
}
