// Routes of all files: each one read, then looked at together (names, routes that can never be reached).
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import { duration, flag, integer, list, map, oneOf, text } from './atoms.ts';
import { backendTlsKeys, readBackendTls } from './backend-tls.ts';
import { backendShape, readBackends, readLoadBalancing } from './backends.ts';
import { certificatePairShape } from './certificate-pair.ts';
import { readRouteForwardClientCert, routeForwardClientCertShape } from './forward-client-cert.ts';
import type { ForwardClientCertConfig, RouteConfig } from './gateway-config.ts';
import { healthCheckShape, readHealthCheck } from './health-check.ts';
import { parseRouteHost } from './host-name.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { block, declared, key, writtenDefault } from './key.ts';
import { reportEndless, reportMistake } from './reading.ts';
import { readRouteClientCert, routeClientCertExample, routeClientCertShape } from './route-client-cert.ts';
import { parseRewrite, parseRoutePath } from './route-path.ts';
import { ignored, refused } from './support.ts';
import { transportKeys } from './transport.ts';
import { quote } from '../yaml/tree.ts';

export const exploitProtection = refused(
  'let requests through that Goma blocks',
  'Remove it, or filter in front of the gateway.',
);
declared.add(exploitProtection, { oursAlone: true });

/** What earlier versions of Goma knew and 0.13 ignores. */
const keysOfOlderGoma = {
  enableExploitProtection: exploitProtection,
  enableBotDetection: refused(
    'let requests through that Goma blocked',
    'Remove it, or filter in front of the gateway.',
  ),
  blocklist: refused('open paths that were forbidden', 'Remove it, or filter in front of the gateway.'),
  rateLimit: refused('let clients send without a limit', 'Limit them in front of the gateway.'),
  interceptErrors: ignored('error answers are not replaced'),
  disableHeaderXForward: ignored('backends are told the address and the protocol of the client'),
  disableHostFording: ignored('security.forwardHostHeaders decides', 'Write security.forwardHostHeaders.'),
};

const routeTlsKeys = {
  certificate: key(certificatePairShape, {
    says: 'Certificate for the hosts of this route.',
    page: '`{cert: S, key: S}` for the hosts of the route; shared like those of `gateway.tls`.',
  }),
  certificates: key(list(certificatePairShape), {
    says: 'Certificates for the hosts of this route.',
    page: 'The same, a list.',
    oursAlone: true,
  }),
  provider: ignored(
    'certificates are not fetched; the route uses those of gateway.tls',
    'Give the certificate as files.',
  ),
};

const maintenanceKeys = {
  enabled: key(flag, {
    default: false,
    restricts: true,
    page: 'Goma. The gateway answers every request of the route itself.',
  }),
  statusCode: key(integer(200, 599), { says: 'Default {default}.', default: 503, page: 'Goma. Of that answer.' }),
  message: key(text, {
    says: 'Default "{default}".',
    default: '503 Service temporarily unavailable',
    page: 'Goma. Its text.',
  }),
};

const timeoutsKeys = {
  connect: key(duration, {
    says: 'TCP connect. Default {default}.',
    default: '5s',
    page: 'own. TCP connect; not `0`.',
  }),
  handshake: key(duration, {
    says: `TLS handshake with the backend. Default ${writtenDefault(transportKeys.tlsHandshakeTimeout)}s.`,
    unset: '`networking.transport.tlsHandshakeTimeout`',
    page: 'own. TLS handshake with the backend; not `0`.',
  }),
  response: key(duration, {
    says: `From the end of the request to the head of the response. Default ${writtenDefault(transportKeys.responseHeaderTimeout)}s; 0 = none.`,
    unset: '`networking.transport.responseHeaderTimeout`',
    page: 'own. From the end of the request to the head of the response. `0`: none.',
  }),
  idle: key(duration, {
    says: 'Between two pieces of the response. Default {default}; 0 = none.',
    default: '60s',
    page: 'own. Between two pieces of the response. `0`: none.',
  }),
};

const retryKeys = {
  attempts: key(integer(1, 10), {
    says: 'Attempts in all; 1 = no retry.',
    default: 1,
    page: 'own. Attempts in all, {min} to {max}; 1: no retry.',
  }),
  on: key(list(oneOf(['connect', 'refused-stream'])), {
    says: 'Failures after which another attempt is made. Default {default}; refused-stream has no effect yet.',
    default: ['connect'],
    page: 'own. Failures after which another attempt is made. `refused-stream` has no effect before backends are spoken to in HTTP/2 (warning).',
  }),
};

export const routeShape = map({
  name: key(text, {
    says: 'Unique name; required.',
    unset: 'required',
    page: 'Unique over all files.',
  }),
  path: key(text, {
    says: 'Prefix on a segment boundary; {param} stands for one whole segment; required.',
    unset: 'required',
    restricts: true,
    page: 'Prefix on a segment boundary; `{param}` stands for one whole segment. No wildcards, no `{id:regex}`, no query; a slash at the end is dropped.',
  }),
  rewrite: key(text, { says: 'Replaces the matched prefix.', restricts: true }),
  mergeSlashes: key(flag, {
    says: 'Default {default}. False: the backend gets empty segments within the path as they came.',
    default: true,
    page: 'own. `false`: the backend gets empty segments within the path as they came (`/proxy/https://host/x`). See [Paths](#paths).',
  }),
  priority: key(integer(-1_000_000, 1_000_000), {
    says: 'Lower first. Default {default}.',
    default: 0,
    page: "Lower first, as in Goma's code (its manual says the opposite).",
  }),
  enabled: key(flag, {
    says: 'Default {default}.',
    default: true,
    restricts: true,
    page: 'Disabled routes are checked, then left out.',
  }),
  disabled: key(flag, {
    says: 'Deprecated: the opposite of enabled.',
    restricts: true,
    page: 'Deprecated: the opposite of `enabled`; where both are given, off wins.',
  }),
  hosts: key(list(text), {
    says: 'Exact names, *.example.com, {sub}.example.com. Omitted: every host.',
    unset: 'every host',
    oursAlone: true,
    page: 'Exact, `*.example.com`, `{sub}.example.com` (one label), IP addresses. A host with a port is an error. A list that is empty after empty entries are dropped is an error.',
  }),
  methods: key(list(text), {
    says: 'Methods that are let through. Omitted: all.',
    unset: 'all',
    page: 'HEAD goes with GET. Lower case is taken as upper case, with a warning.',
  }),
  target: key(text, {
    says: 'The one backend; ignored where backends is given.',
    page: 'URL of the one backend. Ignored where `backends` is given (warning).',
  }),
  destination: key(text, { says: 'Deprecated name of target.', page: 'Deprecated name of `target`.' }),
  backends: key(list(backendShape), { says: 'Several backends.', default: [], table: 'backends' }),
  loadBalancing: key(oneOf(['roundRobin', 'weighted', 'leastRequest', 'hash'], true), {
    says: 'roundRobin or weighted. Default: weighted where a backend has a weight. leastRequest and hash come later.',
    unset: '`weighted` where a backend has a weight, else `roundRobin`',
    page: 'own. `leastRequest` and `hash` come later: error.',
  }),
  healthCheck: key(healthCheckShape, {
    says: 'Active health check over the same TLS identity as requests.',
    unset: 'none',
  }),
  security: block(
    {
      forwardHostHeaders: key(flag, {
        says: 'true: the backend sees the Host of the client. Default {default}.',
        default: true,
        page: 'Goma. The backend sees the Host of the client.',
      }),
      tls: block(backendTlsKeys, { says: 'TLS to the backends.', table: 'securitytls' }),
      clientCert: key(routeClientCertShape, {
        says: 'Who may call the route. Default: whom the policy lets in.',
        unset: 'whom the policy lets in',
        page: 'own. Who may call the route.',
        example: routeClientCertExample,
        table: 'securityclientcert',
      }),
      forwardClientCert: key(routeForwardClientCertShape, {
        says: 'Overrides single keys of gateway.forwardClientCert.',
        unset: "the gateway's",
        page: 'own. Overrides single keys.',
        oursAlone: true,
        example: 'For example forwardClientCert: {mode: sanitizeSet}.',
        table: 'forwardclientcert',
      }),
      enableExploitProtection: exploitProtection,
    },
    { oursAlone: true },
  ),
  disableHostForwarding: key(flag, {
    says: 'Deprecated: the opposite of security.forwardHostHeaders.',
    page: 'Goma, deprecated: the opposite of `security.forwardHostHeaders`.',
  }),
  insecureSkipVerify: key(flag, {
    says: 'Deprecated name of security.tls.insecureSkipVerify.',
    page: 'Goma, deprecated: see `security.tls`.',
  }),
  blockCommonExploits: exploitProtection,
  tls: block(routeTlsKeys, { says: 'Certificates for the hosts of the route.' }),
  maintenance: block(maintenanceKeys, { oursAlone: true }),
  middlewares: key(list(text), {
    says: 'Names of middlewares. None is implemented in this version.',
    default: [],
    oursAlone: true,
    page: 'Names. [Below](#middlewares).',
  }),
  timeouts: block(timeoutsKeys),
  retry: block(retryKeys),
  maxBodyBytes: key(integer(0), {
    says: 'Largest request body; 0 = no limit.',
    default: 0,
    oursAlone: true,
    page: 'own. Largest request body; `0`: no limit.',
  }),
  disableMetrics: ignored('the requests of the route are counted'),
  cors: ignored('no CORS header is added; browsers refuse what they would refuse without it'),
  errorInterceptor: ignored('error answers are not replaced'),
  ...keysOfOlderGoma,
});
export type RouteShape = z.output<typeof routeShape>;

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
  return shape.enabled && shape.disabled !== true;
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
  const handshakeMs = timeouts.handshake ?? around.handshakeMs;
  reportEndless(timeouts.connect, at.down('timeouts', 'connect'), problems);
  reportEndless(handshakeMs, at.down('timeouts', 'handshake'), problems);
  return {
    name: shape.name ?? '',
    path: readPath(shape, at, problems),
    rewrite: readRewrite(shape, at, problems),
    mergeSlashes: shape.mergeSlashes,
    priority: shape.priority,
    hosts: readHosts(shape.hosts, at, problems),
    methods: readMethods(shape.methods, at, problems),
    backends,
    loadBalancing: readLoadBalancing(shape, backends, at, problems),
    healthCheck: readHealthCheck(shape.healthCheck, at, problems),
    forwardHostHeaders: readForwardHostHeaders(shape, security),
    tls: readBackendTls(shape, at, backends, around.skipVerify, problems),
    clientCert: readRouteClientCert(shape.security.clientCert, security, problems),
    forwardClientCert: readRouteForwardClientCert(
      shape.security.forwardClientCert,
      security.down('forwardClientCert'),
      around.forwardClientCert,
      problems,
    ),
    maintenance: maintenance.enabled ? { statusCode: maintenance.statusCode, message: maintenance.message } : undefined,
    timeouts: {
      connectMs: timeouts.connect,
      handshakeMs,
      responseMs: timeouts.response ?? around.responseMs,
      idleMs: timeouts.idle,
    },
    retry: { attempts: retry.attempts, on: readRetryOn(retry.on, at.down('retry', 'on'), problems) },
    maxBodyBytes: shape.maxBodyBytes,
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
  if (!shape.retry.on.includes('connect') && shape.retry.attempts > 1)
    problems.warn(
      'ignored_key',
      at.down('retry').keyPlace('attempts'),
      'attempts has no effect: `on` lists no failure after which to try again',
    );
}

/** Streams are refused in HTTP/2 alone (RFC 9113 section 8.7), which backends are not spoken to in yet. */
function readRetryOn(written: RouteShape['retry']['on'], at: Cursor, problems: ProblemList): 'connect'[] {
  for (const [i, failure] of written.entries())
    if (failure === 'refused-stream')
      problems.warn(
        'unsupported_key',
        at.down(i).place,
        'refused-stream is not supported by this version: backends are spoken to in HTTP/1.1, which refuses no streams',
        'Remove it.',
      );
  return written.includes('connect') ? ['connect'] : [];
}

/** The deprecated key counts where the other is not written. */
function readForwardHostHeaders(shape: RouteShape, security: Cursor): boolean {
  const { forwardHostHeaders } = shape.security;
  if (shape.disableHostForwarding === undefined || security.holds('forwardHostHeaders')) return forwardHostHeaders;
  return !shape.disableHostForwarding;
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
