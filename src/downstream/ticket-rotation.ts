// Calls whoever holds ticket keys at each epoch boundary. Epochs are counted on the wall clock, timers run on the monotonic
// one: so each wait ends early enough to notice a clock that was set, and the next boundary is always computed anew.
import type { Clock } from '../base/clock.ts';
import { ticketEpoch } from './ticket-secret.ts';

export interface TicketHolder {
  /** From now on the keys of this epoch. Must not throw. */
  rotate(epoch: number): void;
  /** Something may have come to its end since. Must not throw. */
  look?(epoch: number): void;
}

/** A clock that was set is noticed after this at the latest. */
const maxWaitMs = 20_000;

export class TicketRotation {
  readonly #clock: Clock;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Puts `holder` into the present epoch at once and keeps it there; whoever was followed before is left alone. */
  follow(holder: TicketHolder, rotationMs: number): void {
    this.#cancel?.();
    this.#turn(holder, rotationMs, undefined);
  }

  close(): void {
    this.#cancel?.();
  }

  #turn(holder: TicketHolder, rotationMs: number, before: number | undefined): void {
    const now = this.#clock.now();
    const epoch = ticketEpoch(now, rotationMs);
    if (epoch !== before) holder.rotate(epoch);
    else holder.look?.(epoch);
    // A timer may fire a little before the wall clock gets there: then the rest is waited for.
    const waitMs = Math.max(1, Math.min((epoch + 1) * rotationMs - now, maxWaitMs));
    this.#cancel = this.#clock.after(waitMs, () => this.#turn(holder, rotationMs, epoch));
  }
}
