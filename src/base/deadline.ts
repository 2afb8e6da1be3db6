// Deadlines for thousands of connections with one timer: each holder stores the time it must be done by, a sweep finds
// those that are late. Setting a deadline is one assignment, so the hot path pays nothing. Resolution: `sweepMs`.
import type { Clock } from './clock.ts';
import { type Slotted, SlotSet } from './slot-set.ts';

/** Something that can be late. `deadline` is in Clock.monotonic() milliseconds; Infinity means none. */
export interface Late extends Slotted {
  deadline: number;
  /** Called once per missed deadline, which is set to Infinity first. Must not throw. */
  onLate(): void;
}

export class Deadlines {
  /** The clock's monotonic time at the last sweep; cheap to read, at most `sweepMs` old while in use. */
  now: number;
  readonly #clock: Clock;
  readonly #sweepMs: number;
  readonly #holders = new SlotSet<Late>();
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, sweepMs = 100) {
    this.#clock = clock;
    this.#sweepMs = sweepMs;
    this.now = clock.monotonic();
  }

  get size(): number {
    return this.#holders.size;
  }

  /** Starts watching a holder; the sweep runs only while there is one. */
  add(holder: Late): void {
    this.#holders.add(holder);
    if (this.#cancel === undefined) {
      this.now = this.#clock.monotonic();
      this.#arm();
    }
  }

  delete(holder: Late): void {
    this.#holders.delete(holder);
  }

  #arm(): void {
    this.#cancel = this.#clock.after(this.#sweepMs, () => this.#sweep());
  }

  #sweep(): void {
    this.now = this.#clock.monotonic();
    this.#holders.forEach((holder) => {
      if (holder.deadline > this.now) return;
      holder.deadline = Infinity;
      holder.onLate();
    });
    this.#cancel = undefined;
    if (this.#holders.size > 0) this.#arm();
  }
}
