// What the routes of one generation share: pools by endpoint and TLS identity, TLS identities, health checks. A new
// generation takes over what is unchanged, so that a reload keeps warm connections and what is known about health.
import type { HealthCheckConfig } from '../config/gateway-config.ts';
import type { IndexedCrl } from '../crl/crl-set.ts';
import type { UpstreamDependencies } from './dependencies.ts';
import { type Endpoint, endpointKey } from './endpoint.ts';
import { HealthCheck } from './health.ts';
import type { IdleBudget } from './idle-budget.ts';
import { Pool } from './pool.ts';
import { ProxiedPool } from './proxied-pool.ts';
import type { PoolSettings } from './pool-settings.ts';
import { SharedCache } from './shared-cache.ts';
import { type TlsMaterial, TlsIdentity, digestMaterial } from './tls-identity.ts';

export class Pools {
  readonly dependencies: UpstreamDependencies;
  readonly #budget: IdleBudget;
  readonly #pools: SharedCache<Pool>;
  readonly #checks: SharedCache<HealthCheck>;
  readonly #identities: SharedCache<TlsIdentity>;

  /** `previous`: the pools of the generation that serves now. `budget` outlives generations. */
  constructor(dependencies: UpstreamDependencies, budget: IdleBudget, previous?: Pools) {
    this.dependencies = dependencies;
    this.#budget = budget;
    this.#pools = new SharedCache(previous === undefined ? undefined : previous.#pools);
    this.#checks = new SharedCache(previous === undefined ? undefined : previous.#checks);
    this.#identities = new SharedCache(previous === undefined ? undefined : previous.#identities);
  }

  /** One identity per digest, so that equal routes share one context. Throws where OpenSSL rejects the material. */
  findIdentity(material: TlsMaterial): TlsIdentity {
    const digest = digestMaterial(material);
    return this.#identities.take(digest, () => new TlsIdentity(material, digest));
  }

  /** The pool of an endpoint under an identity (undefined: plain HTTP). */
  find(endpoint: Endpoint, identity: TlsIdentity | undefined, settings: PoolSettings): Pool {
    const key = `${connectionKey(endpoint, identity)} ${JSON.stringify(settings)}`;
    return this.#pools.take(key, () => this.#open(endpoint, identity, settings));
  }

  #open(endpoint: Endpoint, identity: TlsIdentity | undefined, settings: PoolSettings): Pool {
    const { proxyProtocol } = settings;
    return proxyProtocol === undefined
      ? new Pool(endpoint, identity, settings, this.dependencies, this.#budget)
      : new ProxiedPool(endpoint, identity, { ...settings, proxyProtocol }, this.dependencies, this.#budget);
  }

  /** The check of an endpoint under an identity; it runs where the generation before had it, else from `beginChecks` on. */
  findCheck(
    endpoint: Endpoint,
    identity: TlsIdentity | undefined,
    config: HealthCheckConfig,
    proxyProtocol?: 1 | 2,
  ): HealthCheck {
    const key = `${connectionKey(endpoint, identity)} ${proxyProtocol ?? ''} ${JSON.stringify(config)}`;
    return this.#checks.take(
      key,
      () => new HealthCheck({ endpoint, identity, config, proxyProtocol, dependencies: this.dependencies }),
    );
  }

  /** All that needs them is built: nobody probes for a generation that never comes to be. */
  beginChecks(): void {
    for (const check of this.#checks.values()) check.begin();
  }

  /** Activates refreshed CRLs for the identities that ask for them by this key, and verifies their connections again. */
  replaceCrls(key: string, crls: readonly IndexedCrl[]): void {
    const changed = new Set(this.#identities.values().filter((identity) => identity.replaceCrls(key, crls)));
    for (const pool of this.#pools.values()) {
      if (pool.identity !== undefined && changed.has(pool.identity)) pool.reEvaluate();
    }
    for (const pool of this.dependencies.draining) pool.replaceCrls(key, crls);
  }

  /** Every pool of this generation, for metrics. */
  list(): readonly Pool[] {
    return this.#pools.values();
  }

  /** The generation is over: what the next one did not take over drains and stops. */
  close(): void {
    this.#checks.close();
    this.#pools.close();
    this.#identities.close();
  }
}

function connectionKey(endpoint: Endpoint, identity: TlsIdentity | undefined): string {
  return `${endpointKey(endpoint)} ${identity?.digest ?? 'plain'}`;
}
