// A page that is dear to make, for many readers: made once for all who ask meanwhile, and shown again for a moment after
// that where it was really dear, so that readers without patience take at most a fifth of the time.
import type { Clock } from '../base/clock.ts';

export type Page = {
  readonly text: string;
  /** Time that it took of the event loop. */
  readonly costMs: number;
};

/** What costs less is made anew for whoever asks next: numbers of now. */
const dearMs = 100;
const restFactor = 4;
const maxRestMs = 1_000;

export class SharedPage {
  readonly #clock: Clock;
  readonly #make: () => Promise<Page>;
  #making: Promise<Buffer> | undefined;
  #last: { readonly body: Buffer; readonly until: number } | undefined;

  constructor(clock: Clock, make: () => Promise<Page>) {
    this.#clock = clock;
    this.#make = make;
  }

  /** Rejects as the making does; the next one tries anew. */
  async take(): Promise<Buffer> {
    if (this.#last !== undefined && this.#clock.monotonic() < this.#last.until) return this.#last.body;
    this.#last = undefined;
    this.#making ??= this.#begin();
    return this.#making;
  }

  async #begin(): Promise<Buffer> {
    try {
      const { text, costMs } = await this.#make();
      const body = Buffer.from(text);
      const restMs = costMs < dearMs ? 0 : Math.min(maxRestMs, costMs * restFactor);
      this.#last = { body, until: this.#clock.monotonic() + restMs };
      return body;
    } finally {
      this.#making = undefined;
    }
  }
}
