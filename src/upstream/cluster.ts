// The backends of one route: which ones are available now, which of them takes a request (balance.ts), and how a
// connection to it is had (pool.ts). Availability is kept up to date by events, so that a pick only reads an array.
import type { BackendConfig, HashSource, StickyConfig } from '../config/gateway-config.ts';
import { FieldBlock, type Fields } from '../http/field.ts';
import type { Identity } from '../trust/verdict.ts';
import { Backend, type BackendOptions } from './backend.ts';
import {
  areEqual,
  chooseBalance,
  findAllowed,
  findExclusive,
  type LoadBalancing,
  pickByHash,
  type PickInput,
  pickLeastLoaded,
  pickRandom,
} from './balance.ts';
import { compileHashKey, type HashKey } from './hash-key.ts';
import type { Pools } from './pools.ts';
import { Sticky } from './sticky.ts';

export type { Backend } from './backend.ts';
export type { CallWaiter } from './call-waiter.ts';

export type ClusterOptions = BackendOptions & {
  readonly backends: readonly BackendConfig[];
  readonly loadBalancing: LoadBalancing;
  /** For `hash`, first that a request has. */
  readonly hashOn?: readonly HashSource[];
  readonly sticky?: StickyOptions | undefined;
};

export type StickyOptions = {
  readonly config: StickyConfig;
  /** The same in all workers. */
  readonly secret: Uint8Array;
  readonly route: string;
};

/** Backends that are asked together: the ordinary ones, or the backups. */
type Tier = { readonly backends: readonly Backend[]; readonly equal: boolean };

export class Cluster {
  readonly backends: readonly Backend[];
  /** Requests of one client, or with one key, belong to one backend. */
  readonly keepsClients: boolean;
  readonly #balance: LoadBalancing;
  readonly #hasRules: boolean;
  /** In turns, whatever the request says. */
  readonly #isPlain: boolean;
  readonly #hashKey: HashKey;
  readonly #sticky: Sticky<Backend> | undefined;
  readonly #random: () => number;
  readonly #ordinary: Tier;
  readonly #backups: Tier;
  #available: readonly Backend[] = [];
  /** No backend of the tier that is available has a weight. */
  #equal = true;
  #next = 0;

  /** Throws where OpenSSL rejects the TLS material, or a match rule its regular expression. */
  constructor(options: ClusterOptions, pools: Pools) {
    this.#random = pools.dependencies.random;
    const changed = (): void => this.#refresh();
    const { loadBalancing, hashOn = [], sticky } = options;
    this.backends = options.backends.map((config) => new Backend(config, options, pools, changed));
    this.#ordinary = tierOf(this.backends.filter(({ backup }) => !backup));
    this.#backups = tierOf(this.backends.filter(({ backup }) => backup));
    this.#balance = chooseBalance(loadBalancing, this.backends);
    this.#hasRules = this.backends.some(({ matches }) => matches !== undefined);
    this.#hashKey = compileHashKey(hashOn);
    this.#sticky = sticky && new Sticky(sticky.config, sticky.secret, sticky.route, this.backends);
    this.#isPlain = this.#balance === 'roundRobin' && this.#sticky === undefined;
    this.keepsClients = this.#balance === 'hash' || this.#sticky !== undefined;
    this.#refresh();
  }

  /** A backend for this request; undefined where none is healthy. `target` in origin form with its query. */
  pick(fields: Fields, target: string, remoteAddress: string, identity?: Identity): Backend | undefined {
    if (this.#isPlain) return this.#takeTurn(this.#available);
    return this.#choose(this.#available, this.#equal, { fields, target, remoteAddress, identity });
  }

  /** Another one, for a request that did not reach those; undefined where there is none that may take it. */
  pickOther(
    tried: readonly Backend[],
    fields: Fields,
    target: string,
    remoteAddress: string,
    identity?: Identity,
  ): Backend | undefined {
    const request = { fields, target, remoteAddress, identity };
    const others = this.#available.filter((backend) => !tried.includes(backend));
    if (others.length > 0) return this.#choose(others, this.#equal, request);
    // None of the ordinary ones is left, though not ejected yet.
    const { backends, equal } = this.#backups;
    const backups = backends.filter((backend) => isInUse(backend) && !tried.includes(backend));
    return this.#choose(backups, equal, request);
  }

  /** Fields that the answer of `backend` adds for a client that comes with `fields`. */
  answerFields(backend: Backend, fields: Fields): FieldBlock {
    return this.#sticky === undefined ? FieldBlock.empty : this.#sticky.answer(backend, fields);
  }

  #choose(available: readonly Backend[], equal: boolean, request: PickInput): Backend | undefined {
    if (!this.#hasRules) return this.#chooseAmong(available, equal, request);
    return findExclusive(available, request) ?? this.#chooseAmong(findAllowed(available, request), equal, request);
  }

  #chooseAmong(allowed: readonly Backend[], equal: boolean, request: PickInput): Backend | undefined {
    const last = this.#sticky?.find(request.fields);
    if (last !== undefined && allowed.includes(last)) return last;
    if (this.#balance === 'roundRobin') return this.#takeTurn(allowed);
    if (this.#balance === 'leastRequest') return pickLeastLoaded(allowed, equal, this.#random);
    const key = this.#balance === 'hash' ? this.#hashKey(request) : undefined;
    // Without a key any backend is as good.
    return key === undefined ? pickRandom(allowed, equal, this.#random()) : pickByHash(allowed, equal, key);
  }

  #takeTurn(available: readonly Backend[]): Backend | undefined {
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
   * another one is left, a backup too: better the exact fault of a real attempt than a guess (docs/decisions/0006-upstream.md).
   */
  #refresh(): void {
    const choices = [
      [this.#ordinary, isInUse],
      [this.#backups, isInUse],
      [this.#ordinary, isHealthy],
      [this.#backups, isHealthy],
    ] as const;
    for (const [tier, holds] of choices) {
      this.#available = tier.backends.filter(holds);
      this.#equal = tier.equal;
      if (this.#available.length > 0) return;
    }
  }
}

function tierOf(backends: readonly Backend[]): Tier {
  return { backends, equal: areEqual(backends) };
}

function isHealthy(backend: Backend): boolean {
  return backend.checkedHealthy;
}

function isInUse(backend: Backend): boolean {
  return backend.checkedHealthy && !backend.ejected;
}
