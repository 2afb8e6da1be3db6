// A pool whose connections begin with a PROXY header. The header is about one client connection, so nobody else's requests may go over
// it: each has a part of its own, a pool of which no other client gets anything. Health, TLS sessions and revocation are shared.
import { type Fault, toFault } from '../base/fault.ts';
import type { ProxiedAddresses } from '../proxy-protocol/header.ts';
import { writeProxyHeader } from '../proxy-protocol/writer.ts';
import type { CallWaiter } from './call-waiter.ts';
import type { UpstreamDependencies } from './dependencies.ts';
import type { Endpoint } from './endpoint.ts';
import type { IdleBudget } from './idle-budget.ts';
import { Pool } from './pool.ts';
import type { PoolSettings } from './pool-settings.ts';
import type { TlsIdentity } from './tls-identity.ts';

/** Client connections that have a part; beyond it the one that asked longest ago gives its idle connections up. */
const maxParts = 1024;

export type ProxiedSettings = PoolSettings & { readonly proxyProtocol: 1 | 2 };

export class ProxiedPool extends Pool {
  readonly #settings: ProxiedSettings;
  readonly #dependencies: UpstreamDependencies;
  readonly #budget: IdleBudget;
  /** By both ends of the client's connection; who asked last is last. */
  readonly #parts = new Map<string, Pool>();

  constructor(
    endpoint: Endpoint,
    identity: TlsIdentity | undefined,
    settings: ProxiedSettings,
    dependencies: UpstreamDependencies,
    budget: IdleBudget,
  ) {
    super(endpoint, identity, settings, dependencies, budget);
    this.#settings = settings;
    this.#dependencies = dependencies;
    this.#budget = budget;
  }

  override acquire(waiter: CallWaiter, fresh: boolean): void {
    // Without a client it is a call of the gateway itself.
    if (waiter.proxied === undefined) return super.acquire(waiter, fresh);
    const part = this.#findPart(waiter.proxied);
    if (part instanceof Pool) part.acquire(waiter, fresh);
    else waiter.onCallFailure(part);
  }

  /** A client that is gone has no address any more: no header can be written about it. */
  #findPart(addresses: ProxiedAddresses): Pool | Fault {
    try {
      return this.#partOf(addresses);
    } catch (error) {
      return toFault(error);
    }
  }

  override get load(): number {
    return [...this.#parts.values()].reduce((sum, { load }) => sum + load, super.load);
  }

  override get counts(): Pool['counts'] {
    const sum = { ...super.counts };
    for (const { counts } of this.#parts.values()) {
      sum.open += counts.open;
      sum.idle += counts.idle;
      sum.dialing += counts.dialing;
      sum.waiting += counts.waiting;
    }
    return sum;
  }

  override reEvaluate(): void {
    super.reEvaluate();
    for (const part of this.#parts.values()) part.reEvaluate();
  }

  override close(): void {
    super.close();
    for (const part of this.#parts.values()) part.close();
    // Those drain by themselves, and are told of revocation as every pool that does.
    this.#parts.clear();
  }

  #partOf(addresses: ProxiedAddresses): Pool {
    const { source, destination } = addresses;
    const key = `${source.address} ${source.port} ${destination.address} ${destination.port}`;
    const known = this.#parts.get(key);
    if (known !== undefined) this.#parts.delete(key);
    const part = known ?? this.#open(addresses);
    this.#parts.set(key, part);
    return part;
  }

  #open(addresses: ProxiedAddresses): Pool {
    const [oldest] = this.#parts;
    if (oldest !== undefined && this.#parts.size >= maxParts) {
      this.#parts.delete(oldest[0]);
      oldest[1].close();
    }
    const header = writeProxyHeader(this.#settings.proxyProtocol, addresses);
    const { endpoint, identity } = this;
    return new Pool(endpoint, identity, this.#settings, this.#dependencies, this.#budget, { of: this, header });
  }
}
