// Finds workers that hang. Each is asked for a sign of life once a second; what counts is how often the primary itself came
// round in vain, never the clock: a machine that slept, a process group that was stopped, a clock that jumped prove nothing.
// A long turn is not a hang either: whoever still uses a core, or waits for one, gets the time that its work takes.
import type { Clock } from '../base/clock.ts';
import type { ProcessActivity } from './process-activity.ts';

const roundMs = 1_000;
/** Rounds without an answer after which a worker does not count as ready. */
const lateRounds = 3;
/** Silent rounds in a row in which it neither ran nor wanted to: stopped, or waiting for what never comes. */
const stillRounds = 5;
/** CPU time in one turn of an event loop: an endless loop. Time on a core, so a loaded machine makes no difference. */
const loopCpuMs = 20_000;
/** The end of every excuse; a large configuration on a slow machine is built in less. */
const silentRounds = 120;
/** Likewise where the system does not say what a process does. */
const unknownRounds = 30;

/** What the watchdog needs of a worker. */
export interface Watched {
  readonly pid: number;
  readonly gone: boolean;
  /** How many messages came from it. */
  readonly heard: number;
  /** It builds a generation, as it was told: that is one long turn. */
  readonly building: boolean;
  /** Set here: it has not answered lately. Whoever hears of it takes that back, without waiting for the next round. */
  unresponsive: boolean;
  /** Has it answer, soon. */
  ping(): void;
}

export type WatchdogOptions<W extends Watched> = {
  readonly clock: Clock;
  readonly workers: () => readonly W[];
  readonly activity: (pid: number) => ProcessActivity | undefined;
  /** The worker will not come back; `why` completes "it …". */
  readonly onHung: (worker: W, why: string) => void;
};

type Pulse = {
  heard: number;
  silent: number;
  still: number;
  cpuAtFirst: number | undefined;
  cpuMs: number | undefined;
};

export class Watchdog<W extends Watched> {
  readonly #options: WatchdogOptions<W>;
  readonly #pulses = new WeakMap<W, Pulse>();

  constructor(options: WatchdogOptions<W>) {
    this.#options = options;
  }

  /** Goes its rounds from now on. */
  start(): void {
    this.#options.clock.after(roundMs, () => {
      for (const worker of this.#options.workers()) this.#visit(worker);
      this.start();
    });
  }

  #visit(worker: W): void {
    const pulse = this.#pulses.get(worker);
    if (pulse === undefined || pulse.heard !== worker.heard) {
      this.#pulses.set(worker, newPulse(worker.heard));
      worker.unresponsive = false;
      // One question is enough: it is in the pipe until it is read.
      worker.ping();
      return;
    }
    pulse.silent++;
    worker.unresponsive = pulse.silent >= lateRounds;
    const why = this.#verify(worker, pulse);
    if (why === undefined) return;
    // Said once: the end of a process takes its time, and then it is gone from the list.
    this.#pulses.set(worker, newPulse(worker.heard));
    this.#options.onHung(worker, why);
  }

  #verify(worker: W, pulse: Pulse): string | undefined {
    const activity = this.#options.activity(worker.pid);
    if (activity === undefined) return pulse.silent >= unknownRounds ? `was silent for ${pulse.silent} s` : undefined;
    const { busy, cpuMs } = activity;
    const moved = busy || (pulse.cpuMs !== undefined && cpuMs !== pulse.cpuMs);
    pulse.still = moved ? 0 : pulse.still + 1;
    pulse.cpuMs = cpuMs;
    pulse.cpuAtFirst ??= cpuMs;
    if (pulse.still >= stillRounds) return `stood still for ${pulse.still} s`;
    const usedMs = cpuMs - pulse.cpuAtFirst;
    if (usedMs >= loopCpuMs && !worker.building) return `used ${Math.round(usedMs / 1000)} s of CPU without a pause`;
    return pulse.silent >= silentRounds ? `was silent for ${pulse.silent} s` : undefined;
  }
}

function newPulse(heard: number): Pulse {
  return { heard, silent: 0, still: 0, cpuAtFirst: undefined, cpuMs: undefined };
}
