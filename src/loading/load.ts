// From the source of a configuration to everything that `run` needs and `check` verifies: the configuration, then everything that it
// points to. All problems of both come back together; `loaded` is there only where none of them is an error.
import { createSecureContext } from 'node:tls';
import { listEntryPoints } from '../config/list-entry-points.ts';
import type { Clock } from '../base/clock.ts';
import type { GatewayConfig, PolicyConfig, RouteConfig } from '../config/gateway-config.ts';
import type { Environment } from '../yaml/environment.ts';
import type { ConfigOrigin } from '../config/config-origin.ts';
import { hash } from 'node:crypto';
import type { Ref } from '../config/ref.ts';
import type { FileDigest, LoadedText } from '../config/load-config.ts';
import { readConfig, unread } from '../config/read-config.ts';
import type { Problem } from '../yaml/problem.ts';
import { loadAlertReceivers } from './alert-receivers.ts';
import { checkAnchors } from './check-anchors.ts';
import { checkCoverage, Coverage, hostsOf, type ServedHost } from './check-coverage.ts';
import { checkOrders, type PolicyCoverage } from './check-orders.ts';
import { checkPairs } from './check-pairs.ts';
import { resolveCipherSuites, resolveCurves } from '../downstream/cipher-list.ts';
import { materialError, materialWarning } from '../base/material-problem.ts';
import { MaterialMemory } from '../certs/material-memory.ts';
import type { TrustBundle } from '../trust/trust-bundle.ts';
import type { Expiry } from '../certs/expiry.ts';
import { CrlPublisher } from '../crl/publisher.ts';
import { type CrlGroupSpec, WantedCrls } from '../crl/wanted.ts';
import type { SourcePublisher } from '../sources/publisher.ts';
import { planStapling } from '../ocsp/staple-targets.ts';
import { allOf, loadClientTrust } from './client-trust.ts';
import { FilterMaterials } from './filter-material.ts';
import { loadTicketSecret } from './ticket-secret.ts';
import type { ConfigSource, Dependencies } from './config-source.ts';
import type { LoadedConfig, LoadedNamed, LoadInputs, LoadedPolicy, LoadedRoute } from './loaded.ts';
import { type LoadedPair, MaterialLoader, type MaterialSource } from './material-loader.ts';
import { checkChallenges } from './check-challenges.ts';
import { listSources } from './list-sources.ts';
import { mintSelfSigned } from './self-signed.ts';
import { loadPairs, sharedPairs } from './shared-pairs.ts';

export type LoadedResult = Dependencies & {
  readonly loaded: LoadedConfig | undefined;
  readonly problems: readonly Problem[];
  /** Every file that was read, over the very bytes that were used; those of sources and CRLs, which renew themselves, apart. */
  readonly digests: readonly FileDigest[];
};

export type LoadOptions = {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** False (--lenient): unknown keys are warnings, except where they are about trust. */
  readonly strict: boolean;
  readonly clock: Clock;
  /**
   * At a reload: a certificate of ours that expired while we ran is a warning, not an error, so that it does not keep every
   * other change out. At the start and for `check` it is an error.
   */
  readonly tolerateExpired?: boolean;
  /** Who reads the CRLs that are asked for, and says what is wrong with them; default one for this load alone. */
  readonly crls?: Pick<CrlPublisher, 'prepare'>;
  /** Who asks sources of certificates. Undefined: nobody is asked, and something that is nobody's stands in for what they have. */
  readonly sources?: Pick<SourcePublisher, 'prepare' | 'find' | 'findProblem' | 'mayStandIn'>;
  /** How long to wait for sources that have delivered nothing; default 30 s. */
  readonly sourceMs?: number;
  /** What loads remember of certificates and keys; default nothing. */
  readonly memory?: MaterialMemory;
  /** Not to wait on for one that failed once. */
  readonly once?: boolean;
  /** Who reads the text; default readConfig, a process of its own. */
  readonly read?: (
    origin: ConfigOrigin,
    options: { env: Environment; strict: boolean; clock: Clock },
  ) => Promise<LoadedText>;
};

/** A source that is about to start, as we are, comes up in this time. */
const defaultSourceMs = 30_000;

const unreachableHint = 'Mend what keeps it from being read, and try again.';

/** Never rejects for what is wrong with the configuration or what it points to, nor where its source is out of reach. */
export async function loadGateway(source: ConfigSource, options: LoadOptions): Promise<LoadedResult> {
  let origin: ConfigOrigin;
  try {
    origin = await source.readTexts();
  } catch (error) {
    const problem = unread(source.name, error instanceof Error ? error.message : String(error), unreachableHint);
    return { loaded: undefined, problems: [problem], digests: [], watch: [], materialIds: [] };
  }
  // What an unknown key says is lost, but all problems are told at once. Its error is among `all`, so nothing of it is used.
  const { draft: config, problems, files, digests } = await (options.read ?? readConfig)(origin, options);
  if (config === undefined) return { loaded: undefined, problems, digests, watch: files, materialIds: [] };
  await options.sources?.prepare(listSources(config), options.sourceMs ?? defaultSourceMs, options.once);
  const { tolerateExpired = false, sources: deliveries, memory = new MaterialMemory() } = options;
  const reading = memory.begin();
  const loader = new MaterialLoader(source, options.clock.now(), { tolerateExpired, deliveries, reading });
  const revision = origin.stored?.revision ?? 0;
  const built = { ...(await loadMaterial(config, loader)), revision };
  memory.keep(reading);
  const others = [...problems, ...(await readCrls(built.crls, options))];
  const all = [...others, ...loader.problems];
  const loaded = { ...built, revision: origin.stored?.revision ?? 0, inputs: inputsOf(loader, others) };
  const watch = [...files, ...loader.paths];
  watch.push(...config.extraFolders.map(({ path }) => path));
  if (config.tls.certsDir !== undefined) watch.push(config.tls.certsDir.path);
  return {
    loaded: all.some(isError) ? undefined : loaded,
    problems: all,
    digests: [...digests, ...digestsOf(loader)],
    watch,
    materialIds: [...loader.ids],
  };
}

/**
 * The same configuration with what sources have delivered since. Nothing else is read: a file that was broken meanwhile must not keep
 * a certificate from being renewed.
 */
export async function loadDeliveries(
  source: MaterialSource,
  { config, inputs, revision }: LoadedConfig,
  { clock, sources: deliveries, memory = new MaterialMemory() }: Pick<LoadOptions, 'clock' | 'sources' | 'memory'>,
): Promise<Pick<LoadedResult, 'loaded' | 'problems'>> {
  const reading = memory.begin();
  const options = { tolerateExpired: true, deliveries, before: inputs.materials, reading };
  const loader = new MaterialLoader(source, clock.now(), options);
  const built = { ...(await loadMaterial(config, loader)), revision };
  memory.keep(reading);
  const problems = [...inputs.problems, ...loader.problems];
  return {
    loaded: problems.some(isError) ? undefined : { ...built, revision, inputs: inputsOf(loader, inputs.problems) },
    problems,
  };
}

function inputsOf({ files, folders, delivered, pending }: MaterialLoader, problems: readonly Problem[]): LoadInputs {
  return { problems, materials: { files, folders }, delivered, pending };
}

async function readCrls(groups: readonly CrlGroupSpec[], { crls, clock }: LoadOptions): Promise<readonly Problem[]> {
  if (crls !== undefined) return crls.prepare(groups);
  const own = new CrlPublisher({ clock });
  return own.prepare(groups).finally(() => own.close());
}

function digestsOf({ files }: MaterialLoader): FileDigest[] {
  return [...files].flatMap(([key, read]) =>
    read.ok && key.startsWith('path ')
      ? [{ path: key.slice('path '.length), sha256: hash('sha256', read.bytes, 'hex') }]
      : [],
  );
}

function isError(problem: Problem): boolean {
  return problem.severity === 'error';
}

async function loadMaterial(
  config: GatewayConfig,
  loader: MaterialLoader,
): Promise<Omit<LoadedConfig, 'inputs' | 'revision'>> {
  const crls = new WantedCrls();
  const expiries: Expiry[] = [];
  checkChallenges(config, loader);
  await loader.readAhead(filesOf(config));
  // Bundles first: what is an anchor here is known when certificates are verified.
  for (const { clientAuth } of [config.tls.gateway, ...config.tls.policies]) {
    if (clientAuth === undefined) continue;
    if (clientAuth.clientCAs.length > 0) await loader.bundle(clientAuth.clientCAs);
    for (const { cas } of clientAuth.spiffe?.bundles ?? []) await loader.bundle(cas);
  }
  for (const { tls } of config.routes) if (tls.rootCAs !== undefined) await loader.bundle(tls.rootCAs);
  const policies = await loadPolicies(config, loader, crls, expiries);
  const routes: LoadedRoute[] = [];
  const materials = new FilterMaterials(loader, {
    onAnchors: (bundle) => addAnchors(expiries, 'backend_anchor', bundle),
    onClientPair: (pair) => void expiries.push(expiryOf('backend_client', pair)),
  });
  for (const route of config.routes) {
    const filters = await materials.load(route.filters);
    routes.push({ ...(await loadRoute(route, loader, crls, expiries)), filters });
  }
  const adminLogin = await loadAdminLogin(config, loader, crls, expiries);
  const alertReceivers = await loadAlertReceivers(
    config,
    loader,
    (pair) => void expiries.push(expiryOf('backend_client', pair)),
  );
  const named = await loadNamed(config, loader, expiries);
  checkPairs(loader);
  const stapling = planStapling(
    config.tls.ocspStapling,
    policies.flatMap(({ certificates }) => certificates),
    () => listCAs(policies, routes),
  );
  loader.problems.push(...stapling.problems);
  const ticketSecret = await loadTicketSecret(config.tls.sessionResumption.keys, loader);
  const { targets: staples } = stapling;
  return {
    config,
    policies,
    routes,
    named,
    adminLogin,
    alertReceivers,
    expiries: distinct(expiries),
    crls: crls.groups,
    staples,
    ticketSecret,
  };
}

/** What grows with a configuration: the certificates and CAs of its policies and routes. */
function* filesOf({ tls, routes }: GatewayConfig): Generator<Ref> {
  for (const { cert, key } of tls.certificates) yield* [cert, key];
  for (const { certificates, clientAuth } of [tls.gateway, ...tls.policies]) {
    for (const { cert, key } of certificates) yield* [cert, key];
    yield* clientAuth?.clientCAs ?? [];
  }
  for (const { tls: backend } of routes)
    yield* [backend.rootCAs ?? [], backend.clientCert ?? [], backend.clientKey ?? []].flat();
}

/** undefined where no certificate logs in, and where its CAs cannot be used: then a problem says why. */
async function loadAdminLogin(
  { entryPoints: { admin } }: GatewayConfig,
  loader: MaterialLoader,
  crls: WantedCrls,
  expiries: Expiry[],
): Promise<LoadedConfig['adminLogin']> {
  const { clientLogin } = admin;
  if (!admin.enabled || clientLogin === undefined) return undefined;
  const { cas: clientCAs, crl, place } = clientLogin;
  const who = 'entryPoints.admin.clientLogin';
  const asked = { clientCAs, spiffe: undefined, partialChain: undefined, place };
  const bundle = (await loadClientTrust(who, asked, loader))?.own;
  if (bundle === undefined) return undefined;
  addAnchors(expiries, 'anchor', bundle);
  return { caPem: bundle.pem, crlKey: crl && crls.add(crl, bundle, who) };
}

/** What has an id is good, whether somebody refers to it or not: the next change may. */
async function loadNamed(
  { named, tls, routes, entryPoints, alerts }: GatewayConfig,
  loader: MaterialLoader,
  expiries: Expiry[],
): Promise<LoadedNamed> {
  const caBundles: LoadedNamed['caBundles'][number][] = [];
  for (const { id, place, cas } of named.caBundles) {
    const bundle = await loader.bundle(cas);
    if (bundle !== undefined) caBundles.push({ id, place, caPem: bundle.pem });
  }
  const asServer = new Set<object>([
    ...tls.certificates,
    ...tls.policies.flatMap(({ certificates }) => certificates),
    ...tls.gateway.certificates,
    ...(entryPoints.admin.certificate === undefined ? [] : [entryPoints.admin.certificate]),
  ]);
  const asClient = new Set<object>([
    ...routes.flatMap(({ tls: { clientCert } }) => clientCert ?? []),
    ...alerts.flatMap(({ certificate }) => certificate?.cert ?? []),
  ]);
  const certificates: LoadedNamed['certificates'][number][] = [];
  for (const { id, pair } of named.certificates) {
    // As it was read before, where somebody refers to it: nothing is said of it twice.
    const read = asServer.has(pair)
      ? loader.serverPair(pair)
      : asClient.has(pair.cert)
        ? loader.clientPair(pair)
        : loader.anyPair(pair);
    const usable = await read;
    if (usable === undefined) continue;
    certificates.push({ id, place: pair.place, pair: usable.loaded });
    if (pair === entryPoints.admin.certificate) expiries.push(expiryOf('server', usable.loaded));
  }
  return { certificates, caBundles };
}

async function loadPolicies(
  config: GatewayConfig,
  loader: MaterialLoader,
  crls: WantedCrls,
  expiries: Expiry[],
): Promise<LoadedPolicy[]> {
  const { tls } = config;
  const shared = await loadPairs(await sharedPairs(config, loader), loader);
  const sharedCoverage = new Coverage(shared);
  const coverages: PolicyCoverage[] = [];
  const policies: LoadedPolicy[] = [];
  for (const policy of [tls.gateway, ...tls.policies]) {
    checkAlgorithms(policy, loader);
    const own = policy.certificates.length === 0 ? shared : await loadPairs(policy.certificates, loader);
    const trust = policy.clientAuth && (await loadClientTrust(`policy ${policy.name}`, policy.clientAuth, loader));
    if (policy.clientAuth !== undefined && trust === undefined) continue;
    if (trust?.own !== undefined) addAnchors(expiries, 'anchor', trust.own);
    for (const { bundle } of trust?.domains ?? []) addAnchors(expiries, 'anchor', bundle);
    const coverage = own === shared ? sharedCoverage : new Coverage(own);
    if (own.length > 0) checkCoverage(unordered(hostsOf(policy, config), config), coverage, loader);
    if (policy !== tls.gateway) coverages.push({ hosts: policy.hosts, coverage });
    const certificates = own.map((pair) => pair.loaded);
    for (const pair of certificates) expiries.push(expiryOf('server', pair));
    if (certificates.length === 0) certificates.push(await selfSigned(policy, config, loader));
    const crl = policy.clientAuth?.crl;
    policies.push({
      config: policy,
      certificates,
      anchors: trust && (trust.own?.pem ?? []),
      trustDomains: trust?.domains.map(({ trustDomain, bundle }) => ({ trustDomain, caPem: bundle.pem })) ?? [],
      crlKey: crl && trust && crls.add(crl, allOf(trust), `policy ${policy.name}`),
    });
  }
  if (listEntryPoints(config.entryPoints).some(({ tls }) => tls))
    checkOrders(config.certificateOrders, coverages, sharedCoverage, loader);
  return policies;
}

/** Without the hosts of which checkOrders tells. */
function unordered(hosts: readonly ServedHost[], { certificateOrders }: GatewayConfig): readonly ServedHost[] {
  const ordered = new Set(certificateOrders.map(({ host }) => host));
  return hosts.filter(({ host }) => !ordered.has(host));
}

/** PEM of every CA that the configuration holds. */
function listCAs(policies: readonly LoadedPolicy[], routes: readonly LoadedRoute[]): string[] {
  const clients = policies.flatMap(({ anchors, trustDomains }) => [
    ...(anchors ?? []),
    ...trustDomains.flatMap(({ caPem }) => caPem),
  ]);
  return [...clients, ...routes.flatMap(({ tls }) => tls.rootCAs ?? [])];
}

/** Names of ciphers and curves that this OpenSSL does not have; it would drop some of them without a word. */
function checkAlgorithms(policy: PolicyConfig, loader: MaterialLoader): void {
  if (policy.cipherSuites.length === 0 && policy.curves.length === 0) return;
  try {
    const ciphers = resolveCipherSuites(policy.cipherSuites).join(':');
    createSecureContext({ ciphers, ecdhCurve: resolveCurves(policy.curves).join(':') });
  } catch (error) {
    const message = `policy ${policy.name}: ${error instanceof Error ? error.message : String(error)}`;
    const hint = 'Correct cipherSuites or curves; leave them out for the defaults.';
    loader.add(policy.place, materialError('tls_algorithm', message, hint));
  }
}

/** Where no certificate is configured: one for this run, so that a first try works; nobody can verify it. */
async function selfSigned(policy: PolicyConfig, config: GatewayConfig, loader: MaterialLoader): Promise<LoadedPair> {
  const noneConfigured =
    policy.certificates.length === 0 &&
    config.tls.certificates.length === 0 &&
    config.tls.defaultCertificate === undefined;
  if (noneConfigured && listEntryPoints(config.entryPoints).some(({ tls }) => tls)) {
    loader.add(
      policy.place,
      materialWarning(
        'self_signed',
        `no server certificate is configured for policy ${policy.name}: a self-signed one is made for this run`,
        'Configure gateway.tls.certificates; `countersign pki init` makes a set for tests.',
      ),
    );
  }
  return mintSelfSigned(hostsOf(policy, config).map(({ host }) => host));
}

async function loadRoute(
  config: RouteConfig,
  loader: MaterialLoader,
  crls: WantedCrls,
  expiries: Expiry[],
): Promise<Omit<LoadedRoute, 'filters'>> {
  const { rootCAs, clientCert, clientKey, crl } = config.tls;
  const anchors = rootCAs === undefined ? undefined : await loader.bundle(rootCAs);
  if (anchors !== undefined && rootCAs !== undefined) {
    addAnchors(expiries, 'backend_anchor', anchors);
    const [ref] = rootCAs;
    const named = ref === undefined ? [] : [{ what: 'rootCAs', bundle: anchors, ref }];
    checkAnchors(`route ${config.name}`, 'servers', config.tls.partialChain, named, loader);
  }
  const pair =
    clientCert === undefined || clientKey === undefined
      ? undefined
      : await loader.clientPair({ cert: clientCert, key: clientKey, place: clientCert.place });
  if (pair !== undefined) {
    expiries.push(expiryOf('backend_client', pair.loaded));
  }
  const issuers = rootCAs === undefined ? undefined : anchors;
  const crlKey =
    crl && (rootCAs === undefined || issuers !== undefined)
      ? crls.add(crl, issuers, `route ${config.name}`)
      : undefined;
  return { config, tls: { rootCAs: anchors?.pem.join(''), clientPair: pair?.loaded, crlKey } };
}

function addAnchors(expiries: Expiry[], role: Expiry['role'], bundle: TrustBundle): void {
  for (const anchor of bundle.certificates) expiries.push(expiryOf(role, anchor));
}

function expiryOf(role: Expiry['role'], { subject, notBefore, notAfter, isCa = false }: Omit<Expiry, 'role'>): Expiry {
  return { role, subject, notBefore, notAfter, isCa };
}

function distinct(expiries: readonly Expiry[]): Expiry[] {
  return [...new Map(expiries.map((one) => [`${one.role} ${one.subject} ${one.notAfter}`, one])).values()];
}
