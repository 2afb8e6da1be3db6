// How many requests a client may make in a time: 429 with Retry-After and the RateLimit fields (draft-ietf-httpapi-ratelimit-headers).
import { hash } from 'node:crypto';
import { clientNetwork } from '../base/client-network.ts';
import { plainAddress } from '../base/address-set.ts';
import type { FilterConfig } from '../config/filter-types.ts';
import { findCookie } from '../http/cookie.ts';
import { FieldBlock } from '../http/field.ts';
import type { Identity } from '../trust/verdict.ts';
import { nameOf } from './field-names.ts';
import type { Filter, FilterRequest, FilterResponse, FilterResult } from './filter.ts';
import type { Taken } from './rate-counter.ts';
import type { RateCounters, RateLimit } from './rate-counters.ts';
import { Refusal } from './refusal.ts';

export type RateLimitConfig = Extract<FilterConfig, { readonly kind: 'rateLimit' }>;

const limitField = nameOf('RateLimit');
const policyField = nameOf('RateLimit-Policy');

export class RateLimitFilter implements Filter {
  readonly name: string;
  readonly onResponse: Filter['onResponse'];
  readonly alsoOwnAnswers: true | undefined;
  readonly #limit: RateLimit;
  readonly #by: RateLimitConfig['by'];
  /** A string of structured fields (RFC 9651 section 3.3.3). */
  readonly #label: string;
  readonly #policy: string;
  /** What is said of a request with its answer. */
  readonly #taken = new WeakMap<FilterRequest, Taken>();
  readonly #always: boolean;

  /** `route`: whose requests are counted. */
  constructor(config: RateLimitConfig, route: string, counters: RateCounters) {
    const { name, by, always, shared, capacity, intervalMs, maxKeys, banAfter, banMs } = config;
    this.name = name;
    this.#by = by;
    this.#always = always;
    const settings = { capacity, intervalMs, maxKeys, banAfter, banMs };
    this.#limit = counters.open(JSON.stringify([shared ? '' : route, name, by]), settings);
    this.#label = `"${name.replaceAll(/[^ !#-[\]-~]/g, '_')}"`;
    this.#policy = `${this.#label};q=${capacity};w=${Math.ceil((capacity * intervalMs) / 1000)}`;
    this.alsoOwnAnswers = always ? true : undefined;
    this.onResponse = always ? (response, request) => this.#say(response, request) : undefined;
  }

  /** Faults: rate_limited, client_banned. */
  onRequest(request: FilterRequest): FilterResult {
    const taken = this.#limit.take(this.#keyOf(request));
    if (taken.outcome === 'passed') {
      if (this.#always) this.#taken.set(request, taken);
      return 'pass';
    }
    const isBan = taken.outcome === 'banned';
    throw new Refusal(isBan ? 'client_banned' : 'rate_limited', 'client', {
      detail: `middleware ${this.name}`,
      fields: new FieldBlock([
        ['Retry-After', String(Math.max(1, Math.ceil(taken.waitMs / 1000)))],
        ['RateLimit-Policy', this.#policy],
        ['RateLimit', this.#stateOf(taken)],
      ]),
    });
  }

  #say({ fields }: FilterResponse, request: FilterRequest): void {
    const taken = this.#taken.get(request);
    if (taken === undefined) return;
    fields.set(policyField, this.#policy);
    fields.set(limitField, this.#stateOf(taken));
  }

  #stateOf({ remaining, fullInMs }: Taken): string {
    return `${this.#label};r=${remaining};t=${Math.ceil(fullInMs / 1000)}`;
  }

  #keyOf({ identity, address, fields }: FilterRequest): string {
    const { source, name } = this.#by;
    if (source === 'identity' && identity !== undefined) return `i${nameOfIdentity(identity)}`;
    const value =
      source === 'header' ? fields.find(name) : source === 'cookie' ? findCookie(fields.current, name) : undefined;
    // As long as a client likes; a digest of it is as good.
    if (value !== undefined && value !== '') return `v${hash('sha256', value, 'base64url')}`;
    return `a${clientNetwork(plainAddress(address))}`;
  }
}

/** What stays when a certificate is renewed. */
function nameOfIdentity({ leaf }: Identity): string {
  const spiffe = leaf.sans.find(({ type, value }) => type === 'URI' && value.startsWith('spiffe://'));
  if (spiffe !== undefined) return spiffe.value;
  return leaf.subject === '' ? leaf.sha256 : leaf.subject;
}
