// From which addresses a route may be called.
import { isIP } from 'node:net';
import { AddressSet, plainAddress } from '../base/address-set.ts';
import type { FilterConfig } from '../config/filter-types.ts';
import type { Filter, FilterRequest, FilterResult } from './filter.ts';
import { Refusal } from './refusal.ts';

export class AccessPolicyFilter implements Filter {
  readonly name: string;
  readonly #addresses: AddressSet;
  readonly #isAllow: boolean;

  constructor({ name, isAllow, ranges }: Extract<FilterConfig, { readonly kind: 'accessPolicy' }>) {
    this.name = name;
    this.#isAllow = isAllow;
    this.#addresses = new AddressSet(ranges);
  }

  /** Faults: address_denied, also for what is no address. */
  onRequest({ address }: FilterRequest): FilterResult {
    if (isIP(plainAddress(address)) !== 0 && this.#addresses.has(address) === this.#isAllow) return 'pass';
    throw new Refusal('address_denied', 'client', { detail: `middleware ${this.name}: ${address}` });
  }
}
