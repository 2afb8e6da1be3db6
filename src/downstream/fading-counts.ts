// How often something happened lately, by key: each count fades by so many a second, and is forgotten when nothing is left of it.
// Bounded: where too many keys are known at once, further ones are not remembered.
import type { Clock } from '../base/clock.ts';

/** Looked at with each new one. */
const lookedAtOnce = 2;

export type FadingLimits = {
  /** More of them than this is too many. */
  readonly most: number;
  readonly fadingPerSecond: number;
  readonly maxKeys: number;
};

type Count = { readonly times: number; readonly at: number };

export class FadingCounts {
  readonly #clock: Clock;
  readonly #limits: FadingLimits;
  /** The longest quiet first. */
  readonly #counts = new Map<string, Count>();

  constructor(clock: Clock, limits: FadingLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Keys that are remembered. */
  get size(): number {
    return this.#counts.size;
  }

  /** Once more. No count grows beyond twice what is too many, so that each is forgiven in time. */
  note(key: string): void {
    const { most, maxKeys } = this.#limits;
    const now = this.#clock.monotonic();
    const known = this.#counts.get(key);
    if (known === undefined) {
      this.#forget(now);
      if (this.#counts.size >= maxKeys) return;
    } else this.#counts.delete(key);
    const before = known === undefined ? 0 : this.#left(known, now);
    this.#counts.set(key, { times: Math.min(2 * most, before + 1), at: now });
  }

  /** As often as is counted at all: it takes the longest to fade. */
  fill(key: string): void {
    this.note(key);
    if (this.#counts.has(key)) this.#counts.set(key, { times: 2 * this.#limits.most, at: this.#clock.monotonic() });
  }

  isOver(key: string): boolean {
    if (this.#counts.size === 0) return false;
    const count = this.#counts.get(key);
    return count !== undefined && this.#left(count, this.#clock.monotonic()) > this.#limits.most;
  }

  #forget(now: number): void {
    let looked = 0;
    for (const [key, count] of this.#counts) {
      if (looked++ === lookedAtOnce || this.#left(count, now) > 0) return;
      this.#counts.delete(key);
    }
  }

  #left({ times, at }: Count, now: number): number {
    return Math.max(0, times - ((now - at) / 1000) * this.#limits.fadingPerSecond);
  }
}
