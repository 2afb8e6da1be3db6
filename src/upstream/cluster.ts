// The backends of one route: which ones are available now, which of them takes a request (balance.ts), and how a
// connection to it is had (pool.ts). Availability is kept up to date by events, so that a pick only reads an array.
import type { BackendConfig } from '../config/gateway-config.ts';
import type { Fields } from '../http/field.ts';
import { Backend, type BackendOptions } from './backend.ts';
import { type Balance, chooseBalance, pickByRules, pickWeighted } from './balance.ts';
import type { Pools } from './pools.ts';

export type { Backend } from './backend.ts';
export type { CallWaiter } from './call-waiter.ts';

export type ClusterOptions = BackendOptions & {
  readonly backends: readonly BackendConfig[];
  readonly loadBalancing: 'roundRobin' | 'weighted';
};

export class Cluster {
  readonly backends: readonly Backend[];
  readonly #balance: Balance;
  readonly #equal: boolean;
  readonly #random: () => number;
  #available: readonly Backend[] = [];
  #next = 0;

  /** Throws where OpenSSL rejects the TLS material, or a match rule its regular expression. */
  constructor(options: ClusterOptions, pools: Pools) {
    this.#random = pools.dependencies.random;
    const changed = (): void => this.#refresh();
    this.backends = options.backends.map((config) => new Backend(config, options, pools, changed));
    this.#balance = chooseBalance(options.loadBalancing, this.backends);
    this.#equal = this.backends.every((backend) => backend.weight === 0);
    this.#refresh();
  }

  /** A backend for this request; undefined where none is healthy. `target` in origin form with its query. */
  pick(fields: Fields, target: string, remoteAddress: string): Backend | undefined {
    return this.#choose(this.#available, fields, target, remoteAddress);
  }

  /** Another one, for a request that did not reach `failed`; undefined where there is none that may take it. */
  pickOther(failed: Backend, fields: Fields, target: string, remoteAddress: string): Backend | undefined {
    const others = this.#available.filter((backend) => backend !== failed);
    return this.#choose(others, fields, target, remoteAddress);
  }

  #choose(available: readonly Backend[], fields: Fields, target: string, remoteAddress: string): Backend | undefined {
    if (this.#balance === 'rules') {
      return pickByRules(available, this.#equal, this.#random(), { fields, target, remoteAddress });
    }
    if (this.#balance === 'weighted') return pickWeighted(available, this.#random());
    if (this.#next >= available.length) this.#next = 0;
    const backend = available[this.#next];
    this.#next += 1;
    return backend;
  }

  /** Why nobody takes a request, per backend; for operators only. */
  describe(): string {
    const parts = this.backends.map((backend) => {
      const { healthy, reason } = backend.state();
      return `${backend.label}: ${healthy ? 'healthy, but takes no such request' : `${reason?.code ?? 'down'} (${reason?.detail ?? ''})`}`;
    });
    return parts.join('; ');
  }

  /** Stops listening to pools and checks; they belong to Pools. */
  close(): void {
    for (const backend of this.backends) backend.close();
  }

  /**
   * A backend whose health check failed is out. One that is merely ejected after failed connects is out only while
   * another one is left: better the exact fault of a real attempt than a guess (docs/decisions/0006-upstream.md).
   */
  #refresh(): void {
    const healthy = this.backends.filter((backend) => backend.checkedHealthy);
    const inUse = healthy.filter((backend) => !backend.ejected);
    this.#available = inUse.length > 0 ? inUse : healthy;
  }
}
