// The worker processes: started together, watched, ended where they hang, replaced when they end, with growing pauses where
// they keep ending. A start waits for nobody: what was reloaded meanwhile it takes over before it listens.
import type { Clock } from '../base/clock.ts';
import { maxIntermediates } from '../trust/intermediates.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { SpanBatch } from '../telemetry/tracer.ts';
import type { ActiveConfig } from './active-config.ts';
import { Backoff } from './backoff.ts';
import type { FailureLine } from './failure-line.ts';
import type { LiveTrust } from './live-trust.ts';
import type { PrimaryMetrics } from './primary-metrics.ts';
import { findProcessActivity } from './process-activity.ts';
import { Watchdog } from './watchdog.ts';
import { WorkerFailure, WorkerHandle } from './worker-handle.ts';
import type { Workers } from './workers.ts';

export type SupervisorOptions = {
  readonly clock: Clock;
  readonly log: Logger;
  /** URL path of the worker's entry module. */
  readonly workerEntry: string;
  readonly workers: Workers;
  /** What a worker that comes up now has to serve by. */
  readonly active: Pick<ActiveConfig, 'order' | 'generation' | 'ports'>;
  /** What else it has to know before it listens, and who keeps what it saw. */
  readonly trust: Pick<LiveTrust, 'deliverCrls' | 'initialMessages' | 'record'>;
  /** By which workers know the gateway's own attempts. */
  readonly selfTestKey: Uint8Array;
  /** Who hears of handshakes that failed. */
  readonly failures: Pick<FailureLine, 'take'>;
  readonly onSpans: (batch: SpanBatch) => void;
  readonly metrics: Pick<PrimaryMetrics, 'bury' | 'workerRestarted' | 'workerHung'>;
};

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #workers: Workers;
  readonly #backoffs: Backoff[] = [];
  /** Starts under way, by slot; each rejects where its worker does not come up. */
  readonly #starts = new Map<number, Promise<void>>();
  /** Workers that have the active rules, and hear of every change of them. */
  readonly #enrolled = new WeakSet<WorkerHandle>();
  readonly #watchdog: Watchdog<WorkerHandle>;
  /** What any of them learned from its clients (DER, by its base64): told to those that start later. */
  readonly #intermediates = new Map<string, Uint8Array>();
  /** The runtime that passed the self-test in a worker last. */
  #proven: string | undefined;
  #dismissed = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#workers = options.workers;
    this.#watchdog = new Watchdog({
      clock: options.clock,
      workers: () => this.#workers.list(),
      activity: findProcessActivity,
      onHung: (worker, why) => this.#onHung(worker, why),
    });
  }

  /** How many there should be. */
  get size(): number {
    return this.#workers.size;
  }

  /** Rejects where one does not come up; the others may be running then. */
  async start(count: number): Promise<void> {
    this.#watchdog.start();
    await Promise.all(Array.from({ length: count }, async (_, slot) => this.#startWorker(slot)));
  }

  /**
   * Starts a worker by the orders of now in every slot that has none; resolves when the first has come up, rejects with why
   * the first did not where none does.
   */
  async revive(): Promise<void> {
    for (let slot = 0; slot < this.size; slot++) {
      if (this.#workers.find(slot)?.gone !== false) this.#startAgain(slot);
    }
    try {
      await Promise.any(this.#starts.values());
    } catch (error) {
      // None was to be started any more, where there is no first one.
      throw error instanceof AggregateError ? (error.errors[0] ?? new WorkerFailure('the gateway stops')) : error;
    }
  }

  /** Those who have to agree to new rules. */
  voters(): WorkerHandle[] {
    return this.#workers.list().filter((worker) => this.#enrolled.has(worker));
  }

  /** From now on nobody is replaced; returns those that run. */
  dismiss(): WorkerHandle[] {
    this.#dismissed = true;
    return this.#workers.list();
  }

  kill(): void {
    for (const worker of this.#workers.list()) worker.kill();
  }

  async #startWorker(slot: number): Promise<void> {
    const { workerEntry, clock, log, active, trust, failures, onSpans, selfTestKey } = this.#options;
    const worker: WorkerHandle = new WorkerHandle(workerEntry, slot, clock, {
      onIntermediate: (der) => this.#share(der, worker),
      onSpent: (report) => this.#workers.tell({ kind: 'spent', report }, worker),
      onSeen: (report) => trust.record?.take(report, worker),
      onFailures: (report) => failures.take(report),
      onSpans,
    });
    this.#workers.put(slot, worker);
    try {
      await worker.up();
      // First of all: a worker that does not know who is revoked must not listen.
      await trust.deliverCrls(worker);
      await this.#takeRules(worker);
      worker.send({ kind: 'intermediates', ders: [...this.#intermediates.values()] });
      for (const message of trust.initialMessages()) worker.send(message);
      const { ports } = active;
      this.#proven = await worker.listen({ kind: 'listen', ports, proven: this.#proven, selfTestKey });
    } catch (error) {
      worker.kill();
      await worker.exited;
      throw error;
    }
    log.info({ worker: slot, pid: worker.pid }, 'worker ready');
    void worker.left.then(() => this.#onLeaving(worker));
    void worker.exited.then(({ code, signal }) => this.#onExit(worker, code, signal));
  }

  /** Where the rules change while it builds those of before, it builds the new ones too: it must not listen by the old. */
  async #takeRules(worker: WorkerHandle): Promise<void> {
    const { active } = this.#options;
    for (;;) {
      const order = active.order();
      await worker.prepare(order);
      await worker.commit(order.generation);
      if (order.generation === active.generation) break;
    }
    this.#enrolled.add(worker);
  }

  #onHung(worker: WorkerHandle, why: string): void {
    const { log, metrics } = this.#options;
    log.error({ worker: worker.slot, pid: worker.pid, why }, 'worker hangs; ended');
    metrics.workerHung();
    // A process that was stopped takes no other signal.
    worker.kill();
  }

  /** So that a session made at one worker can be verified in full where it is resumed. */
  #share(der: Uint8Array, from: WorkerHandle): void {
    const key = Buffer.from(der).toString('base64');
    if (this.#intermediates.has(key) || this.#intermediates.size >= maxIntermediates) return;
    this.#intermediates.set(key, der);
    this.#workers.tell({ kind: 'intermediates', ders: [der] }, from);
  }

  /** Draining may take long: with one worker nobody would be served meanwhile. */
  #onLeaving(worker: WorkerHandle): void {
    if (this.#dismissed || worker.gone) return;
    this.#workers.release(worker);
    const restartInMs = this.#restart(worker);
    const about = { worker: worker.slot, pid: worker.pid, restartInMs };
    this.#options.log.error(about, 'worker ends after an internal error; another will take its place');
  }

  #onExit(worker: WorkerHandle, code: number | null, signal: NodeJS.Signals | null): void {
    this.#options.metrics.bury(worker);
    // Its successor is on the way already.
    if (this.#workers.forget(worker) || this.#dismissed) return;
    const restartInMs = this.#restart(worker);
    const about = { worker: worker.slot, pid: worker.pid, code, signal, restartInMs };
    // Code 0 is a worker that was asked to drain, by SIGTERM to it alone.
    if (code === 0) this.#options.log.info(about, 'worker ended as it was told; another will take its place');
    else this.#options.log.error(about, 'worker ended; it will be started again');
  }

  #restart(worker: WorkerHandle): number {
    return this.#startAfter(worker.slot, this.#options.clock.monotonic() - worker.startedAt);
  }

  /** Returns the delay. */
  #startAfter(slot: number, livedMs: number): number {
    const delayMs = (this.#backoffs[slot] ??= new Backoff()).delayAfter(livedMs);
    this.#options.clock.after(delayMs, () => {
      const worker = this.#workers.find(slot);
      if (worker === undefined || worker.gone || worker.leaving) this.#startAgain(slot);
    });
    return delayMs;
  }

  #startAgain(slot: number): void {
    if (this.#dismissed || this.#starts.has(slot)) return;
    const start = this.#startWorker(slot);
    this.#starts.set(slot, start);
    const { log, metrics } = this.#options;
    start.then(
      () => {
        this.#starts.delete(slot);
        metrics.workerRestarted();
      },
      (error: unknown) => {
        this.#starts.delete(slot);
        const restartInMs = this.#startAfter(slot, 0);
        log.error({ worker: slot, err: error, restartInMs }, 'worker did not come up; trying again');
      },
    );
  }
}
