// The worker processes: started together, watched, replaced when they end, with growing pauses where they keep ending.
import type { Clock } from '../base/clock.ts';
import { maxIntermediates } from '../edge/intermediates.ts';
import type { SeenReport } from '../edge/seen-clients.ts';
import type { Logger } from '../telemetry/logger.ts';
import { Backoff } from './backoff.ts';
import type { CrlGroup } from './crl-keeper.ts';
import type { Ports, ToWorker } from './messages.ts';
import { WorkerHandle } from './worker-handle.ts';

export type CrewOptions = {
  readonly clock: Clock;
  readonly log: Logger;
  /** URL path of the worker's entry module. */
  readonly workerEntry: string;
  /** What a worker that comes up now has to serve by. */
  readonly orders: () => { readonly prepare: Extract<ToWorker, { kind: 'prepare' }>; readonly ports: Ports };
  /** The CRLs in force. */
  readonly crls: () => readonly CrlGroup[];
  /** What else it has to know before it listens. */
  readonly briefing: () => readonly ToWorker[];
  /** Restarts take turns with reloads, so that none sees half of the other. */
  readonly exclusive: (act: () => Promise<void>) => Promise<void>;
  readonly onEnded: (worker: WorkerHandle) => void;
  readonly onRestarted: () => void;
  /** A worker tells which clients it saw. Must not throw. */
  readonly onSeen: (report: SeenReport, worker: WorkerHandle) => void;
};

export class Crew {
  readonly #options: CrewOptions;
  readonly #slots: (WorkerHandle | undefined)[] = [];
  /** Workers that finish what they have while a successor takes their slot. */
  readonly #leaving = new Set<WorkerHandle>();
  /** What any of them learned from its clients (DER, by its base64): told to those that start later. */
  readonly #intermediates = new Map<string, Uint8Array>();
  #dismissed = false;

  constructor(options: CrewOptions) {
    this.#options = options;
  }

  /** How many there should be. */
  get size(): number {
    return this.#slots.length;
  }

  /** Rejects where one does not come up; the others may be running then. */
  async start(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, async (_, slot) => this.#startWorker(slot, new Backoff())));
  }

  /** Those that run, the leaving ones included. */
  list(): WorkerHandle[] {
    const all = new Set([...this.#slots, ...this.#leaving]);
    return [...all].filter((worker) => worker !== undefined && !worker.gone) as WorkerHandle[];
  }

  /** Resolves when the CRLs in force are on their way to every worker: what is sent to them afterwards comes after. */
  async bringCrls(): Promise<void> {
    await Promise.all(this.list().map(async (worker) => this.#bringCrls(worker)));
  }

  /** A worker that cannot be told must not serve by what it was told before. */
  async #bringCrls(worker: WorkerHandle): Promise<void> {
    try {
      await worker.crls.deliver(this.#options.crls);
    } catch (error) {
      const about = { worker: worker.slot, pid: worker.pid, err: error };
      this.#options.log.error(about, 'worker cannot be told of CRLs; ended');
      worker.kill();
    }
  }

  /** From now on nobody is replaced; returns those that run. */
  dismiss(): WorkerHandle[] {
    this.#dismissed = true;
    return this.list();
  }

  kill(): void {
    for (const worker of this.list()) worker.kill();
  }

  async #startWorker(slot: number, backoff: Backoff): Promise<void> {
    const { workerEntry, clock, log, orders, briefing } = this.#options;
    const worker: WorkerHandle = new WorkerHandle(workerEntry, slot, clock, {
      onIntermediate: (der) => this.#share(der, worker),
      onSeen: this.#options.onSeen,
    });
    this.#slots[slot] = worker;
    try {
      await worker.up();
      // First of all: a worker that does not know who is revoked must not listen.
      await worker.crls.deliver(this.#options.crls);
      const { prepare, ports } = orders();
      await worker.prepare(prepare);
      await worker.commit(prepare.generation);
      worker.send({ kind: 'intermediates', ders: [...this.#intermediates.values()] });
      for (const message of briefing()) worker.send(message);
      await worker.listen({ kind: 'listen', ports });
    } catch (error) {
      worker.kill();
      await worker.exited;
      throw error;
    }
    log.info({ worker: slot, pid: worker.pid }, 'worker ready');
    void worker.left.then(() => this.#onLeaving(worker, backoff));
    void worker.exited.then(({ code, signal }) => this.#onExit(worker, backoff, code, signal));
  }

  /** So that a session made at one worker can be judged in full where it is resumed. */
  #share(der: Uint8Array, from: WorkerHandle): void {
    const key = Buffer.from(der).toString('base64');
    if (this.#intermediates.has(key) || this.#intermediates.size >= maxIntermediates) return;
    this.#intermediates.set(key, der);
    for (const worker of this.list()) if (worker !== from) worker.send({ kind: 'intermediates', ders: [der] });
  }

  /** Draining may take long: with one worker nobody would be served meanwhile. */
  #onLeaving(worker: WorkerHandle, backoff: Backoff): void {
    if (this.#dismissed || worker.gone) return;
    this.#leaving.add(worker);
    const restartInMs = this.#restart(worker, backoff);
    const about = { worker: worker.slot, pid: worker.pid, restartInMs };
    this.#options.log.error(about, 'worker ends after an internal error; another will take its place');
  }

  #onExit(worker: WorkerHandle, backoff: Backoff, code: number | null, signal: NodeJS.Signals | null): void {
    this.#options.onEnded(worker);
    // Its successor is on the way already.
    if (this.#leaving.delete(worker) || this.#dismissed) return;
    const restartInMs = this.#restart(worker, backoff);
    const about = { worker: worker.slot, pid: worker.pid, code, signal, restartInMs };
    // Code 0 is a worker that was asked to drain, by SIGTERM to it alone.
    if (code === 0) this.#options.log.info(about, 'worker ended as it was told; another will take its place');
    else this.#options.log.error(about, 'worker ended; it will be started again');
  }

  #restart(worker: WorkerHandle, backoff: Backoff): number {
    const delayMs = backoff.delayAfter(this.#options.clock.monotonic() - worker.startedAt);
    this.#restartAfter(worker.slot, backoff, delayMs);
    return delayMs;
  }

  #restartAfter(slot: number, backoff: Backoff, delayMs: number): void {
    const { clock, log, exclusive, onRestarted } = this.#options;
    const restart = async (): Promise<void> => {
      if (this.#dismissed) return;
      try {
        await this.#startWorker(slot, backoff);
        onRestarted();
      } catch (error) {
        const nextMs = backoff.delayAfter(0);
        log.error({ worker: slot, err: error, restartInMs: nextMs }, 'worker did not come up; trying again');
        this.#restartAfter(slot, backoff, nextMs);
      }
    };
    clock.after(delayMs, () => void exclusive(restart));
  }
}
