// Client networks whose handshakes came to nothing again and again: refused certificates, handshakes that stop. Who is behind them is
// known only when the work is done, so it is the address that is remembered. Nobody is refused for it: handshake-turns.ts lets them
// wait for others. Bounded: where there are too many networks at once, further ones are not remembered.
import { clientNetwork } from '../base/client-network.ts';
import type { Clock } from '../base/clock.ts';

const maxNetworks = 65_536;
/** So many at once are nothing unusual: a fleet whose certificates have just expired, a scanner of ports. */
const most = 20;
const forgottenPerSecond = 2;
/** Looked at with each new one. */
const lookedAtOnce = 2;

type Count = { readonly futile: number; readonly at: number };

export class FutileHandshakes {
  readonly #clock: Clock;
  readonly #maxNetworks: number;
  /** The longest quiet first. */
  readonly #counts = new Map<string, Count>();

  constructor(clock: Clock, networks = maxNetworks) {
    this.#clock = clock;
    this.#maxNetworks = networks;
  }

  /** Networks that are remembered. */
  get size(): number {
    return this.#counts.size;
  }

  /** One more of this address. */
  note(address: string): void {
    const now = this.#clock.monotonic();
    const network = clientNetwork(address);
    const known = this.#counts.get(network);
    if (known === undefined) {
      this.#forget(now);
      if (this.#counts.size >= this.#maxNetworks) return;
    } else this.#counts.delete(network);
    const before = known === undefined ? 0 : left(known, now);
    this.#counts.set(network, { futile: Math.min(2 * most, before + 1), at: now });
  }

  /** More of them than is usual came to nothing lately. */
  isFutile(address: string): boolean {
    if (this.#counts.size === 0) return false;
    const count = this.#counts.get(clientNetwork(address));
    return count !== undefined && left(count, this.#clock.monotonic()) > most;
  }

  #forget(now: number): void {
    let looked = 0;
    for (const [network, count] of this.#counts) {
      if (looked++ === lookedAtOnce || left(count, now) > 0) return;
      this.#counts.delete(network);
    }
  }
}

function left({ futile, at }: Count, now: number): number {
  return Math.max(0, futile - ((now - at) / 1000) * forgottenPerSecond);
}
