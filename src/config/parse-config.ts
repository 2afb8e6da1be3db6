// Configuration texts to one GatewayConfig, or to everything that is wrong with them: what is written (written.ts), then what
// the values mean together. Pure: load-config.ts does the reading.
import type { Problem } from '../yaml/problem.ts';
import { ProblemList } from '../yaml/problem-list.ts';
import { readAlerts } from './alerts.ts';
import { readOrders } from './cert-manager.ts';
import { readOptionalPair, readPairs } from './certificate-pair.ts';
import { checkConditionFields } from './check-condition-fields.ts';
import { checkFilterFields } from './check-filter-fields.ts';
import { checkWhoMayCall } from './check-who-may-call.ts';
import { readDnsCache } from './dns-cache.ts';
import { readDrift } from './drift.ts';
import { readEntryPoints } from './entry-points.ts';
import { listEntryPoints } from './list-entry-points.ts';
import { checkProviderFile } from './extra-folders.ts';
import { readForwardClientCert } from './forward-client-cert.ts';
import type { CertificatePair, GatewayConfig } from './gateway-config.ts';
import { readWorkers } from './gateway.ts';
import { readLogs } from './logs.ts';
import { Middlewares } from './middlewares.ts';
import { NamedMaterial } from './named-material.ts';
import { readMonitoring } from './monitoring.ts';
import { checkPassedFields, readOverrideHeaders } from './passed-fields.ts';
import { readProxy } from './proxy.ts';
import { readReload } from './reload-endpoint.ts';
import { readRoutesRequireClientCert, readRoutesSaidOpen } from './route-defaults.ts';
import { isEnabled, type WrittenRoute } from './route.ts';
import { readRoutes } from './routes.ts';
import { Services } from './services.ts';
import { readTimeouts } from './timeouts.ts';
import { readTls } from './tls.ts';
import { readRouteTimeouts, readTransport } from './transport.ts';
import { readTrafficHealth, warnHidden } from './traffic-health.ts';
import { readStore } from './store-url.ts';
import { readGatewayName } from './gateway-name.ts';
import { readTracing } from './tracing.ts';
import { readTrustRecord } from './trust-record.ts';
import { type ConfigInput, readWritten, type Written } from './written.ts';

export type ParsedConfig = {
  /** undefined where any problem is an error. */
  readonly config: GatewayConfig | undefined;
  /** What can be read where unknown keys are the only errors: to find what is wrong beside them, never to be used. */
  readonly draft: GatewayConfig | undefined;
  /** By place: main file, extra files in their order, environment. */
  readonly problems: readonly Problem[];
};

/** Never throws for what is in the texts. */
export function parseConfig(input: ConfigInput): ParsedConfig {
  const problems = new ProblemList();
  for (const failure of input.failures ?? []) problems.add(failure);
  const files = [input.file, ...input.extra.map((one) => one.file)];
  const config = assemble(input, files, readWritten(input, problems), problems);
  return {
    config: problems.hasErrors ? undefined : config,
    draft: problems.onlyUnknownKeys ? config : undefined,
    problems: problems.sorted(files),
  };
}

function assemble(
  input: ConfigInput,
  files: readonly string[],
  written: Written,
  problems: ProblemList,
): GatewayConfig {
  const { gateway, at } = written;
  const named = new NamedMaterial(gateway, at, problems);
  const entryPoints = readEntryPoints(gateway.entryPoints, at, named, problems);
  const tlsAt = at.down('tls');
  if (at.isEmpty('tls'))
    problems.error(
      'empty_value',
      at.keyPlace('tls'),
      'tls is written but has no value',
      'Give its keys, or remove it.',
    );
  const tls = readTls(
    gateway.tls,
    tlsAt,
    {
      routePairs: readRoutePairs(written.routes, problems),
      defaultCertsDir: input.defaultCertsDir,
      routesRequireClientCert: readRoutesRequireClientCert(gateway.defaults, at, false, problems),
      routesSaidOpen: readRoutesSaidOpen(gateway.defaults, false),
      named,
    },
    problems,
  );
  const { transport } = gateway.networking;
  const skipVerify = transport.insecureSkipVerify;
  if (skipVerify)
    problems.warn(
      'verification_off',
      at.down('networking', 'transport').keyPlace('insecureSkipVerify'),
      'the certificates of backends are NOT verified, except for routes that say insecureSkipVerify: false themselves',
      'Remove it and give rootCAs.',
    );
  const forwardClientCert = readForwardClientCert(gateway.forwardClientCert, at.down('forwardClientCert'), problems);
  const middlewares = new Middlewares(
    written.middlewares,
    {
      defaults: {
        names: gateway.defaults.middlewares,
        at: at.down('defaults', 'middlewares'),
        around: at.down('defaults'),
      },
      keys: written.keys,
    },
    problems,
  );
  const upstream = {
    backendTls: { skipVerify, http2: transport.forceAttemptHTTP2 ? ('auto' as const) : ('off' as const), named },
    ...readRouteTimeouts(transport),
  };
  const services = new Services(gateway.services, at, upstream, problems);
  const around = {
    ...upstream,
    services,
    cors: { shape: gateway.cors, at: at.down('cors') },
    interceptor: { shape: gateway, at },
    filtersOf: (route: WrittenRoute, path: string) => middlewares.filtersOf(route, path, problems),
    forwardClientCert,
    names: {
      policies: [tls.gateway, ...tls.policies].map(({ name }) => name),
      entryPoints: listEntryPoints(entryPoints).map(({ name }) => name),
    },
  };
  const routes = readRoutes(written.routes, around, problems);
  const trafficHealth = readTrafficHealth(
    gateway.monitoring,
    at.down('monitoring'),
    around.names.entryPoints,
    problems,
  );
  if (!problems.hasErrors) warnHidden(trafficHealth, routes, problems);
  middlewares.finish(problems);
  // A policy that could not be read would look like one without client authentication.
  if (!problems.hasErrors) checkWhoMayCall(routes, tls, problems);
  checkProviderFile(gateway.providers.file, at, problems);
  const monitoring = readMonitoring(gateway, at, problems);
  const isServed = listEntryPoints(entryPoints).some((point) => point.tls);
  const manager = isServed ? written.certManager : undefined;
  const orders = readOrders(manager, written.routes, routes, input.file, problems);
  const config: GatewayConfig = {
    file: input.file,
    files,
    extraFolders: input.extraFolders ?? [],
    name: readGatewayName(gateway.name, at, problems),
    workers: readWorkers(gateway.workers, at, problems),
    entryPoints,
    tls: orders.pairs.length === 0 ? tls : { ...tls, certificates: [...tls.certificates, ...orders.pairs] },
    timeouts: readTimeouts(gateway, at, problems),
    transport: readTransport(transport),
    dns: readDnsCache(gateway.networking.dnsCache, at, problems),
    buffering: gateway.buffering,
    http2: gateway.http2,
    clientLimits: gateway.clientLimits,
    requestId: gateway.requestId,
    proxy: readProxy(gateway.proxy, at, problems),
    allowOverrideHeaders: readOverrideHeaders(gateway.allowOverrideHeaders, at, problems),
    monitoring,
    reload: readReload(gateway.reload, at, { ...entryPoints.admin, ...monitoring }, problems),
    trafficHealth,
    ...readLogs(gateway, input.file),
    tracing: readTracing(gateway.tracing, at, problems),
    trustRecord: readTrustRecord(gateway.trustRecord, at, problems),
    store: readStore(gateway.store, at, entryPoints.admin, problems),
    alerts: readAlerts(gateway.alerts, at, named, problems),
    drift: readDrift(gateway.drift, at, input.file, problems),
    certificateOrders: orders.missing,
    forwardClientCert,
    named: {
      certificates: named.certificates,
      caBundles: named.bundles,
      services: services.list().map(({ written: service }) => service),
      middlewares: middlewares.list(),
    },
    routes,
  };
  checkPassedFields(config, at, problems);
  checkFilterFields(config, problems);
  checkConditionFields(config, problems);
  if (routes.length === 0 && !problems.hasErrors)
    problems.warn(
      'no_routes',
      at.keyPlace('routes'),
      'there is no enabled route: every request is answered with 404',
      'Add routes under gateway.routes.',
    );
  return config;
}

/** Certificates that routes bring along; those of disabled routes are checked, not used. */
function readRoutePairs(routes: readonly WrittenRoute[], problems: ProblemList): CertificatePair[] {
  return routes.flatMap(({ shape, at }) => {
    const here = at.down('tls');
    const one = readOptionalPair(shape.tls.certificate, here, 'certificate', problems);
    if (shape.tls.keys !== undefined)
      problems.warn('deprecated_key', here.keyPlace('keys'), 'keys is a deprecated name', 'Write certificates.');
    const pairs = [
      ...(one === undefined ? [] : [one]),
      ...readPairs(shape.tls.certificates, here.down('certificates'), problems),
      ...readPairs(shape.tls.keys, here.down('keys'), problems),
    ];
    return isEnabled(shape) ? pairs : [];
  });
}
