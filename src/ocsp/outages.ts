// Which responders do not answer at all: after several failures in a row a responder is left alone for a moment, so that a
// dead one costs its time limit a few times and not once per client.
import type { Clock } from '../base/clock.ts';
import type { OcspFetched } from './fetch.ts';

/** One lost packet is no outage. */
const failuresInRow = 3;
const downMs = 3_000;
const maxResponders = 256;

type Outage = { failures: number; until: number };

export class OcspOutages {
  readonly #clock: Clock;
  readonly #outages = new Map<string, Outage>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  isDown({ origin }: URL): boolean {
    return (this.#outages.get(origin)?.until ?? 0) > this.#clock.monotonic();
  }

  report({ origin }: URL, fetched: OcspFetched): void {
    if (fetched.ok || (fetched.problem !== 'timeout' && fetched.problem !== 'unreachable')) {
      this.#outages.delete(origin);
      return;
    }
    if (this.#outages.size >= maxResponders) this.#outages.clear();
    const outage = this.#outages.get(origin) ?? { failures: 0, until: 0 };
    outage.failures += 1;
    if (outage.failures >= failuresInRow) outage.until = this.#clock.monotonic() + downMs;
    this.#outages.set(origin, outage);
  }
}
