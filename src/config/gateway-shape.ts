// The shape of whole files: the main file (`version`, `gateway`, `middlewares`) and extra files (`routes`, `middlewares`).
import type { z } from 'zod';
import { duration, flag, integer, list, map, oneOf, oneOrMore, ratio, seconds, text } from './atoms.ts';
import { routeDefaultsKeys } from './identity-shape.ts';
import { exploitProtection, forwardClientCertShape, middlewareShape, routeShape } from './route-shape.ts';
import { ignored, refused } from './support.ts';
import { gatewayTlsShape } from './tls-shape.ts';

const entryPointShape = map({
  address: text.optional().describe(':port for every address, or IP:port.'),
  enabled: flag.optional().describe('Default true.'),
});
export type EntryPointShape = z.output<typeof entryPointShape>;

const networkingShape = map({
  transport: map({
    insecureSkipVerify: flag
      .optional()
      .describe('Default of security.tls.insecureSkipVerify; a route that says false is verified.'),
    disableCompression: ignored('bodies are passed on as they are'),
    maxIdleConns: integer(0, 1_000_000).optional().describe('Idle backend connections in all. Default 512.'),
    maxIdleConnsPerHost: integer(0, 1_000_000).optional().describe('Idle connections per backend. Default 256.'),
    maxConnsPerHost: integer(0, 1_000_000).optional().describe('Connections per backend. Default 256; 0 = no limit.'),
    reservedConnsPerHost: integer(0, 1_000_000)
      .optional()
      .describe(
        'Connections beyond maxConnsPerHost, for clients below their share. Default: an eighth of it; 0 = none.',
      ),
    maxPendingRequests: integer(1, 1_000_000)
      .optional()
      .describe('Requests that may wait for a connection of a backend. Default 1024.'),
    tlsHandshakeTimeout: seconds
      .optional()
      .describe('Seconds; default of routes[].timeouts.handshake. 0: 10 seconds stay.'),
    responseHeaderTimeout: seconds.optional().describe('Seconds; default of routes[].timeouts.response. 0 = none.'),
    idleConnTimeout: seconds
      .optional()
      .describe('Seconds that an idle backend connection is kept. Default 90; 0 = no limit.'),
    maxConnectionDuration: duration
      .optional()
      .describe(
        'How old a backend connection may become before it carries no further request. Default 1h; 0s = no limit.',
      ),
    forceAttemptHTTP2: flag.optional().describe('Accepted; this version speaks HTTP/1.1 to backends.'),
  }).optional(),
  dnsCache: map({
    resolver: oneOrMore(text)
      .optional()
      .describe('Name servers, IP or IP:port. Default: those of /etc/resolv.conf, and the system behind them.'),
    ttl: seconds
      .optional()
      .describe('Seconds; the longest that an answer is kept, whatever its time to live. Default 300.'),
    minTtl: seconds.optional().describe('Seconds; the shortest. Default 1.'),
    negativeTtl: seconds.optional().describe('Seconds until a look-up that failed is tried again. Default 5.'),
    timeout: duration.optional().describe('For a look-up with all its tries. Default 5s.'),
    clearOnReload: ignored('names are renewed by their time to live'),
  }).optional(),
});

const monitoringShape = map({
  enableMetrics: flag.optional().describe('/metrics on the admin entry point. Default true.'),
  metricsPath: text.optional().describe('Default /metrics.'),
  enableReadiness: flag.optional().describe('/readyz on the admin entry point. Default true.'),
  enableLiveness: flag.optional().describe('/healthz on the admin entry point. Default true.'),
  allowedHosts: list(text)
    .optional()
    .describe('Names under which the admin entry point is asked, besides localhost and IP addresses.'),
  host: ignored('metrics are served by the admin entry point only, whatever the host'),
  visitorTTL: ignored('visitors are not counted'),
  enableRouteHealthCheck: ignored('/healthz/routes is not served; the state of backends is in the metrics'),
  includeRouteHealthErrors: ignored('/healthz/routes is not served'),
  middleware: ignored(
    'metrics are served by the admin entry point only, without middlewares',
    'Keep gateway.entryPoints.admin on a loopback address.',
  ),
});

/** What earlier versions of Goma knew and 0.13 ignores. */
const keysOfOlderGoma = {
  listenAddr: refused('listen on other addresses', 'Write entryPoints.web.address.'),
  rateLimit: refused('let clients send without a limit', 'Limit them in front of the gateway.'),
  rateLimiter: refused('let clients send without a limit', 'Limit them in front of the gateway.'),
  blockCommonExploits: exploitProtection,
  enableExploitProtection: exploitProtection,
  extraRoutes: ignored('no routes are read from there', 'Write extraConfig.directory.'),
  logLevel: ignored('log.level decides', 'Write log.level.'),
  errorLog: ignored('log.filePath decides', 'Write log.filePath.'),
  interceptErrors: ignored('error answers are not replaced'),
  enableStrictSlash: ignored('a path matches with and without a slash at the end'),
  enableKeepAlive: ignored('connections are kept', 'Write timeouts.idle for how long.'),
  disableKeepAlive: ignored('connections are kept', 'Write timeouts.idle for how long.'),
  disableDisplayRouteOnStart: ignored('routes are not listed at the start'),
  disableHealthCheckStatus: ignored('/healthz/routes is not served'),
  disableRouteHealthCheckError: ignored('/healthz/routes is not served'),
};

const gatewayShape = map({
  timeouts: map({
    read: seconds.optional().describe('Seconds for a whole request with its body. Default 300; 0 = none.'),
    write: seconds
      .optional()
      .describe('Seconds without progress while the answer is sent. Default 30; 0: the default stays.'),
    idle: seconds.optional().describe('Seconds that an idle client connection is kept. Default 75; 0 = none.'),
    drain: duration.optional().describe('Time for requests in flight at stop and reload. Default 10s.'),
    minRequestRate: integer(0, 1_000_000_000)
      .optional()
      .describe(
        'Least bytes a second of a request body in each ratePeriod, until it is answered. Default 240; 0 = none.',
      ),
    minResponseRate: integer(0, 1_000_000_000)
      .optional()
      .describe('Least bytes a second that a client takes of what waits for it. Default 240; 0 = none.'),
    ratePeriod: duration.optional().describe('What the rates are measured over. Default 20s.'),
  }).optional(),
  readTimeout: seconds.optional().describe('Deprecated name of timeouts.read; wins where it is above 0.'),
  writeTimeout: seconds.optional().describe('Deprecated name of timeouts.write; wins where it is above 0.'),
  idleTimeout: seconds.optional().describe('Deprecated name of timeouts.idle; wins where it is above 0.'),
  entryPoints: map({
    web: entryPointShape.optional().describe('Plain HTTP. Default :8080.'),
    webSecure: entryPointShape.optional().describe('HTTPS. Default :8443.'),
    admin: entryPointShape.optional().describe('Health and metrics. Default 127.0.0.1:9901.'),
    passThrough: ignored('TCP and UDP are not forwarded'),
  }).optional(),
  buffering: map({
    requestBytes: integer(0, 16_777_216)
      .optional()
      .describe('Bytes of a request body that are read before a scarce backend connection is taken. Default 65536.'),
    requestTotalBytes: integer(0, 17_179_869_184).optional().describe('Of all requests, per worker. Default 67108864.'),
    responseBytes: integer(0, 1_073_741_824)
      .optional()
      .describe('Bytes of an answer that may wait for a slow client beyond 256 KiB. Default 1048576.'),
    responseTotalBytes: integer(0, 17_179_869_184).optional().describe('Of all answers, per worker. Default 67108864.'),
  }).optional(),
  workers: text.optional().describe('Worker processes: a number, or auto for one per core.'),
  tls: gatewayTlsShape.optional(),
  networking: networkingShape.optional(),
  proxy: map({
    enabled: flag.optional().describe('Default false.'),
    trustedProxies: oneOrMore(text)
      .optional()
      .describe('Addresses and ranges whose forwarded headers are believed; empty = nobody.'),
    ipHeaders: list(text).optional().describe('Default X-Forwarded-For, X-Real-IP.'),
    trustedHeaders: list(text)
      .optional()
      .describe(
        'Fields that pass from trustedProxies and from nobody else, as X-Forwarded-User or X-Auth-Request-*. Default: none.',
      ),
  }).optional(),
  allowOverrideHeaders: list(text)
    .optional()
    .describe('Fields that override path, method or host and pass from every client. Default: none, they are removed.'),
  monitoring: monitoringShape.optional(),
  enableMetrics: flag.optional().describe('Deprecated name of monitoring.enableMetrics.'),
  log: map({
    level: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'off'], true).optional().describe('Default info.'),
    format: oneOf(['text', 'json'], true).optional().describe('Default: text on a terminal, else json.'),
    filePath: text.optional().describe('File; omitted: standard error.'),
    maxAgeDays: ignored('log files are not rotated', 'Let logrotate or the service manager do it.'),
    maxBackups: ignored('log files are not rotated', 'Let logrotate or the service manager do it.'),
    maxSizeMB: ignored('log files are not rotated', 'Let logrotate or the service manager do it.'),
  }).optional(),
  accessLog: map({
    enabled: flag.optional().describe('Default true.'),
    path: text.optional().describe('stdout, stderr or a file. Default stdout.'),
    format: oneOf(['json']).optional().describe('json is the only form.'),
    sample: ratio.optional().describe('Share of requests that are logged, 0 to 1. Default 1.'),
  }).optional(),
  forwardClientCert: forwardClientCertShape.optional().describe('How the identity of the client is told to backends.'),
  trustRecord: map({
    enabled: flag.optional().describe('Default true.'),
    path: text.optional().describe('File that outlives the process. Default: kept in memory only.'),
    maxIdentities: integer(1, 100_000).optional().describe('Default 10000; beyond it the longest unseen goes.'),
    keep: duration
      .optional()
      .describe('How long an identity is kept after it was last seen, 1h to 1176h. Default 720h.'),
  })
    .optional()
    .describe('Record of the identities that were seen, for check --against and trust audit.'),
  extraConfig: map({
    directory: text
      .optional()
      .describe('Folder of further files (*.yml, *.yaml, subfolders too) with routes and middlewares.'),
    watch: flag.optional().describe('Accepted; every file is watched always.'),
  }).optional(),
  defaults: map({
    middlewares: list(text).optional().describe('Put before the middlewares of each route.'),
    ...routeDefaultsKeys,
  }).optional(),
  routes: list(routeShape).optional(),
  strictSlash: ignored('a path matches with and without a slash at the end'),
  debug: ignored('log.level decides', 'Write gateway.log.level: debug.'),
  providers: ignored('no configuration is fetched; only what the files hold is served'),
  reload: ignored('there is no reload endpoint; files are watched, and SIGHUP reloads'),
  redis: ignored('Redis is not used'),
  analytics: ignored('no analytics are sent'),
  geoip: ignored('addresses are not located'),
  cors: ignored('no CORS header is added; browsers refuse what they would refuse without it'),
  errorInterceptor: ignored('error answers are not replaced'),
  ...keysOfOlderGoma,
});
export type GatewayShape = z.output<typeof gatewayShape>;

/** What Goma's HTTP provider puts around routes and middlewares. */
const bundleKeys = {
  timestamp: ignored('when the file was made does not count'),
  checksum: ignored('the file is not compared with it'),
  metadata: ignored('it is not looked at'),
};

const noAcme = 'certificates are not fetched from ACME or Vault';

export const mainFileShape = map({
  version: text.optional().describe('Version of the configuration format; 2.'),
  gateway: gatewayShape.optional(),
  middlewares: list(middlewareShape).optional(),
  routes: list(routeShape).optional().describe('Routes may stand here too; Goma reads them from gateway.routes only.'),
  acme: ignored(noAcme, 'Give certificates as files under gateway.tls.'),
  certManager: ignored(noAcme, 'Give certificates as files under gateway.tls.'),
  certificateManager: ignored(noAcme, 'Give certificates as files under gateway.tls.'),
  plugins: ignored('plugins are not loaded'),
  ...bundleKeys,
});

export const extraFileShape = map({
  ...bundleKeys,
  version: text.optional(),
  routes: list(routeShape).optional(),
  middlewares: list(middlewareShape).optional(),
});
