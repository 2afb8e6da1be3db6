// One backend of one route: its pool, its health check, its share of the traffic.
import type { Fault } from '../base/fault.ts';
import type { BackendConfig, HealthCheckConfig } from '../config/gateway-config.ts';
import type { Hashed, Loaded } from './balance.ts';
import type { AcquireOptions, CallWaiter } from './call-waiter.ts';
import { type Endpoint, endpointAuthority, endpointKey } from './endpoint.ts';
import type { HealthCheck } from './health.ts';
import type { HealthState } from './health-state.ts';
import { compileMatch, type Matcher } from './match.ts';
import type { Pool } from './pool.ts';
import type { PoolSettings } from './pool-settings.ts';
import type { Pools } from './pools.ts';
import { hashText } from './text-hash.ts';
import type { TlsIdentity, TlsMaterial } from './tls-identity.ts';

/** What the backends of one route have in common. */
export type BackendOptions = {
  readonly healthCheck: HealthCheckConfig | undefined;
  /** For the https backends among them. */
  readonly tls: TlsMaterial;
  readonly pool: PoolSettings;
};

export class Backend implements Loaded, Hashed {
  /** `host:port`, for metrics and logs only. */
  readonly label: string;
  /** Its endpoint with the path prefix: what distinguishes it from the others of its route, in every process. */
  readonly name: string;
  readonly hash: number;
  /** Value of Host where the client's is not forwarded. */
  readonly authority: string;
  /** Path prefix of the endpoint without trailing slash; '' for none. */
  readonly basePath: string;
  readonly secure: boolean;
  /** As that of its TLS identity. */
  readonly presents: string | undefined;
  readonly weight: number;
  readonly matches: Matcher | undefined;
  readonly exclusive: boolean;
  readonly priority: number;
  /** Used only while no other backend of the route is. */
  readonly backup: boolean;
  readonly pool: Pool;
  /** For tunnels over HTTP/1.1, so that they take no request's connection; undefined where HTTP/2 is all that may be spoken. */
  readonly #tunnels: Pool | undefined;
  readonly #check: HealthCheck | undefined;
  readonly #since: number;
  readonly #unwatch: (() => void)[] = [];

  /** `onChange` is called when `checkedHealthy` or `ejected` may have changed. */
  constructor(config: BackendConfig, options: BackendOptions, pools: Pools, onChange: () => void) {
    const endpoint: Endpoint = { scheme: config.scheme, host: config.host, port: config.port };
    const identity = config.scheme === 'https' ? pools.findIdentity(options.tls) : undefined;
    this.pool = pools.find(endpoint, identity, options.pool);
    this.#tunnels = this.#findTunnels(endpoint, identity, options.pool, pools);
    this.label = this.pool.label;
    this.authority = endpointAuthority(endpoint);
    this.basePath = config.basePath;
    this.name = endpointKey(endpoint) + config.basePath;
    this.hash = hashText(this.name);
    this.secure = identity !== undefined;
    this.presents = identity?.presents;
    this.weight = config.weight;
    this.matches = config.match.length === 0 ? undefined : compileMatch(config.match);
    this.exclusive = config.exclusive;
    this.priority = config.priority;
    this.backup = config.backup;
    this.#since = pools.dependencies.clock.now();
    this.#unwatch.push(this.pool.watch(onChange));
    if (options.healthCheck === undefined) return;
    const check = pools.findCheck(endpoint, identity, options.healthCheck, options.pool.proxyProtocol);
    this.#check = check;
    const onCheck = (): void => {
      if (check.state().healthy) this.pool.reached();
      onChange();
    };
    this.#unwatch.push(check.watch(onCheck));
  }

  /** Where tunnels find HTTP/1.1: among the connections of requests, unless those may turn out to be of HTTP/2. */
  #findTunnels(
    endpoint: Endpoint,
    identity: TlsIdentity | undefined,
    settings: PoolSettings,
    pools: Pools,
  ): Pool | undefined {
    if (identity === undefined || identity.http2 === 'off') return this.pool;
    return identity.http2 === 'on' ? undefined : pools.find(endpoint, identity, { ...settings, http1Only: true });
  }

  /** False while the health check says no. */
  get checkedHealthy(): boolean {
    return this.#check?.state().healthy ?? true;
  }

  /** True while connecting failed too often in a row. */
  get ejected(): boolean {
    return this.pool.ejected !== undefined;
  }

  /** Half of its connections are in use, or more. */
  get isScarce(): boolean {
    return this.pool.isScarce;
  }

  /** Requests under way and waiting, of every route of this worker that uses it in the same way. */
  get load(): number {
    const tunnels = this.#tunnels;
    return tunnels === undefined || tunnels === this.pool ? this.pool.load : this.pool.load + tunnels.load;
  }

  state(): HealthState {
    const checked = this.#check?.state();
    if (checked?.healthy === false) return checked;
    const { ejected } = this.pool;
    if (ejected !== undefined) return ejected;
    return checked ?? { healthy: true, reason: undefined, since: this.#since, source: 'passive' };
  }

  /** Calls the waiter back, at once where an idle connection exists. */
  acquire(waiter: CallWaiter, options?: AcquireOptions): void {
    const fresh = options?.fresh === true;
    const pool = options?.upgrade === true ? this.#poolOfTunnel(fresh) : this.pool;
    pool.acquire(waiter, fresh);
  }

  /** A stream of HTTP/2 where one is to be had, else a connection of HTTP/1.1 of its own; that always for another attempt. */
  #poolOfTunnel(again: boolean): Pool {
    if (this.#tunnels === undefined || (!again && this.pool.offersUpgrades)) return this.pool;
    return this.#tunnels;
  }

  /** A response head came. */
  reportResponse(_status: number): void {
    this.pool.answered();
  }

  /** A call failed. Failed connects are known to the pool already; late refusals of our certificate count like them. */
  reportFailure(fault: Fault): void {
    if (fault.source === 'backend' && (fault.code === 'refused_by_peer' || fault.code === 'no_client_cert')) {
      this.pool.refusedCertificate(fault);
    }
  }

  /** It refused our certificate in an answer: it is reached, and so stays among the others. */
  reportRefusal(fault: Fault): void {
    if (fault.code === 'refused_by_peer' || fault.code === 'no_client_cert') this.pool.answeredRefusing(fault);
  }

  close(): void {
    for (const unwatch of this.#unwatch.splice(0)) unwatch();
  }
}
