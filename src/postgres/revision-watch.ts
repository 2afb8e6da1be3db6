// Tells of new revisions: at once of those that this process appended, by a notification of those of others, and by asking behind it, since a
// connection may be dead without anybody being told. One connection of its own listens and asks.
import type { Clock } from '../base/clock.ts';
import type { RevisionHead } from '../store/revision.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { Connection } from './connection.ts';

const everyMs = 1_000;
const channel = 'countersign_revision';
const headSql = 'SELECT number, digest FROM revision ORDER BY number DESC LIMIT 1';

/** Within the transaction that appends: sent when it is committed. */
export const tellSql = `SELECT pg_notify('${channel}', $1)`;

export function textOfHead({ number, digest }: RevisionHead): string {
  return `${number} ${digest}`;
}

type Listening = Pick<Connection, 'query' | 'onNotification' | 'onEnd' | 'end' | 'destroy'>;

type Listener = {
  readonly onRevision: (head: RevisionHead) => void;
  readonly onProblem: (problem: Error) => void;
};

export class RevisionWatch {
  readonly #open: () => Promise<Listening>;
  readonly #clock: Pick<Clock, 'after'>;
  readonly #listeners = new Set<Listener>();
  #cancel: (() => void) | undefined;
  #connection: Listening | undefined;
  /** A notification came while the question was under way. */
  #isNews = false;
  /** Counts beginnings: what an earlier one still waits for is nobody's. */
  #turn = 0;
  #told: number | undefined;
  /** Why the last question failed: told once. */
  #problem: string | undefined;

  constructor(open: () => Promise<Listening>, clock: Pick<Clock, 'after'>) {
    this.#open = open;
    this.#clock = clock;
  }

  /** Until the result is called. */
  add(onRevision: Listener['onRevision'], onProblem: Listener['onProblem']): () => void {
    const listener = { onRevision, onProblem };
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) this.#begin();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.stop();
    };
  }

  /** Of a revision that was appended here, or elsewhere. */
  tell({ number, digest }: RevisionHead): void {
    if (this.#told !== undefined && number <= this.#told) return;
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
    this.#turn += 1;
    this.#cancel?.();
    this.#cancel = undefined;
    const connection = this.#connection;
    this.#connection = undefined;
    void connection?.end();
  }

  #begin(): void {
    this.#told = undefined;
    this.#problem = undefined;
    this.#turn += 1;
    void this.#ask(this.#turn);
  }

  async #ask(turn: number): Promise<void> {
    this.#cancel = undefined;
    this.#isNews = false;
    try {
      const connection = this.#connection ?? (await this.#listen(turn));
      const { rows } = await connection.query(headSql);
      if (turn !== this.#turn) return;
      this.#problem = undefined;
      const [head] = rows as RevisionHead[];
      // Also what is there at first: it may have come since the listener read one, and before we listened.
      if (head !== undefined) this.tell(head);
      if (this.#isNews) return void this.#ask(turn);
    } catch (error) {
      if (turn !== this.#turn) return;
      this.#drop(error);
    }
    this.#cancel = this.#clock.after(everyMs, () => void this.#ask(turn));
  }

  /** Who may connect to the database may send any: it only says that it is time to ask. */
  #notice(turn: number): void {
    if (turn !== this.#turn) return;
    const cancel = this.#cancel;
    this.#isNews = true;
    if (cancel === undefined) return;
    cancel();
    void this.#ask(turn);
  }

  async #listen(turn: number): Promise<Listening> {
    const connection = await this.#open();
    if (turn !== this.#turn) {
      void connection.end();
      throw new StoreProblem('closed', 'nobody listens any more');
    }
    this.#connection = connection;
    connection.onNotification(() => this.#notice(turn));
    connection.onEnd((problem) => {
      if (turn === this.#turn && this.#connection === connection) this.#drop(problem);
    });
    await connection.query(`LISTEN ${channel}`);
    return connection;
  }

  #drop(error: unknown): void {
    this.#connection?.destroy();
    this.#connection = undefined;
    const problem = error instanceof Error ? error : new Error(String(error));
    if (problem.message === this.#problem) return;
    this.#problem = problem.message;
    for (const { onProblem } of this.#listeners) onProblem(problem);
  }
}
