// The worker processes that there are, by slot. Who starts and ends them is supervisor.ts; here stands whom a message goes to.
import type { ToWorker } from './messages.ts';
import type { WorkerHandle } from './worker-handle.ts';

export class Workers {
  readonly #slots: (WorkerHandle | undefined)[] = [];
  /** Workers that finish what they have while a successor takes their slot. */
  readonly #leaving = new Set<WorkerHandle>();

  /** How many there should be. */
  get size(): number {
    return this.#slots.length;
  }

  /** Those that run, the leaving ones included. */
  list(): WorkerHandle[] {
    const all = new Set([...this.#slots, ...this.#leaving]);
    return [...all].filter((worker) => worker !== undefined && !worker.gone) as WorkerHandle[];
  }

  /** The last one that was put into this slot, gone or not. */
  find(slot: number): WorkerHandle | undefined {
    return this.#slots[slot];
  }

  put(slot: number, worker: WorkerHandle): void {
    this.#slots[slot] = worker;
  }

  /** It keeps running until it ends by itself, and another may take its slot. */
  release(worker: WorkerHandle): void {
    this.#leaving.add(worker);
  }

  /** A worker ended; true where its slot was released before. */
  forget(worker: WorkerHandle): boolean {
    return this.#leaving.delete(worker);
  }

  tell(message: ToWorker, except?: WorkerHandle): void {
    for (const worker of this.list()) if (worker !== except) worker.send(message);
  }
}
