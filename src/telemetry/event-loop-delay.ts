// How late this process comes to what is due: the longest of each second, for a histogram, and the longest of the last minute.
// Node's own monitor does the watching: a timer in C++ that runs no JavaScript and keeps nothing alive. It costs an idle
// process 0.4 % of a core, which is less than a timer in JavaScript at half the resolution.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from '../base/clock.ts';
import type { Histogram } from './registry.ts';

/** A stall of the event loop shows as up to so much less than it was. */
const resolutionMs = 5;
const secondMs = 1_000;
/** Seconds that `longest` looks back. */
const window = 60;

/** Upper bounds in seconds: around what a reload or a change of trust may take in one turn, 20 ms. */
export const delayBuckets: readonly number[] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20];

/** `max`: the longest interval between two ticks since the last reset, in nanoseconds. */
export type DelayMonitor = Pick<ReturnType<typeof monitorEventLoopDelay>, 'enable' | 'reset' | 'max'>;

export class EventLoopDelay {
  readonly #clock: Clock;
  readonly #monitor: DelayMonitor;
  readonly #bySecond: Histogram;
  /** A ring of the longest delay of each second, in seconds. */
  readonly #longest = new Float64Array(window);
  #at = 0;
  /** Of the first moments of this second, in which the monitor cannot tell yet. */
  #beginning = 0;

  constructor(
    clock: Clock,
    bySecond: Histogram,
    monitor: DelayMonitor = monitorEventLoopDelay({ resolution: resolutionMs }),
  ) {
    this.#clock = clock;
    this.#monitor = monitor;
    this.#bySecond = bySecond;
  }

  start(): void {
    this.#monitor.enable();
    this.#begin();
  }

  /** Seconds: the longest delay since about a minute ago, this second included. */
  longest(): number {
    return Math.max(this.#ofThisSecond(), ...this.#longest);
  }

  #ofThisSecond(): number {
    // The monitor counts from one tick to the next.
    return Math.max(this.#beginning, (this.#monitor.max / 1e6 - resolutionMs) / 1e3, 0);
  }

  #begin(): void {
    this.#monitor.reset();
    this.#beginning = 0;
    const from = this.#clock.monotonic();
    // Once reset, it counts from its next tick on: a stall before that delays this timer.
    this.#clock.after(resolutionMs, () => {
      this.#beginning = (this.#clock.monotonic() - from - resolutionMs) / 1e3;
    });
    this.#clock.after(secondMs, () => {
      const longest = this.#ofThisSecond();
      this.#bySecond.observe(longest);
      this.#longest[this.#at] = longest;
      this.#at = (this.#at + 1) % window;
      this.#begin();
    });
  }
}
