// What CAs that validate are to find (ACME), in every worker: told before a CA is asked to look, and again to each worker that starts.
// Sources exist before the first worker does: until clients are served they wait.
import type { ChallengeAnswer } from '../acme/challenge-answers.ts';
import type { ChallengeHost } from '../sources/source.ts';
import type { ToWorker } from './messages.ts';
import type { Workers } from './workers.ts';

export class ChallengeDesk implements ChallengeHost {
  readonly #served = Promise.withResolvers<void>();
  #workers: Pick<Workers, 'list'> = { list: () => [] };
  /** By whose order it is. */
  readonly #answers = new Map<string, readonly ChallengeAnswer[]>();

  /** Clients are served, by these. */
  serve(workers: Pick<Workers, 'list'>): void {
    this.#workers = workers;
    this.#served.resolve();
  }

  async ready(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => reject(signal.reason as Error);
      signal.addEventListener('abort', onAbort, { once: true });
      void this.#served.promise.then(() => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      });
    });
  }

  /** Rejects where a worker that serves does not say that it answers so. */
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
