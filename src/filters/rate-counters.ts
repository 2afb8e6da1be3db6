// The counters of all rate limits of one worker. They outlive the configuration that made them: a reload that leaves a limit
// as it is gives nobody a full bucket. What one worker counts the others are told a few milliseconds later, so that a limit is
// one limit, however connections are spread; what is taken within these milliseconds can exceed it (decision 55).
import type { Clock } from '../base/clock.ts';
import { RateCounter, type RateSettings, type Taken } from './rate-counter.ts';

/** What was taken at one worker since its last report. Plain data. */
export type SpentReport = readonly { readonly counter: string; readonly entries: readonly SpentEntry[] }[];
export type SpentEntry = readonly [key: string, count: number, isBan: boolean];

/** How long what was taken is gathered before it is told. */
const gatherMs = 5;
/** Keys in one report; what is beyond waits for the next, and beyond `maxGathered` is not told. */
const maxReported = 2_000;
const maxGathered = 20_000;

export class RateCounters {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #tell: ((report: SpentReport) => void) | undefined;
  readonly #counters = new Map<string, WeakRef<RateCounter>>();
  readonly #spent = new Map<string, Map<string, { count: number; isBan: boolean }>>();
  #gathered = 0;
  #isDue = false;

  /** `tell`: the other workers; undefined where there are none. */
  constructor(clock: Clock, random: () => number, tell?: (report: SpentReport) => void) {
    this.#clock = clock;
    this.#random = random;
    this.#tell = tell;
  }

  /** The counter of this name; a new one where it is not there, or its settings are not the same. Kept while somebody holds it. */
  open(name: string, settings: RateSettings): RateLimit {
    const id = `${name}\0${JSON.stringify(settings)}`;
    let counter = this.#counters.get(id)?.deref();
    if (counter === undefined) {
      for (const [gone, one] of this.#counters) if (one.deref() === undefined) this.#counters.delete(gone);
      counter = new RateCounter(settings, this.#random() * 2 ** 32);
      this.#counters.set(id, new WeakRef(counter));
    }
    return new RateLimit(counter, (key, taken) => this.#note(id, key, taken), this.#clock);
  }

  /** What another worker counted. */
  take(report: SpentReport): void {
    const now = this.#clock.monotonic();
    for (const { counter: id, entries } of report) {
      const counter = this.#counters.get(id)?.deref();
      if (counter === undefined) continue;
      for (const [key, count, isBan] of entries) counter.add(key, count, isBan, now);
    }
  }

  #note(id: string, key: string, taken: Taken): void {
    if (this.#tell === undefined || this.#gathered >= maxGathered) return;
    let keys = this.#spent.get(id);
    if (keys === undefined) this.#spent.set(id, (keys = new Map()));
    const entry = keys.get(key);
    const count = taken.outcome === 'passed' ? 1 : 0;
    if (entry === undefined) {
      keys.set(key, { count, isBan: taken.beginsBan });
      this.#gathered += 1;
    } else {
      entry.count += count;
      entry.isBan ||= taken.beginsBan;
    }
    this.#gather();
  }

  #gather(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#clock.after(gatherMs, () => this.#report());
  }

  #report(): void {
    this.#isDue = false;
    const report: { counter: string; entries: SpentEntry[] }[] = [];
    let room = maxReported;
    for (const [counter, keys] of this.#spent) {
      const entries: SpentEntry[] = [];
      for (const [key, { count, isBan }] of keys) {
        if (room-- <= 0) break;
        entries.push([key, count, isBan]);
        keys.delete(key);
      }
      this.#gathered -= entries.length;
      if (keys.size === 0) this.#spent.delete(counter);
      if (entries.length > 0) report.push({ counter, entries });
      if (room <= 0) break;
    }
    if (report.length > 0) this.#tell?.(report);
    if (this.#spent.size > 0) this.#gather();
  }
}

/** One limit, as the filter of a route has it. */
export class RateLimit {
  readonly settings: RateSettings;
  readonly #counter: RateCounter;
  readonly #onTaken: (key: string, taken: Taken) => void;
  readonly #clock: Clock;

  constructor(counter: RateCounter, onTaken: (key: string, taken: Taken) => void, clock: Clock) {
    this.settings = counter.settings;
    this.#counter = counter;
    this.#onTaken = onTaken;
    this.#clock = clock;
  }

  take(key: string): Taken {
    const taken = this.#counter.take(key, this.#clock.monotonic());
    // Who is refused takes nothing: that is no news.
    if (taken.outcome === 'passed' || taken.beginsBan) this.#onTaken(key, taken);
    return taken;
  }
}
