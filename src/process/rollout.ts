// A new configuration on its way to the workers: built by every one before any uses it; where one cannot, none does, and the
// active one stays. Why it comes, and what is said of it, is reloader.ts.
import type { LoadedConfig } from '../loading/loaded.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { ActiveConfig } from './active-config.ts';
import type { Supervisor } from './supervisor.ts';
import type { WorkerHandle } from './worker-handle.ts';

export type RolloutOptions = { readonly log: Logger; readonly active: ActiveConfig; readonly supervisor: Supervisor };

/** `able`: those that have built it and have to commit. `refusal`: why it is not active. */
export type Agreement = { readonly able: readonly WorkerHandle[] } | { readonly refusal: unknown };

export class Rollout {
  readonly #log: Logger;
  readonly #active: ActiveConfig;
  readonly #supervisor: Supervisor;

  constructor({ log, active, supervisor }: RolloutOptions) {
    this.#log = log;
    this.#active = active;
    this.#supervisor = supervisor;
  }

  /** Has it built, and makes it active; after a refusal everything is as it was. */
  async agree(loaded: LoadedConfig, generation: number): Promise<Agreement> {
    const active = this.#active;
    const before = { loaded: active.loaded, generation: active.generation };
    const agreement = await this.#ask(loaded, generation);
    if ('refusal' in agreement) return this.#abandon(generation, agreement.refusal);
    if (agreement.able.length > 0 || this.#supervisor.size === 0) return agreement;
    // Nobody was left to build it: the first worker that comes up has to, before the last good rules are forgotten.
    try {
      await this.#supervisor.revive();
      return agreement;
    } catch (error) {
      active.replace(before.loaded, before.generation);
      return this.#abandon(generation, error);
    }
  }

  /** A worker that does not take the new rules over must not serve by the old: its successor starts with the new. */
  async commit(able: readonly WorkerHandle[], generation: number): Promise<void> {
    await Promise.all(
      able.map(async (worker) => {
        try {
          await worker.commit(generation);
        } catch (error) {
          if (worker.gone) return;
          const about = { worker: worker.slot, pid: worker.pid, err: error };
          this.#log.error(about, 'worker kept the old rules; ended');
          worker.kill();
        }
      }),
    );
  }

  /**
   * Has every worker build it, and then is it active: in the same turn in which nobody is left to ask, so that a worker that
   * comes up either is asked or sees the new number. One that ends is no vote against: its successor starts with what is active.
   */
  async #ask(loaded: LoadedConfig, generation: number): Promise<Agreement> {
    const asked = new Set<WorkerHandle>();
    for (;;) {
      const voters = this.#supervisor.voters().filter((worker) => !asked.has(worker));
      if (voters.length === 0) {
        this.#active.replace(loaded, generation);
        return { able: [...asked].filter((worker) => !worker.gone) };
      }
      const order = this.#active.orderFor(loaded, generation);
      // One after the other: building takes its share of a core, and the others serve meanwhile.
      for (const worker of voters) {
        asked.add(worker);
        try {
          await worker.prepare(order);
        } catch (error) {
          if (hasVote(worker)) return { refusal: error };
        }
      }
    }
  }

  #abandon(generation: number, refusal: unknown): Agreement {
    for (const worker of this.#supervisor.voters()) worker.send({ kind: 'abandon', generation });
    return { refusal };
  }
}

function hasVote(worker: WorkerHandle): boolean {
  return !worker.gone && !worker.leaving;
}
