// The load generator as the measuring process sees it: told what to do, while the cost of the gateway is read from outside.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readTreeCpu, readTreeMemory } from './cpu.ts';
import type { Job, Report } from './job.ts';
import type { RunningPeer } from './peer.ts';
import { longestDelay, readDelays } from './event-loop.ts';
import type { Measurement } from './table.ts';

function readKilobytes(root: number): number {
  return readTreeMemory(root) / 1000;
}

/** The load generator in its own process; one job at a time. */
export class Generator {
  readonly #child;

  constructor(core: string) {
    const script = new URL('generator.ts', import.meta.url).pathname;
    this.#child = spawn('taskset', ['-c', core, process.execPath, script], { stdio: ['ignore', 2, 2, 'ipc'] });
  }

  /** Loads the gateway and reads its CPU time, or its memory, at both ends of the measured window. */
  async run(job: Job, gateway: RunningPeer): Promise<Measurement> {
    const limit = AbortSignal.timeout(job.warmMs + job.measureMs + 60_000);
    const { adminPort } = gateway;
    const delays = adminPort === undefined ? undefined : await readDelays(adminPort);
    this.#child.send(job);
    await this.#next(limit);
    const read = job.workload.after === 'idle' ? readKilobytes : readTreeCpu;
    const before = read(gateway.process.pid);
    const end = await this.#next(limit);
    const spent = read(gateway.process.pid) - before;
    if (end.kind !== 'end') throw new Error('the generator lost its place');
    const { done, seconds, p50, p99, resumed } = end.result;
    const failures = done === 0 ? { ...end.result.failures, 'no answer at all': 1 } : end.result.failures;
    const delayMs =
      adminPort === undefined || delays === undefined ? undefined : longestDelay(delays, await readDelays(adminPort));
    return { cost: spent / done, perSecond: done / seconds, p50, p99, resumed, failures, delayMs };
  }

  async #next(signal: AbortSignal): Promise<Report> {
    const [report] = (await once(this.#child, 'message', { signal })) as [Report];
    return report;
  }

  stop(): void {
    this.#child.disconnect();
  }
}
