// The time of the database, as far as it is known here: gateways whose clocks differ mean the same by it. It is asked with each connection and
// goes on by our monotonic clock in between, so that no question is asked for it alone.
import type { Clock } from '../base/clock.ts';

export class StoreTime {
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>;
  #asked: { readonly now: number; readonly at: number } | undefined;

  constructor(clock: Pick<Clock, 'now' | 'monotonic'>) {
    this.#clock = clock;
  }

  /** The server has just said so. */
  note(now: number): void {
    this.#asked = { now, at: this.#clock.monotonic() };
  }

  /** Milliseconds since the epoch; ours where the server was never asked. */
  now(): number {
    if (this.#asked === undefined) return this.#clock.now();
    return Math.round(this.#asked.now + this.#clock.monotonic() - this.#asked.at);
  }
}
