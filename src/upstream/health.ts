// Active health check of one endpoint under one TLS identity: probes at an interval with jitter, thresholds both ways.
// Runs per worker and outlives reloads while its key is the same. The first probe decides alone, so that a gateway that
// just started knows soon; until then the backend counts as healthy.
import type { HealthCheckConfig } from '../config/gateway-config.ts';
import type { FieldBlock } from '../http/field.ts';
import type { UpstreamDependencies } from './dependencies.ts';
import { Addresses } from './addresses.ts';
import { type Endpoint, endpointLabel } from './endpoint.ts';
import type { HealthReason, HealthState } from './health-state.ts';
import { Probe, probeFields } from './probe.ts';
import type { TlsIdentity } from './tls-identity.ts';

export type HealthCheckOptions = {
  readonly endpoint: Endpoint;
  readonly identity: TlsIdentity | undefined;
  readonly config: HealthCheckConfig;
  /** Probes begin with a PROXY header that says that nobody is behind them. */
  readonly proxyProtocol?: 1 | 2 | undefined;
  readonly dependencies: UpstreamDependencies;
};

/** Each wait is between 1 - jitter and 1 + jitter of the interval, so that workers and gateways do not probe in step. */
const jitter = 0.1;

export class HealthCheck {
  readonly label: string;
  readonly #options: HealthCheckOptions;
  readonly #addresses: Addresses;
  readonly #fields: FieldBlock;
  readonly #listeners = new Set<() => void>();
  #state: HealthState;
  /** Results in a row that speak against the state. */
  #against = 0;
  #decided = false;
  #hasBegun = false;
  #probe: Probe | undefined;
  #cancelTimer: (() => void) | undefined;

  constructor(options: HealthCheckOptions) {
    this.#options = options;
    this.label = endpointLabel(options.endpoint);
    this.#fields = probeFields(options.config.headers);
    const { host } = options.endpoint;
    const { resolver, clock, random } = options.dependencies;
    this.#addresses = new Addresses({ host, resolver, clock, random, onChange: () => undefined });
    this.#state = { healthy: true, reason: undefined, since: options.dependencies.clock.now(), source: 'active' };
  }

  /** The first probe starts; does nothing where it has begun already. */
  begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#start();
  }

  state(): HealthState {
    return this.#state;
  }

  /** Calls back whenever `state().healthy` changes; the result ends that. */
  watch(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#cancelTimer?.();
    this.#probe?.cancel();
    this.#listeners.clear();
    this.#addresses.close();
  }

  #start(): void {
    const { endpoint, identity, config, proxyProtocol, dependencies } = this.#options;
    const { path, host, healthyStatuses, timeoutMs } = config;
    const asked = { path, host, fields: this.#fields, healthyStatuses, timeoutMs, proxyProtocol };
    const target = { endpoint, addresses: this.#addresses, identity, ...asked, dependencies };
    this.#probe = new Probe(target, (reason) => this.#onResult(reason));
    this.#probe.start();
  }

  #onResult(reason: HealthReason | undefined): void {
    const { config, dependencies } = this.#options;
    this.#probe = undefined;
    const waitMs = config.intervalMs * (1 - jitter + 2 * jitter * dependencies.random());
    this.#cancelTimer = dependencies.clock.after(waitMs, () => this.#start());
    this.#weigh(reason);
  }

  #weigh(reason: HealthReason | undefined): void {
    const { config, dependencies } = this.#options;
    const healthy = reason === undefined;
    const first = !this.#decided;
    this.#decided = true;
    if (healthy === this.#state.healthy) {
      this.#against = 0;
      // Still down, perhaps for another reason now.
      if (!healthy) this.#state = { ...this.#state, reason };
      return;
    }
    this.#against += 1;
    const needed = healthy ? config.healthyThreshold : config.unhealthyThreshold;
    if (!first && this.#against < needed) return;
    this.#against = 0;
    this.#state = { healthy, reason, since: dependencies.clock.now(), source: 'active' };
    dependencies.events.onBackendHealth(this.label, this.#state);
    for (const listener of this.#listeners) listener();
  }
}
