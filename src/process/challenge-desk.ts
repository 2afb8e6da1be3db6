// What CAs that validate are to find (ACME), in every worker: told before a CA is asked to look, and again to each worker that starts.
import type { ChallengeAnswer } from '../acme/challenge-answers.ts';
import type { ToWorker } from './messages.ts';
import type { Workers } from './workers.ts';

export class ChallengeDesk {
  readonly #workers: Pick<Workers, 'list'>;
  /** By whose order it is. */
  readonly #answers = new Map<string, readonly ChallengeAnswer[]>();

  constructor(workers: Pick<Workers, 'list'>) {
    this.#workers = workers;
  }

  /** These and no others for the orders of `owner`. Resolves when every worker that serves answers so, or is gone. */
  async publish(owner: string, answers: readonly ChallengeAnswer[]): Promise<void> {
    if (answers.length === 0) this.#answers.delete(owner);
    else this.#answers.set(owner, answers);
    const all = this.#list();
    await Promise.all(this.#workers.list().map(async (worker) => worker.takeChallenges(all)));
  }

  /** For a worker that comes up. */
  initialMessages(): ToWorker[] {
    return this.#answers.size === 0 ? [] : [{ kind: 'challenges', id: 0, answers: this.#list() }];
  }

  #list(): ChallengeAnswer[] {
    return [...this.#answers.values()].flat();
  }
}
