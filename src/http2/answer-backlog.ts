// How much of one answer may wait here for its client: some for every stream, less where a connection has much of it already, and more
// within the budget of the worker.
import type { WriteBudget } from '../http/write-budget.ts';

/** Bytes of an answer that wait for the window of a stream without counting against the budget of the worker. */
const freeBytes = 65_536;
/** And of all answers of a connection; then each has what its backend sent last, and no more. */
const freeBytesOfConnection = 524_288;

/** Bytes of a stream, or of all streams of a connection, that wait for windows or for the socket. */
type Waiting = { readonly queuedBytes: number };

export class AnswerBacklog {
  readonly #stream: Waiting;
  readonly #connection: Waiting;
  readonly #budget: WriteBudget | undefined;
  /** Of the budget. */
  #taken = 0;

  constructor(stream: Waiting, connection: Waiting, budget: WriteBudget | undefined) {
    this.#stream = stream;
    this.#connection = connection;
    this.#budget = budget;
  }

  /** Whether more may wait, without asking for more of the budget. */
  get hasRoom(): boolean {
    const free = this.#connection.queuedBytes < freeBytesOfConnection ? freeBytes : 0;
    return this.#stream.queuedBytes < free + this.#taken;
  }

  /** Asks for as much of the budget as makes room. */
  grow(): boolean {
    while (!this.hasRoom) {
      const more = this.#budget?.take(this.#taken) ?? 0;
      if (more === 0) return false;
      this.#taken += more;
    }
    return true;
  }

  giveBack(): void {
    if (this.#taken === 0) return;
    this.#budget?.give(this.#taken);
    this.#taken = 0;
  }
}
