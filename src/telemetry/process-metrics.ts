// What a process takes of the machine, read when somebody asks; but for the delay of its event loop, which has to be watched.
import type { Clock } from '../base/clock.ts';
import { EventLoopDelay } from './event-loop-delay.ts';
import type { Counter } from './registry.ts';
import type { MetricCatalogue } from './metrics.ts';

export class ProcessMetrics {
  readonly #process: 'primary' | 'worker';
  #delay: EventLoopDelay | undefined;

  constructor(process: 'primary' | 'worker') {
    this.#process = process;
  }

  /** Watches the event loop from now on: once somebody is there who would have to wait for it. */
  watch(of: MetricCatalogue, clock: Clock): void {
    this.#delay = new EventLoopDelay(clock, of.eventLoopDelaySeconds.labels({ process: this.#process }));
    this.#delay.start();
  }

  /** Into the metrics of this process. */
  set(of: MetricCatalogue): void {
    const labels = { process: this.#process };
    const { user, system } = process.cpuUsage();
    raise(of.processCpuSeconds.labels(labels), (user + system) / 1e6);
    raise(of.eventLoopBusySeconds.labels(labels), performance.eventLoopUtilization().active / 1000);
    if (this.#delay !== undefined) of.eventLoopDelayMax.labels(labels).set(this.#delay.longest());
    try {
      of.processMemory.labels(labels).set(process.memoryUsage.rss());
    } catch {
      // It is read from a file, for which there may be no descriptor left: what is said of that must be said all the same.
    }
  }
}

function raise(counter: Counter, total: number): void {
  counter.inc(Math.max(0, total - counter.value));
}
