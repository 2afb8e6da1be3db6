// Blocks of memory in which body bytes wait to be written, lent to one writer after the other: what a page costs to
// allocate, and the collector to reclaim, is then paid once and not with every read (decision 9).

/** What one read of a busy socket brings fits into one. */
const pageBytes = 131_072;
/** Free pages kept for the next borrower; more are left to the collector. */
const keptBuffers = 64;

export class BufferPool {
  readonly #free: Buffer[] = [];

  /** A page with arbitrary content. */
  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(pageBytes);
  }

  /** Takes a page back that nobody uses any more. */
  give(page: Buffer): void {
    if (this.#free.length < keptBuffers) this.#free.push(page);
  }
}
