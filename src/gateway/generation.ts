// One generation of rules: everything that a request needs, compiled from a LoadedConfig, immutable once made. A new one is
// built beside the old; what has not changed (pools, health) is taken over, so that warm connections survive a reload.
import { EdgePolicy } from '../edge/edge-policy.ts';
import { PolicyTable } from '../edge/policy-table.ts';
import { RouteMetrics } from '../flow/record.ts';
import type { Route, Serving } from '../flow/serving.ts';
import type { Forwarding } from '../identity/forwarding.ts';
import { StripList } from '../identity/strip-list.ts';
import { loadSystemBundle, TrustBundle } from '../pki/trust-bundle.ts';
import { RouteTable } from '../routing/route-table.ts';
import type { MetricCatalogue } from '../telemetry/metrics.ts';
import { Cluster } from '../upstream/cluster.ts';
import { defaultPoolSettings, type PoolSettings } from '../upstream/pool-settings.ts';
import type { Pools } from '../upstream/pools.ts';
import type { BackendAnchors, TlsMaterial } from '../upstream/tls-identity.ts';
import type { LoadedConfig, LoadedPolicy, LoadedRoute } from './loaded.ts';

type Resumption = LoadedConfig['config']['tls']['sessionResumption'];

export type GenerationInput = {
  readonly number: number;
  readonly loaded: LoadedConfig;
  /** Shared by all workers. */
  readonly ticketSecret: Buffer;
  readonly forwarding: Forwarding;
  readonly pools: Pools;
  readonly metrics: MetricCatalogue;
};

export class Generation implements Serving {
  readonly number: number;
  readonly loaded: LoadedConfig;
  readonly policies: PolicyTable;
  readonly routes: RouteTable<Route>;
  readonly strip: StripList;
  readonly forwarding: Forwarding;
  readonly securePort: number | undefined;
  readonly pools: Pools;
  readonly #uris = new Map<string, readonly string[]>();

  /** Throws where OpenSSL rejects what the checks let pass: the caller keeps the generation before. */
  constructor(input: GenerationInput) {
    const { loaded, metrics } = input;
    const { config } = loaded;
    this.number = input.number;
    this.loaded = loaded;
    this.forwarding = input.forwarding;
    this.pools = input.pools;
    // The fields that name a client behind a trusted proxy must not be forged by anybody else.
    this.strip = new StripList(config.proxy.ipHeaders);
    const { webSecure } = config.entryPoints;
    this.securePort = webSecure.enabled ? webSecure.port : undefined;
    this.policies = compilePolicies(loaded, input.ticketSecret);
    for (const policy of loaded.policies) this.#uris.set(policy.config.name, policy.certificates[0]?.uris ?? []);
    const anchors = new AnchorSets();
    this.routes = new RouteTable(
      loaded.routes.map((route) => compileRoute(route, config, input.pools, anchors, metrics)),
    );
  }

  ownUris(policy: EdgePolicy): readonly string[] {
    return this.#uris.get(policy.name) ?? [];
  }

  /** What the next generation did not take over drains. */
  close(): void {
    for (const route of this.routes.routes) route.cluster.close();
    this.pools.close();
  }
}

function compileRoute(
  { config, tls }: LoadedRoute,
  gateway: LoadedConfig['config'],
  pools: Pools,
  anchors: AnchorSets,
  metrics: MetricCatalogue,
): Route {
  const { transport } = gateway;
  const pool: PoolSettings = {
    ...defaultPoolSettings,
    maxConnsPerHost: transport.maxConnsPerHost,
    maxIdleConnsPerHost: transport.maxIdleConnsPerHost,
    idleMs: transport.idleConnTimeoutMs,
    connectMs: config.timeouts.connectMs,
    handshakeMs: config.timeouts.handshakeMs,
  };
  const material: TlsMaterial = {
    verify: !config.tls.insecureSkipVerify,
    anchors: anchors.find(tls.rootCAs),
    client: tls.clientPair,
    serverName: config.tls.serverName,
    minVersion: config.tls.minVersion,
    maxVersion: config.tls.maxVersion,
  };
  const { backends, loadBalancing, healthCheck } = config;
  const cluster = new Cluster({ backends, loadBalancing, healthCheck, tls: material, pool }, pools);
  const counter = (backend: string, status: string) => metrics.requests.labels({ route: config.name, status, backend });
  return { config, cluster, metrics: new RouteMetrics(counter) };
}

/** Anchors of leg 2 by their text: 10,000 routes with one CA parse it once. */
class AnchorSets {
  readonly #known = new Map<string, BackendAnchors>();

  /** `pem` undefined: the system's roots. */
  find(pem: string | undefined): BackendAnchors {
    const key = pem ?? 'system';
    let set = this.#known.get(key);
    if (set === undefined) {
      const bundle = pem === undefined ? loadSystemBundle() : TrustBundle.parse(pem).bundle;
      if (bundle === undefined) throw new RangeError('a CA bundle that was good when it was loaded cannot be read');
      set = { pems: bundle.pem, digest: bundle.digest };
      this.#known.set(key, set);
    }
    return set;
  }
}

function compilePolicies(loaded: LoadedConfig, secret: Buffer): PolicyTable {
  const { tls, routes } = loaded.config;
  const compiled = new Map<string, EdgePolicy>();
  for (const policy of loaded.policies)
    compiled.set(policy.config.name, compilePolicy(policy, tls.sessionResumption, secret));
  const find = (name: string): EdgePolicy => {
    const policy = compiled.get(name);
    if (policy === undefined) throw new RangeError(`policy ${name} was not loaded`);
    return policy;
  };
  const routeHosts = routes.flatMap((route) => route.hosts.map((host) => host.replace(/^\{[^}]*\}\./, '*.')));
  const gatewayNames = loaded.policies.find(({ config }) => config === tls.gateway || config.name === tls.gateway.name);
  const certificateHosts = gatewayNames?.certificates.flatMap((pair) => pair.names) ?? [];
  return new PolicyTable({
    gateway: find(tls.gateway.name),
    policies: tls.policies.map((policy) => ({ policy: find(policy.name), hosts: policy.hosts })),
    knownHosts: [...routeHosts, ...certificateHosts],
    defaultPolicy: tls.defaultPolicy === undefined ? undefined : find(tls.defaultPolicy),
  });
}

function compilePolicy(
  { config, certificates, anchors }: LoadedPolicy,
  resumption: Resumption,
  secret: Buffer,
): EdgePolicy {
  const { clientAuth } = config;
  // Absent anchors never mean "whoever the public roots vouch for" (N22).
  if (clientAuth !== undefined && (anchors === undefined || anchors.length === 0)) {
    throw new RangeError(`policy ${config.name} asks for client certificates but has no anchors`);
  }
  return new EdgePolicy({
    name: config.name,
    minVersion: config.minVersion,
    maxVersion: config.maxVersion,
    ciphers: config.cipherSuites,
    curves: config.curves,
    certificates: certificates.map(({ chainPem, keyPem, names }) => ({ certPem: chainPem, keyPem, names })),
    clientAuth: clientAuth === undefined ? undefined : { ...clientAuth, caPem: anchors ?? [] },
    resumption: { enabled: resumption.enabled, lifetimeS: Math.floor(resumption.lifetimeMs / 1000), secret },
  });
}
