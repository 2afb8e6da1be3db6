// Routes of one generation, from what was loaded of them: backends with their TLS identity and pools, filters, rules, metrics.
import { randomBytes } from 'node:crypto';
import type { ForwardClientCertConfig, GatewayConfig, RouteConfig } from '../config/gateway-config.ts';
import type { CrlLookup } from '../crl/subscriber.ts';
import { compileFilters } from '../filters/compile-filters.ts';
import type { FilterDependencies, FilterServices } from '../filters/dependencies.ts';
import { RouteMetrics } from '../flow/request-metrics.ts';
import type { Route } from '../flow/serving.ts';
import type { LoadedBackendTls, LoadedRoute, LoadedRules } from '../loading/loaded.ts';
import { PathRewrite } from '../routing/rewrite-path.ts';
import { type MetricCatalogue, Metrics } from '../telemetry/metrics.ts';
import { AnchorSet } from '../trust/anchor-set.ts';
import { RouteRule } from '../trust/route-rule.ts';
import { loadSystemBundle, TrustBundle } from '../trust/trust-bundle.ts';
import { Cluster } from '../upstream/cluster.ts';
import type { PoolSettings } from '../upstream/pool-settings.ts';
import type { Pools } from '../upstream/pools.ts';
import type { TlsMaterial } from '../upstream/tls-identity.ts';
import { openService } from './open-service.ts';
import { crlSettings } from './compile-policies.ts';

const serviceConnectMs = 5_000;

export type RouteDependencies = {
  readonly pools: Pools;
  readonly crls: CrlLookup;
  readonly metrics: MetricCatalogue;
  readonly filterServices: FilterServices;
};

/** What equal routes have in common is made once. */
export class RouteCompiler {
  readonly #gateway: GatewayConfig;
  readonly #stickySecret: Uint8Array;
  readonly #dependencies: RouteDependencies;
  /** For routes that are not to be counted: nobody reads it. */
  readonly #uncounted = new Metrics().of;
  readonly #anchors = new AnchorSets();
  readonly #forwards = new ForwardSettings();
  readonly #filters: FilterDependencies;

  constructor({ config, stickySecret }: Pick<LoadedRules, 'config' | 'stickySecret'>, dependencies: RouteDependencies) {
    this.#gateway = config;
    this.#stickySecret = stickySecret ?? randomBytes(32);
    this.#dependencies = dependencies;
    const { filterServices, pools } = dependencies;
    this.#filters = {
      ...filterServices,
      shared: new Map(),
      openService: (config, material) => openService(config, material, pools, servicePool(this.#gateway)),
    };
  }

  /** Its cluster is the caller's to close. Throws where OpenSSL rejects its TLS material, or it cannot be built otherwise. */
  compile({ config: loaded, tls, filters: filterMaterial }: LoadedRoute): Route {
    const { pools, crls, metrics } = this.#dependencies;
    const config = { ...loaded, forwardClientCert: this.#forwards.find(loaded.forwardClientCert) };
    const { transport } = this.#gateway;
    const pool: PoolSettings = {
      maxConnsPerHost: transport.maxConnsPerHost,
      reservedConnsPerHost: transport.reservedConnsPerHost,
      maxWaiting: transport.maxPendingRequests,
      maxIdleConnsPerHost: transport.maxIdleConnsPerHost,
      idleMs: transport.idleConnTimeoutMs,
      maxAgeMs: transport.maxConnectionDurationMs,
      connectMs: config.timeouts.connectMs,
      handshakeMs: config.timeouts.handshakeMs,
      ...(config.sendProxyProtocol === undefined ? {} : { proxyProtocol: config.sendProxyProtocol }),
    };
    // Whoever speaks without TLS to all of its backends trusts nobody; an identity without anchors cannot be made.
    const isEncrypted = config.backends.some(({ scheme }) => scheme === 'https');
    const anchors = isEncrypted ? this.#anchors.find(tls.rootCAs, config.tls.partialChain) : undefined;
    const material = backendMaterial(config, tls, anchors, crls);
    // First, so that nothing has begun where a filter cannot be made.
    const filters = compileFilters(config, filterMaterial, this.#filters);
    const { name: route, backends, loadBalancing, hashOn, healthCheck } = config;
    const sticky = config.sticky && { config: config.sticky, secret: this.#stickySecret, route };
    const cluster = new Cluster({ backends, loadBalancing, hashOn, sticky, healthCheck, tls: material, pool }, pools);
    const rule = config.clientCert && new RouteRule(config.clientCert);
    const rewrite = PathRewrite.of(config);
    return {
      config,
      cluster,
      metrics: new RouteMetrics(config.isCounted ? metrics : this.#uncounted, config.name),
      rewrite,
      rule,
      filters,
    };
  }
}

/** Connections to servers that filters ask: as many as to a backend, with the times of a backend that says nothing. */
function servicePool({ transport }: GatewayConfig): PoolSettings {
  return {
    maxConnsPerHost: transport.maxConnsPerHost,
    reservedConnsPerHost: transport.reservedConnsPerHost,
    maxWaiting: transport.maxPendingRequests,
    maxIdleConnsPerHost: transport.maxIdleConnsPerHost,
    idleMs: transport.idleConnTimeoutMs,
    maxAgeMs: transport.maxConnectionDurationMs,
    connectMs: serviceConnectMs,
    handshakeMs: serviceConnectMs,
  };
}

/** Who we are and whom we trust towards the https backends of a route; also for commands that look at them. */
export function backendMaterial(
  config: RouteConfig,
  { clientPair, crlKey }: LoadedBackendTls,
  anchors: AnchorSet | undefined,
  crls: CrlLookup,
): Required<TlsMaterial> {
  const { insecureSkipVerify, serverName, nameCheck, minVersion, maxVersion, crl, http2 } = config.tls;
  return {
    verify: !insecureSkipVerify,
    anchors,
    client: clientPair,
    serverName,
    nameCheck,
    minVersion,
    maxVersion,
    rules: config.tls,
    http2,
    crl: crl && crlKey ? { key: crlKey, settings: crlSettings(crl), crls: crls.find(crlKey) } : undefined,
  };
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

/** Anchors of the backend side by their text: 10,000 routes with one CA parse it once. */
export class AnchorSets {
  readonly #known = new Map<string, AnchorSet>();

  /** `pem` undefined: the system's roots. `partialChain`: what the configuration says of intermediates. */
  find(pem: string | undefined, partialChain: boolean | undefined): AnchorSet {
    const key = `${partialChain ?? 'unsaid'} ${pem ?? 'system'}`;
    let set = this.#known.get(key);
    if (set === undefined) {
      const bundle = pem === undefined ? loadSystemBundle() : TrustBundle.parse(pem).bundle;
      if (bundle === undefined) throw new RangeError('a CA bundle that was good when it was loaded cannot be read');
      set = AnchorSet.of(bundle, partialChain);
      this.#known.set(key, set);
    }
    return set;
  }
}
