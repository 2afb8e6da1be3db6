// How many handshakes one worker starts per second and carries at once, so that a flood of them cannot take the worker from
// the connections that are established (incident 21).
import type { Clock } from '../base/clock.ts';

export class HandshakeLimits {
  readonly #clock: Clock;
  readonly #maxPending: number;
  #pending = 0;
  #perSecond = 0;
  #tokens = 0;
  #filledAt = 0;

  /** `maxPending`: connections without a verdict yet. */
  constructor(clock: Clock, maxPending: number) {
    this.#clock = clock;
    this.#maxPending = maxPending;
  }

  get pending(): number {
    return this.#pending;
  }

  /** Handshakes per second, and at once after a quiet second; 0 = unlimited. */
  setRate(perSecond: number): void {
    if (perSecond === this.#perSecond) return;
    this.#perSecond = perSecond;
    this.#tokens = perSecond;
    this.#filledAt = this.#clock.monotonic();
  }

  /** A place for one more connection without a verdict; each success is given back by `leave`. */
  enter(): boolean {
    if (this.#pending >= this.#maxPending) return false;
    this.#pending += 1;
    return true;
  }

  leave(): void {
    this.#pending -= 1;
  }

  /** Leave to start one handshake: the expensive part, so a client pays only after a whole ClientHello. */
  takeHandshake(): boolean {
    if (this.#perSecond === 0) return true;
    const now = this.#clock.monotonic();
    this.#tokens = Math.min(this.#perSecond, this.#tokens + ((now - this.#filledAt) / 1000) * this.#perSecond);
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
