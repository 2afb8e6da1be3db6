// Tells of new revisions: at once of those that this connection appended, by asking now and then of those of other processes.
import type { Clock } from '../base/clock.ts';
import type { RevisionHead } from '../store/revision.ts';
import type { Database } from './database.ts';

const everyMs = 250;

type Listener = {
  readonly onRevision: (head: RevisionHead) => void;
  readonly onProblem: (problem: Error) => void;
};

export class RevisionWatch {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #listeners = new Set<Listener>();
  #cancel: (() => void) | undefined;
  #version = -1;
  #told = 0;
  /** Why the last question failed: told once. */
  #problem: string | undefined;

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /** Until the result is called. */
  add(onRevision: Listener['onRevision'], onProblem: Listener['onProblem']): () => void {
    const listener = { onRevision, onProblem };
    if (this.#listeners.size === 0) this.#begin();
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.stop();
    };
  }

  /** Of a revision that was appended here. */
  tell({ number, digest }: RevisionHead): void {
    if (number <= this.#told) return;
    this.#told = number;
    for (const { onRevision } of this.#listeners) onRevision({ number, digest });
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #begin(): void {
    this.#told = this.#head()?.number ?? 0;
    this.#version = this.#db.dataVersion();
    this.#schedule();
  }

  #schedule(): void {
    this.#cancel = this.#clock.after(everyMs, () => {
      this.#ask();
      if (this.#cancel !== undefined) this.#schedule();
    });
  }

  #ask(): void {
    try {
      const version = this.#db.dataVersion();
      if (version === this.#version) return;
      const head = this.#head();
      this.#version = version;
      this.#problem = undefined;
      if (head !== undefined) this.tell(head);
    } catch (error) {
      const problem = error as Error;
      if (problem.message === this.#problem) return;
      this.#problem = problem.message;
      for (const { onProblem } of this.#listeners) onProblem(problem);
    }
  }

  #head(): RevisionHead | undefined {
    return this.#db.get<RevisionHead>('SELECT number, digest FROM revision ORDER BY number DESC LIMIT 1');
  }
}
