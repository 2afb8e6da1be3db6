// Requests at a fixed rate, whatever the gateway does: latency counts from the moment at which a request was due, so that one
// which had to wait for a connection, or for us, is not left out (coordinated omission).
import { Worker } from 'node:worker_threads';
import { Client, Tally } from './client.ts';
import type { Job, JobResult, Report } from './job.ts';
import type { Due, Pace } from './pace-clock.ts';

/** After the last request was due: what is not answered by then counts as failed. */
const DRAIN_MS = 1_000;

export async function runPaced(job: Job, rate: number, report: (message: Report) => void): Promise<void> {
  const tally = new Tally();
  const paced = new Paced({ ...job, workload: { ...job.workload, after: 'idle' } }, tally);
  await paced.connected;
  await paced.run({ rate, forMs: job.warmMs });
  tally.reset();
  report({ kind: 'begin' });
  const asked = await paced.run({ rate, forMs: job.measureMs });
  report({ kind: 'end', result: resultOf(tally, asked, job.measureMs) });
  paced.stop();
}

function resultOf(tally: Tally, asked: number, measureMs: number): JobResult {
  const result = tally.result();
  const unanswered = asked - result.done;
  const late: JobResult['failures'] = unanswered > 0 ? { [`not answered after ${DRAIN_MS} ms`]: unanswered } : {};
  return { ...result, seconds: measureMs / 1000, failures: { ...result.failures, ...late } };
}

class Paced {
  readonly connected: Promise<void>;
  readonly #clients: Client[];
  readonly #free: Client[] = [];
  /** When requests were due that found no free connection. */
  readonly #waiting: number[] = [];
  readonly #sockets: number;
  #onFree: (() => void) | undefined;

  constructor(job: Job, tally: Tally) {
    this.#sockets = job.workload.connections;
    // Each sends one request by itself, and is free after its answer.
    this.#clients = Array.from({ length: this.#sockets }, () => {
      const client: Client = new Client(job, tally, () => this.#freed(client));
      return client;
    });
    this.connected = this.#allFree();
  }

  stop(): void {
    for (const client of this.#clients) client.stop();
  }

  /** Asks at that pace, and waits for the answers. Returns how many requests were due. */
  async run(pace: Pace): Promise<number> {
    let asked = 0;
    const clock = new Worker(new URL('pace-clock.ts', import.meta.url), { workerData: pace });
    await new Promise<void>((resolve, reject) => {
      clock.once('error', reject);
      clock.on('message', ({ at, isLast }: Due) => {
        asked += at.length;
        for (const dueAt of at) this.#ask(dueAt - performance.timeOrigin);
        if (isLast) resolve();
      });
    });
    await Promise.race([this.#allFree(), new Promise((resolve) => setTimeout(resolve, DRAIN_MS))]);
    return asked;
  }

  #ask(dueAt: number): void {
    const client = this.#free.shift();
    if (client === undefined) this.#waiting.push(dueAt);
    else client.ask(dueAt);
  }

  #freed(client: Client): void {
    const dueAt = this.#waiting.shift();
    if (dueAt !== undefined) {
      client.ask(dueAt);
      return;
    }
    this.#free.push(client);
    if (this.#free.length === this.#sockets) this.#onFree?.();
  }

  #allFree(): Promise<void> {
    if (this.#free.length === this.#sockets) return Promise.resolve();
    return new Promise((resolve) => (this.#onFree = resolve));
  }
}
