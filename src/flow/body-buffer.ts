// The beginning of a request body, kept until it is worth a backend connection: a slow sender then costs memory within a
// limit and nobody's place at the backend. The limit is one for all requests of a worker.

/** Smallest block that pieces are gathered in. */
const leastBytes = 4096;

/** Bytes of request bodies that a worker keeps at this moment. */
export class BodyBudget {
  used = 0;
  readonly limit: number;
  readonly perRequest: number;

  constructor(limit: number, perRequest: number) {
    this.limit = limit;
    this.perRequest = perRequest;
  }
}

export class BodyBuffer {
  /** Bytes kept. */
  length = 0;
  readonly #budget: BodyBudget;
  /** The first piece as it came, or a block with `length` bytes in use. */
  #block: Buffer | undefined;
  /** Bytes taken from the budget. */
  #taken = 0;

  constructor(budget: BodyBudget) {
    this.#budget = budget;
  }

  /** Bytes kept are enough, or the worker has room for no more: it is time to send them on. */
  get isFull(): boolean {
    return this.length >= this.#budget.perRequest || this.#budget.used >= this.#budget.limit;
  }

  /** Keeps a piece, whatever its size. Small pieces are copied together: each may hold far more memory than its length. */
  add(piece: Buffer): void {
    const length = this.length + piece.length;
    if (this.#block === undefined) {
      this.#block = piece;
      this.#take(length);
    } else if (length <= this.#block.length) {
      piece.copy(this.#block, this.length);
    } else {
      const block = Buffer.allocUnsafeSlow(
        Math.max(length, Math.min(this.#budget.perRequest, Math.max(2 * length, leastBytes))),
      );
      this.#block.copy(block, 0, 0, this.length);
      piece.copy(block, this.length);
      this.#block = block;
      this.#take(block.length);
    }
    this.length = length;
  }

  /** What is kept so far. */
  get content(): Buffer | undefined {
    return this.#block?.subarray(0, this.length);
  }

  /** What was kept, and nothing is kept any more. */
  take(): Buffer | undefined {
    const kept = this.content;
    this.#block = undefined;
    this.length = 0;
    this.#take(0);
    return kept;
  }

  #take(bytes: number): void {
    this.#budget.used += bytes - this.#taken;
    this.#taken = bytes;
  }
}
