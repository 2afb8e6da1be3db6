// One of `routes[]`: Goma's keys with their aliases, ours, and what is not supported.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import { flag, integer, list, map, text } from './atoms.ts';
import { interceptErrorsShape, interceptorShape, readRouteInterceptor } from './answer-filters.ts';
import { corsShape, readRouteCors } from './cors.ts';
import { backendTlsKeys } from './backend-tls.ts';
import { backendShape } from './backends.ts';
import { certificatePairShape } from './certificate-pair.ts';
import { readRouteForwardClientCert, routeForwardClientCertShape } from './forward-client-cert.ts';
import type { FilterConfig } from './filter-types.ts';
import { fixedResponseKey, readRouteResponse } from './fixed-response.ts';
import type { ForwardClientCertConfig, RouteConfig } from './gateway-config.ts';
import { healthCheckShape } from './health-check.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { block, declared, key } from './key.ts';
import { loadBalancingKeys } from './load-balancing.ts';
import { sendProxyProtocolKey } from './proxy-protocol.ts';
import { retryKeys } from './retry.ts';
import type { ServiceLookup } from './services.ts';
import { readUpgrades, upgradesKey } from './upgrades.ts';
import { readRouteClientCert, routeClientCertExample, routeClientCertShape } from './route-client-cert.ts';
import { conditionKeys, type KnownNames, readConditions } from './route-conditions.ts';
import { encodedSlashKey, readHosts, readMethods, readPath, readRewrite } from './route-match.ts';
import { ignored, refused } from './support.ts';
import { readUpstream, type UpstreamSurroundings, upstreamTimeoutsKeys } from './upstream-settings.ts';

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
    'Write a middleware of type userAgentBlock, or filter in front of the gateway.',
  ),
  blocklist: refused('open paths that were forbidden', 'Write a middleware of type access with these paths.'),
  rateLimit: refused('let clients send without a limit', 'Write a middleware of type rateLimit.'),
  host: refused('serve the route under every host', 'Write hosts: [NAME].'),
  interceptErrors: key(interceptErrorsShape, {
    says: 'Deprecated: statuses whose bodies are replaced by status and reason.',
    untold: true,
    page: 'Goma, deprecated: statuses whose bodies are replaced by status and reason.',
  }),
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
  keys: key(list(certificatePairShape), {
    says: 'Deprecated name of certificates.',
    untold: true,
    page: 'Goma before 0.6, deprecated: see `certificates`.',
  }),
  provider: key(text, {
    says: 'Provider of certManager for the certificate of this route; none: it needs none.',
    page: 'Goma. A name from `certManager`, or `none`: no certificate has to be given for the hosts of the route.',
  }),
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
    page: 'Prefix on a segment boundary; `{param}` stands for one whole segment. No wildcards, no `{id:regex}`, no query; a slash at the end is dropped. See [Matching](#matching).',
  }),
  ...conditionKeys,
  rewrite: key(text, {
    says: 'Replaces the matched prefix; {param} stands for a parameter of path, $1 for a group of its expression.',
    restricts: true,
    page: 'Replaces what `path` matched. `{param}` stands for a parameter of `path`, `$1` for a group of its expression. See [Rewrites](#rewrites).',
  }),
  allowEncodedSlash: encodedSlashKey,
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
    untold: true,
    restricts: true,
    page: 'Deprecated: the opposite of `enabled`; where both are given, off wins.',
  }),
  hosts: key(list(text), {
    says: 'Exact names, *.example.com, {sub}.example.com. Omitted: every host.',
    unset: 'every host',
    oursAlone: true,
    page: 'Exact, `*.example.com`, `{sub}.example.com` (one label), IP addresses. A port behind the host is not looked at (warning). A list that is empty after empty entries are dropped is an error.',
  }),
  methods: key(list(text), {
    says: 'Methods that are let through. Omitted: all.',
    unset: 'all',
    page: 'HEAD goes with GET. Lower case is taken as upper case, with a warning.',
  }),
  service: key(text, {
    says: 'Name of one of gateway.services: where requests go, and everything about the way there.',
    page: 'own. Name of one of [`gateway.services`](#gatewayservices): where requests go, and everything about the way there.',
    restricts: true,
    oursAlone: true,
  }),
  target: key(text, {
    says: 'The one backend; ignored where backends is given.',
    page: 'URL of the one backend. Ignored where `backends` is given (warning).',
  }),
  destination: key(text, {
    says: 'Deprecated name of target.',
    untold: true,
    page: 'Deprecated name of `target`.',
  }),
  response: fixedResponseKey,
  backends: key(list(backendShape), { says: 'Several backends.', default: [], table: 'backends' }),
  ...loadBalancingKeys,
  sendProxyProtocol: sendProxyProtocolKey,
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
    untold: true,
    page: 'Goma, deprecated: the opposite of `security.forwardHostHeaders`.',
  }),
  insecureSkipVerify: key(flag, {
    says: 'Deprecated name of security.tls.insecureSkipVerify.',
    untold: true,
    page: 'Goma, deprecated: see `security.tls`.',
  }),
  blockCommonExploits: exploitProtection,
  tls: block(routeTlsKeys, { says: 'Certificates for the hosts of the route.', untold: true }),
  maintenance: block(maintenanceKeys, { oursAlone: true, idleWhenOff: true }),
  middlewares: key(list(text), {
    says: 'Names of middlewares, in the order in which requests see them.',
    default: [],
    oursAlone: true,
    page: 'Names. [Below](#middlewares).',
  }),
  timeouts: block(upstreamTimeoutsKeys),
  retry: block(retryKeys),
  upgrades: upgradesKey,
  maxBodyBytes: key(integer(0), {
    says: 'Largest request body; 0 = no limit.',
    default: 0,
    oursAlone: true,
    page: 'own. Largest request body; `0`: no limit.',
  }),
  disableMetrics: key(flag, {
    says: 'The requests of the route are not counted. Default {default}.',
    default: false,
    page: 'Goma. `true`: its requests are not counted and not timed; faults and requests in progress are.',
  }),
  cors: key(corsShape, {
    says: "Pages of other origins. Default: the gateway's.",
    unset: "the gateway's",
    page: 'Goma. Pages of other origins; `{enabled: false}`: none.',
    table: 'cors',
  }),
  errorInterceptor: key(interceptorShape, {
    says: "Replaces the bodies of errors. Default: the gateway's.",
    unset: "the gateway's",
    page: 'Goma. Replaces the bodies of errors; `{enabled: false}`: not here.',
    table: 'errorinterceptor',
  }),
  ...keysOfOlderGoma,
});
export type RouteShape = z.output<typeof routeShape>;

export type WrittenRoute = { readonly shape: RouteShape; readonly at: Cursor };

/** What the gateway decides for its routes. */
export type RouteSurroundings = UpstreamSurroundings & {
  readonly services: ServiceLookup;
  readonly forwardClientCert: ForwardClientCertConfig;
  /** The gateway's, for routes that have none of their own. */
  readonly cors: { readonly shape: RouteShape['cors']; readonly at: Cursor };
  /** Of policies and entry points. */
  readonly names: KnownNames;
  readonly interceptor: {
    readonly shape: Pick<RouteShape, 'errorInterceptor' | 'interceptErrors'>;
    readonly at: Cursor;
  };
  /** `path`: of the route. */
  readonly filtersOf: (route: WrittenRoute, path: string) => readonly FilterConfig[];
};

/** Between contradicting `enabled` and `disabled`, off wins. */
export function isEnabled(shape: RouteShape): boolean {
  return shape.enabled && shape.disabled !== true;
}

export function readRoute(
  shape: RouteShape,
  at: Cursor,
  around: RouteSurroundings,
  problems: ProblemList,
): RouteConfig {
  warnDeprecated(shape, at, problems);
  const response = readRouteResponse(shape.response, at, problems);
  const { maintenance } = shape;
  const security = at.down('security');
  const path = readPath(shape, at, problems);
  const upstream = around.services.upstreamOf(shape, at, problems) ?? readUpstream(shape, at, around, problems);
  return {
    name: shape.name ?? '',
    path,
    match: readConditions(shape, at, around.names, problems),
    rewrite: readRewrite(shape, path, at, problems),
    allowEncodedSlash: shape.allowEncodedSlash,
    mergeSlashes: shape.mergeSlashes,
    priority: shape.priority,
    hosts: readHosts(shape.hosts, at, problems),
    methods: readMethods(shape.methods, at, problems),
    ...upstream,
    response,
    forwardHostHeaders: readForwardHostHeaders(shape, security),
    clientCert: readRouteClientCert(shape.security.clientCert, security, problems),
    forwardClientCert: readRouteForwardClientCert(
      shape.security.forwardClientCert,
      security.down('forwardClientCert'),
      around.forwardClientCert,
      problems,
    ),
    maintenance: maintenance.enabled ? { statusCode: maintenance.statusCode, message: maintenance.message } : undefined,
    filters: [
      ...readRouteInterceptor({ shape, at }, around.interceptor, problems),
      ...readRouteCors({ shape: shape.cors, at: at.down('cors') }, around.cors, problems),
      // An expression is no folder that paths of middlewares could stand in; they are looked for anywhere.
      ...around.filtersOf({ shape, at }, shape.pathMatch === 'regex' ? '/' : path),
    ],
    upgrades: readUpgrades(shape.upgrades, at, problems),
    maxBodyBytes: shape.maxBodyBytes,
    isCounted: !shape.disableMetrics,
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
}

/** The deprecated key counts where the other is not written. */
function readForwardHostHeaders(shape: RouteShape, security: Cursor): boolean {
  const { forwardHostHeaders } = shape.security;
  if (shape.disableHostForwarding === undefined || security.holds('forwardHostHeaders')) return forwardHostHeaders;
  return !shape.disableHostForwarding;
}
