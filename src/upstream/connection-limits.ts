// How many connections a pool may have, and who may have one of them: everyone while fewer than maxConnsPerHost are in use,
// then, of the reserve, those who have less than their share.
import type { PoolSettings } from './pool-settings.ts';
import { type Share, Shares } from './shares.ts';

export class ConnectionLimits {
  /** Calls that a connection of this backend takes, by the last one that was opened. */
  capacity = 1;
  readonly shares = new Shares();
  /** maxConnsPerHost; Infinity where there is no limit. */
  readonly most: number;
  readonly #reserve: number;

  constructor({ maxConnsPerHost, reservedConnsPerHost }: PoolSettings) {
    this.most = maxConnsPerHost === 0 ? Infinity : maxConnsPerHost;
    this.#reserve = reservedConnsPerHost;
  }

  get #places(): number {
    return this.most * this.capacity;
  }

  /** Connections that may be open while `inUse` are in use or being opened. */
  mayBeOpen(inUse: number): number {
    return inUse < this.most ? this.most : this.most + this.#reserve;
  }

  /** While `inUse` connections have no room for a call. */
  mayHave(share: Share, inUse: number): boolean {
    return inUse < this.most || this.#mayUseReserve(share, inUse - this.most);
  }

  /** Calls that a client with `waiting` requests could have besides those that it has, of `inUse` connections and more. */
  wanted(share: Share, waiting: number, inUse: number): number {
    if (inUse < this.most) return waiting;
    return this.#mayUseReserve(share, inUse - this.most) ? this.shares.shortOf(share, this.#places, waiting) : 0;
  }

  /** It is the one who has most that is kept waiting, and others wait for him. */
  isToBlame(share: Share): boolean {
    return this.shares.isContended && this.shares.isClientOver(share, this.#places);
  }

  #mayUseReserve(share: Share, taken: number): boolean {
    return this.shares.mayUseReserve(share, this.#places, taken, this.#reserve);
  }
}
