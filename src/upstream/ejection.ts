// Passive health of one pool: after several failed attempts in a row to connect, the backend is out for a while, then
// the pool tries one connection of its own; its outcome decides. No client's request is spent on the trial.
import type { Clock } from '../base/clock.ts';
import type { Fault } from '../base/fault.ts';

const failuresToEject = 5;
const firstOutMs = 5_000;
const longestOutMs = 60_000;

export interface EjectionOwner {
  /** Try one connection; report its outcome through `succeeded` or `failed`. */
  onTrial(): void;
  /** `reason` is why the backend is out; undefined when it is back. */
  onEjectionChange(reason: Fault | undefined): void;
}

export class Ejection {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #owner: EjectionOwner;
  #failures = 0;
  #outMs = firstOutMs;
  #reason: Fault | undefined;
  #cancelTrial: (() => void) | undefined;

  constructor(clock: Clock, random: () => number, owner: EjectionOwner) {
    this.#clock = clock;
    this.#random = random;
    this.#owner = owner;
  }

  /** Why the backend is out, or undefined. */
  get reason(): Fault | undefined {
    return this.#reason;
  }

  /** A connection could not be made, or the backend refused our certificate on it. */
  failed(fault: Fault): void {
    this.#failures += 1;
    if (this.#reason !== undefined) {
      // Requests may still come where every other backend is out too; only the trial prolongs the time.
      if (this.#cancelTrial === undefined) this.#leave(fault);
    } else if (this.#failures >= failuresToEject) {
      this.#leave(fault);
      this.#owner.onEjectionChange(fault);
    }
  }

  /** A connection was made: ends an ejection; failures are forgotten by `answered` only. */
  connected(): void {
    if (this.#reason === undefined) return;
    this.close();
    this.#reason = undefined;
    // One more failure and it is out again.
    this.#failures = failuresToEject - 1;
    this.#owner.onEjectionChange(undefined);
  }

  /** A response came: whatever was wrong is over. Cheap enough for every response. */
  answered(): void {
    if (this.#failures === 0) return;
    this.connected();
    this.#failures = 0;
    this.#outMs = firstOutMs;
  }

  close(): void {
    this.#cancelTrial?.();
    this.#cancelTrial = undefined;
  }

  #leave(fault: Fault): void {
    this.#reason = fault;
    const outMs = this.#outMs * (0.9 + 0.2 * this.#random());
    this.#outMs = Math.min(this.#outMs * 2, longestOutMs);
    this.#cancelTrial = this.#clock.after(outMs, () => {
      this.#cancelTrial = undefined;
      this.#owner.onTrial();
    });
  }
}
