// A worker that is killed under load: how long nobody answers, and what a request costs in the first second of its successor. Of
// gateways that have one worker process below a first one; the others have nothing that starts it again.
import { Client, Tally } from './client.ts';
import { childrenOf, readCpu } from './cpu.ts';
import type { Job } from './job.ts';
import type { RunningPeer } from './peer.ts';

/** Ends of the windows that begin with the first answer, in ms. */
export const windowsMs = [100, 250, 1_000] as const;
const busyMs = 500;
const patienceMs = 20_000;

export type Restart = {
  /** Milliseconds from the kill to the first answer of the successor. */
  readonly gapMs: number;
  /** Microseconds of CPU for a request, from the first answer to the end of each window. */
  readonly costs: readonly number[];
  /** Milliseconds, of the last window. */
  readonly p99: number;
  /** Requests that were answered within the last window. */
  readonly answers: number;
};

/** Says when the first answer comes. */
class FirstAnswer extends Tally {
  onFirst: (() => void) | undefined;

  override add(latencyMs: number): void {
    super.add(latencyMs);
    this.onFirst?.();
    this.onFirst = undefined;
  }
}

/** Undefined where there is no such process. The load is made here: one core has nothing else to do meanwhile. */
export async function measureRestart(running: RunningPeer, job: Job): Promise<Restart | undefined> {
  const [worker, ...more] = childrenOf(running.process.pid);
  if (worker === undefined || more.length > 0) return undefined;
  const tally = new FirstAnswer();
  const clients = Array.from({ length: job.workload.connections }, () => new Client(job, tally));
  try {
    await pause(busyMs);
    const killedAt = performance.now();
    process.kill(worker, 'SIGKILL');
    const successor = await findSuccessor(running, worker, killedAt);
    // What the killed one answered is read by now.
    const { promise: first, resolve: onFirst } = Promise.withResolvers<void>();
    tally.onFirst = onFirst;
    await first;
    const beganAt = performance.now();
    const cpu = readCpu(successor);
    tally.reset();
    const costs: number[] = [];
    for (const end of windowsMs) {
      await pause(beganAt + end - performance.now());
      costs.push((readCpu(successor) - cpu) / tally.result().done);
    }
    const { done, p99 } = tally.result();
    return { gapMs: beganAt - killedAt, costs, p99, answers: done };
  } finally {
    for (const client of clients) client.stop();
  }
}

async function findSuccessor(running: RunningPeer, killed: number, since: number): Promise<number> {
  for (;;) {
    await pause(2);
    const successor = childrenOf(running.process.pid).find((pid) => pid !== killed);
    if (successor !== undefined) return successor;
    if (performance.now() - since > patienceMs) throw new Error(`${running.name}: no worker took the place of another`);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
