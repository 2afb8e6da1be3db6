// Leave to do something so many times a second, and as many times at once after a quiet second.

export class TokenBucket {
  #tokens: number;
  #filledAt: number;

  /** `now`: Clock.monotonic() milliseconds, as below. */
  constructor(perSecond: number, now: number) {
    this.#tokens = perSecond;
    this.#filledAt = now;
  }

  take(perSecond: number, now: number): boolean {
    this.#tokens = Math.min(perSecond, this.#tokens + ((now - this.#filledAt) / 1000) * perSecond);
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** A second without taking fills it, however empty it was. */
  isFull(now: number): boolean {
    return now - this.#filledAt >= 1000;
  }
}
