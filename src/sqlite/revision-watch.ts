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
    for (const { onRevision, onProblem } of this.#listeners) {
      try {
        onRevision({ number, digest });
      } catch (error) {
        // The revision is appended, whatever a listener makes of it.
        onProblem(error as Error);
      }
    }
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
    let head: RevisionHead | undefined;
    try {
      const version = this.#db.dataVersion();
      if (version === this.#version) return;
      head = this.#head();
      this.#version = version;
      this.#problem = undefined;
    } catch (error) {
      const problem = error as Error;
      if (problem.message === this.#problem) return;
      this.#problem = problem.message;
      for (const { onProblem } of this.#listeners) onProblem(problem);
    }
    if (head !== undefined) this.tell(head);
  }

  #head(): RevisionHead | undefined {
    return this.#db.get<RevisionHead>('SELECT number, digest FROM revision ORDER BY number DESC LIMIT 1');
  }
}
