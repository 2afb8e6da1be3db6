// Configuration texts to one GatewayConfig, or to everything that is wrong with them: YAML to a tree with places, keys
// and shapes checked, then what the values mean together. Pure: load-config.ts does the reading.
import { dirname, resolve } from 'node:path';
import { checkShape } from './check-shape.ts';
import { Cursor } from '../yaml/cursor.ts';
import type { Environment } from '../yaml/environment.ts';
import { applyGomaEnvironment } from './goma-environment.ts';
import type { CertificatePair, GatewayConfig, PathRef, TlsConfig } from './gateway-config.ts';
import type { Place } from '../yaml/place.ts';
import { readDnsCache } from './dns-cache.ts';
import { listEntryPoints, readEntryPoints } from './entry-points.ts';
import { readForwardClientCert } from './forward-client-cert.ts';
import { type GatewayShape, readWorkers } from './gateway.ts';
import { KeyPlaces } from './key-places.ts';
import { checkKeys, type KeyCheck } from './known-keys.ts';
import { refTo } from './material-ref.ts';
import type { Problem } from '../yaml/problem.ts';
import { ProblemList } from '../yaml/problem-list.ts';
import { readLogs } from './logs.ts';
import { extraFileShape, mainFileShape } from './main-file.ts';
import { checkMiddlewares, type WrittenMiddleware } from './middlewares.ts';
import { readMonitoring } from './monitoring.ts';
import { checkPassedFields, readOverrideHeaders } from './passed-fields.ts';
import { readProxy } from './proxy.ts';
import { readRoutesRequireClientCert, readRoutesSaidOpen } from './route-defaults.ts';
import { isEnabled, type WrittenRoute } from './route.ts';
import { readRoutes } from './routes.ts';
import { readTimeouts } from './timeouts.ts';
import { readTls } from './tls.ts';
import { readRouteTimeouts, readTransport } from './transport.ts';
import { readTrustRecord } from './trust-record.ts';
import { checkWhoMayCall } from './check-who-may-call.ts';
import { parseYamlTree, type TreeNode } from '../yaml/tree.ts';
import { readPair, readPairs } from './certificate-pair.ts';

export type ConfigText = { readonly file: string; readonly text: string };

export type ConfigInput = ConfigText & {
  /** Files of extraConfig.directory; `file` of each absolute, as that of the main file. */
  readonly extra: readonly ConfigText[];
  readonly env: Environment;
  /** Unknown keys are errors; false (--lenient): warnings, except where they are about trust. */
  readonly strict: boolean;
  /** What went wrong while the texts were read: comes out with the rest, in its place. */
  readonly failures?: readonly Problem[];
  /** Goma's default certsDir where it exists. */
  readonly defaultCertsDir?: string | undefined;
};

export type ParsedConfig = {
  /** undefined where any problem is an error. */
  readonly config: GatewayConfig | undefined;
  /** What can be read where unknown keys are the only errors: to find what is wrong beside them, never to be used. */
  readonly draft: GatewayConfig | undefined;
  /** By place: main file, extra files in their order, environment. */
  readonly problems: readonly Problem[];
};

/** Routes may stand at the top as well, but their place is below gateway. */
const places = new KeyPlaces(mainFileShape, ['routes']);
const placesFromExtra = new KeyPlaces(mainFileShape, ['routes'], placeFromExtra);

/** Never throws for what is in the texts. */
export function parseConfig(input: ConfigInput): ParsedConfig {
  const problems = new ProblemList();
  for (const failure of input.failures ?? []) problems.add(failure);
  const files = [input.file, ...input.extra.map((one) => one.file)];
  const config = readAll(input, files, problems);
  return {
    config: problems.hasErrors ? undefined : config,
    draft: problems.onlyUnknownKeys ? config : undefined,
    problems: problems.sorted(files),
  };
}

/** The folder of extra files that a main file names, absolute; undefined where it names none or cannot be read. */
export function findExtraDirectory(main: ConfigText, env: Environment): PathRef | undefined {
  // Most files name none, and reading a large one twice costs.
  if (!main.text.includes('extraConfig') && env['GOMA_EXTRA_CONFIG_DIR'] === undefined && !main.text.includes('\\'))
    return undefined;
  const tree = readTree(main, env, new ProblemList());
  let node: TreeNode | undefined = tree;
  for (const key of ['gateway', 'extraConfig', 'directory'])
    node = node?.kind === 'map' ? node.entries.get(key)?.value : undefined;
  if (node?.kind !== 'scalar' || node.text === '' || node.text.includes('\0')) return undefined;
  return refTo(node.text, { place: node.place, source: node.source }, false, main.file);
}

function readTree(main: ConfigText, env: Environment, problems: ProblemList): TreeNode | undefined {
  return applyGomaEnvironment(parseYamlTree(main.file, main.text, env, problems), env, main.file);
}

function readAll(input: ConfigInput, files: readonly string[], problems: ProblemList): GatewayConfig {
  const start: Place = { file: input.file, line: 1, col: 1 };
  const tree = readTree(input, input.env, problems);
  if (tree === undefined && !problems.hasErrors)
    problems.error(
      'empty_file',
      start,
      'the configuration is empty',
      'At least gateway.routes is needed; see docs/configuration.md.',
    );
  const keys: KeyCheck = { places, strict: input.strict };
  checkKeys(tree, mainFileShape, problems, keys);
  const main = checkShape(tree, mainFileShape, problems) ?? mainFileShape.parse({});
  const root = new Cursor(tree, start);
  const at = root.down('gateway');
  const { gateway } = main;
  const written = {
    routes: writtenOf(gateway.routes, at.down('routes')),
    middlewares: writtenOf(main.middlewares, root.down('middlewares')),
  };
  if (main.routes !== undefined) {
    problems.warn(
      'misplaced_key',
      root.keyPlace('routes'),
      'routes stands at the top level; it is read as gateway.routes (Goma ignores it here)',
      'Move it under gateway.',
    );
    written.routes.push(...writtenOf(main.routes, root.down('routes')));
  }
  const extraKeys: KeyCheck = { places: placesFromExtra, strict: input.strict };
  for (const extra of input.extra) readExtra(extra, input.env, extraKeys, written, problems);
  return assemble(input, files, gateway, at, written, problems);
}

type Written = { readonly routes: WrittenRoute[]; readonly middlewares: WrittenMiddleware[] };

function readExtra(extra: ConfigText, env: Environment, keys: KeyCheck, written: Written, problems: ProblemList): void {
  const tree = parseYamlTree(extra.file, extra.text, env, problems);
  checkKeys(tree, extraFileShape, problems, keys);
  const shape = checkShape(tree, extraFileShape, problems);
  const root = new Cursor(tree, { file: extra.file, line: 1, col: 1 });
  written.routes.push(...writtenOf(shape?.routes, root.down('routes')));
  written.middlewares.push(...writtenOf(shape?.middlewares, root.down('middlewares')));
}

/** Extra files hold routes and middlewares at their top; everything else has its place in the main file. */
function placeFromExtra(path: string): string {
  if (path.startsWith('middlewares')) return path;
  return path.startsWith('gateway.routes') ? path.slice('gateway.'.length) : `${path} of the main file`;
}

function writtenOf<S>(shapes: readonly S[] | undefined, at: Cursor): { shape: S; at: Cursor }[] {
  return (shapes ?? []).map((shape, i) => ({ shape, at: at.down(i) }));
}

function assemble(
  input: ConfigInput,
  files: readonly string[],
  gateway: GatewayShape,
  at: Cursor,
  written: Written,
  problems: ProblemList,
): GatewayConfig {
  const entryPoints = readEntryPoints(gateway.entryPoints, at, problems);
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
  const around = {
    backendTls: { skipVerify, http2: transport.forceAttemptHTTP2 ? ('auto' as const) : ('off' as const) },
    ...readRouteTimeouts(transport),
    forwardClientCert,
    names: {
      policies: [tls.gateway, ...tls.policies].map(({ name }) => name),
      entryPoints: listEntryPoints(entryPoints).map(({ name }) => name),
    },
  };
  const routes = readRoutes(written.routes, around, problems);
  // A policy that could not be read would look like one without client authentication.
  if (!problems.hasErrors) checkWhoMayCall(routes, tls, problems);
  const defaults = { names: gateway.defaults.middlewares, at: at.down('defaults', 'middlewares') };
  checkMiddlewares(
    written.middlewares,
    written.routes,
    defaults,
    entryPoints.web.enabled && !requiresEverywhere(tls),
    problems,
  );
  const directory = gateway.extraConfig.directory ?? '';
  const config: GatewayConfig = {
    file: input.file,
    files,
    extraDirectory: directory === '' ? undefined : resolve(dirname(input.file), directory),
    workers: readWorkers(gateway.workers, at, problems),
    entryPoints,
    tls,
    timeouts: readTimeouts(gateway, at, problems),
    transport: readTransport(transport),
    dns: readDnsCache(gateway.networking.dnsCache, at, problems),
    buffering: gateway.buffering,
    http2: gateway.http2,
    proxy: readProxy(gateway.proxy, at, problems),
    allowOverrideHeaders: readOverrideHeaders(gateway.allowOverrideHeaders, at, problems),
    monitoring: readMonitoring(gateway, at, problems),
    ...readLogs(gateway, input.file),
    trustRecord: readTrustRecord(gateway.trustRecord, at, problems),
    forwardClientCert,
    routes,
  };
  checkPassedFields(config, at, problems);
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
    const one =
      shape.tls.certificate === undefined
        ? undefined
        : readPair(shape.tls.certificate, here.down('certificate'), problems);
    const pairs = [
      ...(one === undefined ? [] : [one]),
      ...readPairs(shape.tls.certificates, here.down('certificates'), problems),
    ];
    return isEnabled(shape) ? pairs : [];
  });
}

/** Every policy requires a certificate, so nothing is ever answered by a backend over plain HTTP. */
function requiresEverywhere(tls: TlsConfig): boolean {
  return [tls.gateway, ...tls.policies].every((policy) => policy.clientAuth?.required === true);
}
