// Client networks whose handshakes came to nothing again and again: refused certificates, handshakes that stop, HTTP/2 connections that
// had to be ended as a flood. Who is behind them is known only when the work is done, so it is the address that is remembered. Nobody
// is refused for it: handshake-turns.ts lets them wait for others.
import { clientNetwork } from '../base/client-network.ts';
import type { Clock } from '../base/clock.ts';
import { FadingCounts } from './fading-counts.ts';

const maxNetworks = 65_536;
/** So many at once are nothing unusual: a fleet whose certificates have just expired, a scanner of ports. */
const most = 20;
const forgottenPerSecond = 2;

export class FutileHandshakes {
  readonly #counts: FadingCounts;

  constructor(clock: Clock, networks = maxNetworks) {
    this.#counts = new FadingCounts(clock, { most, fadingPerSecond: forgottenPerSecond, maxKeys: networks });
  }

  /** Networks that are remembered. */
  get size(): number {
    return this.#counts.size;
  }

  /** One more of this address. */
  note(address: string): void {
    this.#counts.note(clientNetwork(address));
  }

  /** More of them than is usual came to nothing lately. */
  isFutile(address: string): boolean {
    return this.#counts.size > 0 && this.#counts.isOver(clientNetwork(address));
  }
}
