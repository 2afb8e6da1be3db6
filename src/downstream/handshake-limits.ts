// How many handshakes one worker starts per second, in all and of one client, so that a flood of them cannot take the worker
// from the connections that are established (incident 21). How many are under way at once is pending-handshakes.ts.
import { clientNetwork } from '../base/client-network.ts';
import type { Clock } from '../base/clock.ts';
import { TokenBucket } from './token-bucket.ts';

/** Clients told apart within a second; further ones share the rate of one. */
const maxClients = 65_536;
/** Forgotten at each handshake, so that clients of before are gone soon and no handshake waits for it. */
const forgottenAtOnce = 2;

export type HandshakeRates = {
  /** 0 = unlimited. */
  readonly perSecond: number;
  /** Of one client; 0 = unlimited. */
  readonly perClient: number;
};

export type HandshakeRefusal = { readonly code: 'handshake_limit' | 'client_limit'; readonly detail: string };

const tooManyOfAll: HandshakeRefusal = { code: 'handshake_limit', detail: 'handshakesPerSecond was reached' };
const tooManyOfOne: HandshakeRefusal = {
  code: 'client_limit',
  detail: 'clientLimits.handshakesPerSecond was reached',
};

export class HandshakeLimits {
  readonly #clock: Clock;
  readonly #maxClients: number;
  #rates: HandshakeRates = { perSecond: 0, perClient: 0 };
  #all = new TokenBucket(0, 0);
  #rest = new TokenBucket(0, 0);
  /** Those that took something within the last second or so, the longest quiet first. */
  readonly #clients = new Map<string, TokenBucket>();

  constructor(clock: Clock, most = maxClients) {
    this.#clock = clock;
    this.#maxClients = most;
  }

  /** Handshakes per second, and at once after a quiet second. */
  setRates(rates: HandshakeRates): void {
    const { perSecond, perClient } = this.#rates;
    const now = this.#clock.monotonic();
    if (rates.perSecond !== perSecond) this.#all = new TokenBucket(rates.perSecond, now);
    if (rates.perClient !== perClient) {
      this.#clients.clear();
      this.#rest = new TokenBucket(rates.perClient, now);
    }
    this.#rates = rates;
  }

  /**
   * Leave to start one handshake: the expensive part, so a client pays only after a whole ClientHello. The limit that was
   * reached, or undefined. `address`: undefined for whom no limit of its own holds.
   */
  takeHandshake(address: string | undefined): HandshakeRefusal | undefined {
    const { perSecond, perClient } = this.#rates;
    if (perSecond === 0 && perClient === 0) return undefined;
    const now = this.#clock.monotonic();
    if (perClient > 0 && address !== undefined && !this.#bucketOf(address, now).take(perClient, now))
      return tooManyOfOne;
    return perSecond > 0 && !this.#all.take(perSecond, now) ? tooManyOfAll : undefined;
  }

  #bucketOf(address: string, now: number): TokenBucket {
    const clients = this.#clients;
    const client = clientNetwork(address);
    const known = clients.get(client);
    if (known !== undefined) clients.delete(client);
    else {
      this.#forget(now);
      if (clients.size >= this.#maxClients) return this.#rest;
    }
    const bucket = known ?? new TokenBucket(this.#rates.perClient, now);
    clients.set(client, bucket);
    return bucket;
  }

  /** Whoever was quiet for a second has all of its handshakes again, known or not. */
  #forget(now: number): void {
    let looked = 0;
    for (const [client, bucket] of this.#clients) {
      if (looked++ === forgottenAtOnce || !bucket.isFull(now)) return;
      this.#clients.delete(client);
    }
  }
}
