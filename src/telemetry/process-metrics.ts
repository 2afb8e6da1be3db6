// What a process takes of the machine, read when somebody asks: no timer of its own, so that it costs nothing in between.
import type { Counter } from './registry.ts';
import type { MetricCatalogue } from './metrics.ts';

export class ProcessMetrics {
  readonly #process: 'primary' | 'worker';

  constructor(process: 'primary' | 'worker') {
    this.#process = process;
  }

  /** Into the metrics of this process. */
  set(of: MetricCatalogue): void {
    const labels = { process: this.#process };
    const { user, system } = process.cpuUsage();
    raise(of.processCpuSeconds.labels(labels), (user + system) / 1e6);
    raise(of.eventLoopBusySeconds.labels(labels), performance.eventLoopUtilization().active / 1000);
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
