// How many handshakes one worker starts per second, so that a flood of them cannot take the worker from the connections that
// are established (incident 21). How many are under way at once is pending-handshakes.ts.
import type { Clock } from '../base/clock.ts';

export class HandshakeLimits {
  readonly #clock: Clock;
  #perSecond = 0;
  #tokens = 0;
  #filledAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Handshakes per second, and at once after a quiet second; 0 = unlimited. */
  setRate(perSecond: number): void {
    if (perSecond === this.#perSecond) return;
    this.#perSecond = perSecond;
    this.#tokens = perSecond;
    this.#filledAt = this.#clock.monotonic();
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
