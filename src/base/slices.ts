// Long work in slices: whoever does it asks at each step whether the event loop is due, so that connections, answers and timers
// wait for one slice and not for the whole.
import type { Clock } from './clock.ts';

/**
 * Below what a client notices, and well above what a turn of the event loop costs. Several works may run in slices at a time, and
 * begin in the turn that started them.
 */
const sliceMs = 5;

export class Slices {
  readonly #clock: Clock;
  #since: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.monotonic();
  }

  /** A promise to wait for, where the slice is over; undefined where the work may go on at once. */
  pause(): Promise<void> | undefined {
    if (this.#clock.monotonic() - this.#since < sliceMs) return undefined;
    return new Promise((resolve) => {
      setImmediate(() => {
        this.#since = this.#clock.monotonic();
        resolve();
      });
    });
  }
}
