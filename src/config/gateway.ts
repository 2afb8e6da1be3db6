// `gateway`: what it holds, section by section; what earlier versions of Goma knew; and the number of processes.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { alertsKey } from './alerts.ts';
import { list, map, text } from './atoms.ts';
import { bufferingKeys } from './buffering.ts';
import { clientLimitsKeys } from './client-limits.ts';
import { interceptErrorsShape, interceptorShape } from './answer-filters.ts';
import { corsShape } from './cors.ts';
import { dnsCacheKeys } from './dns-cache.ts';
import { driftKeys } from './drift.ts';
import { entryPointsKeys } from './entry-points.ts';
import { extraConfigKeys, providersKeys } from './extra-folders.ts';
import { forwardClientCertKeys } from './forward-client-cert.ts';
import type { GatewayConfig } from './gateway-config.ts';
import { nameKey } from './gateway-name.ts';
import { block, defaultOf, key } from './key.ts';
import { accessLogKeys, logKeys } from './logs.ts';
import { deprecatedMonitoringKeys, monitoringKeys } from './monitoring.ts';
import { caBundleShape, namedCertificateShape } from './named-material.ts';
import { proxyKeys } from './proxy.ts';
import { reportMistake } from './reading.ts';
import { reloadKeys } from './reload-endpoint.ts';
import { requestIdKeys } from './request-id.ts';
import { routeDefaultsKeys } from './route-defaults.ts';
import { exploitProtection, routeShape } from './route.ts';
import { serviceShape } from './service-shape.ts';
import { storeKeys } from './store-url.ts';
import { ignored, refused } from './support.ts';
import { deprecatedTimeoutKeys, timeoutsKeys } from './timeouts.ts';
import { tlsKeys } from './tls.ts';
import { http2Keys } from './http2.ts';
import { transportKeys } from './transport.ts';
import { tracingKeys } from './tracing.ts';
import { trustRecordKeys } from './trust-record.ts';

const unlimited = refused(
  'let clients send without a limit',
  'Write a middleware of type rateLimit, in defaults.middlewares for every route.',
);
const healthOfRoutes = ignored('/healthz/routes is not served');
const otherCertificate = refused(
  'serve another certificate than is meant',
  'Write gateway.tls.certificates: [{cert: FILE, key: FILE}].',
);
const keepAlive = ignored('connections are kept', 'Write timeouts.idle for how long.');

/** What earlier versions of Goma knew and 0.13 ignores. */
const keysOfOlderGoma = {
  sslCertFile: otherCertificate,
  sslKeyFile: otherCertificate,
  tlsCertFile: otherCertificate,
  tlsKeyFile: otherCertificate,
  listenAddr: refused('listen on other addresses', 'Write entryPoints.web.address.'),
  rateLimit: unlimited,
  rateLimiter: unlimited,
  blockCommonExploits: exploitProtection,
  enableExploitProtection: exploitProtection,
  extraRoutes: ignored('no routes are read from there', 'Write extraConfig.directory.'),
  logLevel: ignored('log.level decides', 'Write log.level.'),
  errorLog: ignored('log.filePath decides', 'Write log.filePath.'),
  interceptErrors: key(interceptErrorsShape, {
    says: 'Deprecated: statuses whose bodies are replaced by status and reason.',
    untold: true,
    page: 'Goma, deprecated: statuses whose bodies are replaced by status and reason.',
  }),
  enableStrictSlash: ignored('a path matches with and without a slash at the end'),
  enableKeepAlive: keepAlive,
  disableKeepAlive: keepAlive,
  disableDisplayRouteOnStart: ignored('routes are not listed at the start'),
  disableHealthCheckStatus: healthOfRoutes,
  disableRouteHealthCheckError: healthOfRoutes,
};

const maxWorkers = 1024;

const workersKey = key(text, {
  says: 'Worker processes: a number, or auto for one per core.',
  default: 'auto',
  page: `own. Processes, 1 to ${maxWorkers}; \`auto\` is one per core.`,
});

export const gatewayKeys = {
  name: nameKey,
  timeouts: block(timeoutsKeys),
  ...deprecatedTimeoutKeys,
  entryPoints: block(entryPointsKeys, { oursAlone: true }),
  buffering: block(bufferingKeys),
  http2: block(http2Keys),
  workers: workersKey,
  certificates: key(list(namedCertificateShape), {
    says: 'Certificates with their keys, under an id.',
    default: [],
    page: 'own. Certificates with their keys, under an id.',
    oursAlone: true,
    table: 'gatewaycertificates',
  }),
  caBundles: key(list(caBundleShape), {
    says: 'CA certificates under an id.',
    default: [],
    page: 'own. CA certificates under an id.',
    oursAlone: true,
    table: 'gatewaycabundles',
  }),
  services: key(list(serviceShape), {
    says: 'Backends under a name, for routes that say service.',
    default: [],
    page: 'own. Backends under a name, for routes that say `service`.',
    oursAlone: true,
    table: 'gatewayservices',
  }),
  tls: block(tlsKeys, { table: 'gatewaytls' }),
  networking: block({
    transport: block(transportKeys),
    dnsCache: block(dnsCacheKeys),
    proxy: ignored('networking.transport decides', 'Write networking.transport.'),
    passiveHealthCheck: ignored(
      'backends are put aside after five failed connects in a row, for 5 s and each time longer',
      'A healthCheck on the route finds them sooner.',
    ),
  }),
  proxy: block(proxyKeys),
  clientLimits: block(clientLimitsKeys, {
    says: 'How much one client address may have at once: an IPv4 address or IPv6 /64.',
    restricts: true,
    example: 'For example clientLimits: {connections: 200}.',
  }),
  requestId: block(requestIdKeys, { example: 'For example requestId: {keepFrom: verified}.' }),
  allowOverrideHeaders: key(list(text), {
    says: 'Fields that override path, method or host and pass from every client. Default: none, they are removed.',
    default: [],
    page: 'own. Fields that override path, method or host (`X-HTTP-Method-Override`, `X-Original-URL`, …) and pass from every client; a warning where they undo what rules judged. Removed by default.',
  }),
  monitoring: block(monitoringKeys),
  ...deprecatedMonitoringKeys,
  log: block(logKeys),
  accessLog: block(accessLogKeys),
  tracing: block(tracingKeys, {
    says: 'Spans of requests for a collector of OpenTelemetry.',
    oursAlone: true,
    example: 'For example tracing: {endpoint: "http://127.0.0.1:4318/v1/traces"}.',
  }),
  forwardClientCert: block(forwardClientCertKeys, {
    says: 'How the identity of the client is told to backends.',
    oursAlone: true,
    example: 'For example forwardClientCert: {mode: sanitizeSet}.',
    page: 'own.',
    table: 'forwardclientcert',
  }),
  trustRecord: block(trustRecordKeys, {
    says: 'Record of the identities that were seen, for check --against and trust audit.',
    example: 'For example trustRecord: {enabled: true}.',
  }),
  store: block(storeKeys, {
    says: 'Where the control plane keeps its revisions, keys and accounts.',
    oursAlone: true,
    restricts: true,
    example: 'For example store: {url: sqlite:countersign.db}.',
  }),
  alerts: alertsKey,
  drift: block(driftKeys, {
    says: 'Which configuration is approved, and how often the gateway looks whether it does what is declared.',
    oursAlone: true,
    restricts: true,
    example: 'For example drift: {onChange: alert}.',
  }),
  extraConfig: block(extraConfigKeys),
  providers: block(providersKeys),
  reload: block(reloadKeys, { idleWhenOff: true }),
  defaults: block(
    {
      middlewares: key(list(text), {
        says: 'Put before the middlewares of each route.',
        default: [],
        page: 'Goma. Count for every route.',
        oursAlone: true,
      }),
      ...routeDefaultsKeys,
    },
    { restricts: true },
  ),
  routes: key(list(routeShape), { default: [], table: 'gatewayroutes' }),
  strictSlash: ignored('a path matches with and without a slash at the end'),
  debug: ignored('log.level decides', 'Write gateway.log.level: debug.'),
  redis: ignored('Redis is not used: each gateway counts rate limits for itself'),
  analytics: ignored('no analytics are sent'),
  geoip: ignored('addresses are not located'),
  cors: key(corsShape, {
    says: 'Pages of other origins, for routes without cors.',
    unset: 'none',
    page: 'Goma. Pages of other origins, for every route that has no `cors` of its own.',
    table: 'cors',
  }),
  errorInterceptor: key(interceptorShape, {
    says: 'Replaces the bodies of errors, for routes without errorInterceptor.',
    unset: 'none',
    page: 'Goma. Replaces the bodies of errors, for every route that has no `errorInterceptor` of its own.',
    table: 'errorinterceptor',
  }),
  ...keysOfOlderGoma,
};
const gateway = map(gatewayKeys);
export type GatewayShape = z.output<typeof gateway>;

/** `around`: `gateway`. */
export function readWorkers(written: string, around: Cursor, problems: ProblemList): GatewayConfig['workers'] {
  if (written === defaultOf(workersKey)) return 'auto';
  const count = /^\d{1,4}$/.test(written) ? Number(written) : 0;
  if (count >= 1 && count <= maxWorkers) return count;
  reportMistake(problems, 'wrong_value', around.down('workers'), written, {
    problem: `is neither auto nor a number from 1 to ${maxWorkers}`,
    hint: '',
  });
  return 'auto';
}
