// The Date field (RFC 9110 section 6.6.1), rendered once a second for all connections that share it.
import type { Clock } from '../base/clock.ts';

const lead = '\r\nDate: ';

export class DateField {
  readonly #clock: Clock;
  #second = -1;
  #text = '';

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The value. */
  get value(): string {
    return this.text.slice(lead.length);
  }

  /** `\r\nDate: …`, to stand in a head before its empty line. */
  get text(): string {
    const second = Math.floor(this.#clock.now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#text = lead + new Date(second * 1000).toUTCString();
    }
    return this.#text;
  }
}
