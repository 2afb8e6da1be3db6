// One generation of rules: everything that a request needs, compiled from a LoadedConfig, immutable once made. A new one is
// built beside the old; what has not changed (pools, health) is taken over, so that warm connections survive a reload.
import type { ForwardClientCertConfig } from '../config/gateway-config.ts';
import type { EdgePolicy } from '../edge/edge-policy.ts';
import type { PolicyTable } from '../edge/policy-table.ts';
import { ticketEpoch, TicketSecret, type TicketSeed } from '../edge/ticket-secret.ts';
import type { StapleBook } from '../edge/staple-book.ts';
import { RouteMetrics } from '../flow/request-metrics.ts';
import type { Route, Serving } from '../flow/serving.ts';
import type { Forwarding } from '../identity/forwarding.ts';
import { StripList } from '../identity/strip-list.ts';
import { loadSystemBundle, TrustBundle } from '../pki/trust-bundle.ts';
import { RouteTable } from '../routing/route-table.ts';
import { RouteRule } from '../policy/route-rule.ts';
import type { MetricCatalogue } from '../telemetry/metrics.ts';
import { Cluster } from '../upstream/cluster.ts';
import { defaultPoolSettings, type PoolSettings } from '../upstream/pool-settings.ts';
import type { Pools } from '../upstream/pools.ts';
import type { BackendAnchors, TlsMaterial } from '../upstream/tls-identity.ts';
import { compilePolicies, crlSettings } from './compile-policies.ts';
import type { CrlLookup } from './crl-store.ts';
import type { LoadedConfig, LoadedRoute } from './loaded.ts';

export type GenerationInput = {
  readonly number: number;
  readonly loaded: LoadedConfig;
  /** Shared by all workers. */
  readonly ticketSeed: TicketSeed;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** What is known of revocation at this moment. */
  readonly crls: CrlLookup;
  /** OCSP responses for our certificates, as they come. */
  readonly staples: StapleBook;
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
  readonly #tickets: TicketSecret;
  readonly #uris = new Map<string, readonly string[]>();

  /** Throws where OpenSSL rejects what the checks let pass: the caller keeps the generation before. */
  constructor(input: GenerationInput) {
    const { loaded, metrics } = input;
    const { config } = loaded;
    this.number = input.number;
    this.loaded = loaded;
    this.forwarding = input.forwarding;
    this.pools = input.pools;
    // Fields that name a client behind a trusted proxy, or that carry an identity to any backend: nobody may forge them,
    // on no route, since a backend can stand behind several.
    const identityNames = [config, ...config.routes].flatMap(({ forwardClientCert }) =>
      forwardClientCert.custom.map(({ name }) => name),
    );
    const { ipHeaders, trustedHeaders } = config.proxy;
    this.strip = new StripList({
      set: identityNames,
      read: ipHeaders,
      trusted: trustedHeaders,
      allowed: config.allowOverrideHeaders,
    });
    const { webSecure } = config.entryPoints;
    this.securePort = webSecure.enabled ? webSecure.port : undefined;
    this.#tickets = new TicketSecret(input.ticketSeed);
    const epoch = ticketEpoch(input.now, config.tls.sessionResumption.rotationMs);
    this.policies = compilePolicies(loaded, this.#tickets.at(epoch), input.crls, input.staples);
    for (const policy of loaded.policies) this.#uris.set(policy.config.name, policy.certificates[0]?.uris ?? []);
    const anchors = new AnchorSets();
    const forwards = new ForwardSettings();
    this.routes = new RouteTable(
      loaded.routes.map((route) =>
        compileRoute(route, { gateway: config, pools: input.pools, anchors, forwards, crls: input.crls, metrics }),
      ),
    );
  }

  ownUris(policy: EdgePolicy): readonly string[] {
    return this.#uris.get(policy.name) ?? [];
  }

  /** Session tickets under the keys of this epoch, in all policies (ticket-rotation.ts). */
  rotate(epoch: number): void {
    const secret = this.#tickets.at(epoch);
    for (const policy of this.policies.policies) policy.rotate(secret);
    secret.fill(0);
  }

  /** Puts refreshed CRLs in force; open connections to clients are judged by who calls this. */
  replaceCrls(crls: CrlLookup): void {
    const policies = new Map(this.policies.policies.map((policy) => [policy.name, policy]));
    for (const { config, crlKey } of this.loaded.policies)
      if (crlKey !== undefined) policies.get(config.name)?.trust?.replaceCrls(crls.find(crlKey));
    const keys = new Set(this.loaded.routes.map(({ tls }) => tls.crlKey));
    for (const key of keys) if (key !== undefined) this.pools.replaceCrls(key, crls.find(key));
  }

  /** What the next generation did not take over drains. */
  close(): void {
    for (const route of this.routes.routes) route.cluster.close();
    this.pools.close();
  }
}

type RouteWorld = {
  readonly gateway: LoadedConfig['config'];
  readonly pools: Pools;
  readonly anchors: AnchorSets;
  readonly forwards: ForwardSettings;
  readonly crls: CrlLookup;
  readonly metrics: MetricCatalogue;
};

function compileRoute(
  { config: loaded, tls }: LoadedRoute,
  { gateway, pools, anchors, forwards, crls, metrics }: RouteWorld,
): Route {
  const config = { ...loaded, forwardClientCert: forwards.find(loaded.forwardClientCert) };
  const { transport } = gateway;
  const pool: PoolSettings = {
    ...defaultPoolSettings,
    maxConnsPerHost: transport.maxConnsPerHost,
    reservedConnsPerHost: transport.reservedConnsPerHost,
    maxWaiting: transport.maxPendingRequests,
    maxIdleConnsPerHost: transport.maxIdleConnsPerHost,
    idleMs: transport.idleConnTimeoutMs,
    maxAgeMs: transport.maxConnectionDurationMs,
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
    rules: config.tls,
    crl:
      config.tls.crl && tls.crlKey
        ? { key: tls.crlKey, settings: crlSettings(config.tls.crl), crls: crls.find(tls.crlKey) }
        : undefined,
  };
  const { backends, loadBalancing, healthCheck } = config;
  const cluster = new Cluster({ backends, loadBalancing, healthCheck, tls: material, pool }, pools);
  const rule = config.clientCert && new RouteRule(config.clientCert);
  return { config, cluster, metrics: new RouteMetrics(metrics, config.name), rule };
}

/** Equal settings become one value, so that a connection makes its identity once for all routes that have them. */
class ForwardSettings {
  readonly #known = new Map<string, ForwardClientCertConfig>();

  find(config: ForwardClientCertConfig): ForwardClientCertConfig {
    const key = JSON.stringify(config);
    const same = this.#known.get(key);
    if (same === undefined) this.#known.set(key, config);
    return same ?? config;
  }
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
