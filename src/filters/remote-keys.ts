// A set of keys behind a URL. Fetched before the first request needs it, again when one comes and it is older than it should
// be, and when a token names a key that is not in it. What was fetched last stays in use for a while where the next fetch
// fails; after that nobody gets in. Nothing here runs by itself: who is not asked fetches nothing.
import { hash } from 'node:crypto';
import type { LookupFunction } from 'node:net';
import { type BoundedFetch, fetchBounded, type FetchOutcome } from '../base/bounded-fetch.ts';
import type { Clock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import { maxKeySetBytes, readKeySet, type VerificationKey } from './key-set.ts';
import type { KeySource } from './key-source.ts';

const fetchMs = 4_000;
/** After a fetch that failed. */
const pauseMs = 5_000;
/** Fetches for unknown keys: so many at once, then one each `refillMs`. */
const burst = 4;
const refillMs = 10_000;

export type RemoteKeysOptions = {
  readonly url: string;
  readonly refreshMs: number;
  readonly maxAgeMs: number;
  /** PEM of the CAs that verify the server; undefined: the system's. */
  readonly cas: string | undefined;
  readonly clock: Clock;
  readonly lookup: LookupFunction;
  readonly warn: (kind: string, about: object, message: string) => void;
  readonly fetch?: (request: BoundedFetch, done: (outcome: FetchOutcome) => void) => void;
};

export class RemoteKeys implements KeySource {
  version = 0;
  readonly #options: RemoteKeysOptions;
  #keys: readonly VerificationKey[] | undefined;
  #digest = '';
  /** When the keys came, when a fetch failed last: of the monotonic clock. */
  #fetchedAt = -Infinity;
  #failedAt = -Infinity;
  #problem = 'they were not fetched yet';
  #running: Promise<void> | undefined;
  #allowance = burst;
  #allowanceAt: number;

  constructor(options: RemoteKeysOptions) {
    this.#options = options;
    this.#allowanceAt = options.clock.monotonic();
    void this.#fetch();
  }

  keys(): readonly VerificationKey[] | Promise<readonly VerificationKey[]> {
    const { refreshMs, maxAgeMs } = this.#options;
    const age = this.#options.clock.monotonic() - this.#fetchedAt;
    if (this.#keys !== undefined && age < Math.min(2 * refreshMs, maxAgeMs)) {
      // A little late: the next request has the new ones.
      if (age >= refreshMs) void this.#fetch();
      return this.#keys;
    }
    return this.#fetch().then(() => this.#inForce());
  }

  async renewed(): Promise<readonly VerificationKey[]> {
    if (this.#running !== undefined || this.#mayAsk()) await this.#fetch();
    return this.#inForce();
  }

  #inForce(): readonly VerificationKey[] {
    const { clock, maxAgeMs, url } = this.#options;
    if (this.#keys !== undefined && clock.monotonic() - this.#fetchedAt < maxAgeMs) return this.#keys;
    throw new Fault('auth_unavailable', 'gateway', { detail: `no keys of ${url}: ${this.#problem}` });
  }

  #mayAsk(): boolean {
    const now = this.#options.clock.monotonic();
    this.#allowance = Math.min(burst, this.#allowance + (now - this.#allowanceAt) / refillMs);
    this.#allowanceAt = now;
    if (this.#allowance < 1) return false;
    this.#allowance--;
    return true;
  }

  /** One at a time; never rejects. */
  #fetch(): Promise<void> {
    if (this.#running !== undefined) return this.#running;
    if (this.#options.clock.monotonic() - this.#failedAt < pauseMs) return Promise.resolve();
    return (this.#running = this.#ask().finally(() => {
      this.#running = undefined;
    }));
  }

  async #ask(): Promise<void> {
    const { url, cas, clock, lookup, fetch = fetchBounded } = this.#options;
    try {
      const outcome = await new Promise<FetchOutcome>((resolve) => {
        const request: BoundedFetch = {
          url: new URL(url),
          method: 'GET',
          headers: { accept: 'application/jwk-set+json, application/json' },
          timeoutMs: fetchMs,
          maxBytes: maxKeySetBytes,
          clock,
          lookup,
          ca: cas,
        };
        fetch(request, resolve);
      });
      if (!outcome.ok) throw new Error(explain(outcome));
      const text = Buffer.from(outcome.bytes).toString();
      this.#take(text);
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
    }
  }

  #take(text: string): void {
    // First, so that what cannot be used replaces nothing.
    const { keys } = readKeySet(text);
    const digest = hash('sha256', text);
    this.#fetchedAt = this.#options.clock.monotonic();
    this.#failedAt = -Infinity;
    if (digest === this.#digest) return;
    this.#digest = digest;
    this.#keys = keys;
    this.version++;
  }

  #fail(problem: string): void {
    const { clock, url, warn } = this.#options;
    this.#problem = problem;
    this.#failedAt = clock.monotonic();
    const kept = this.#keys?.length ?? 0;
    const then = kept === 0 ? 'nobody gets in with a token' : 'those of before stay in use';
    warn(`keys ${url}`, { url, problem, kept }, `the keys of ${url} cannot be fetched (${problem}): ${then}`);
  }
}

function explain(outcome: Extract<FetchOutcome, { readonly ok: false }>): string {
  switch (outcome.problem) {
    case 'timeout':
      return `it took longer than ${fetchMs / 1000} s`;
    case 'too_large':
      return `the answer is over the limit of ${maxKeySetBytes} bytes`;
    case 'status':
      return `it answers with status ${outcome.status}${outcome.status < 400 ? ', and redirects are not followed' : ''}`;
    default:
      return outcome.cause === '' ? 'the answer was cut off' : outcome.cause;
  }
}
