// Blocks of memory in which body bytes wait to be written, lent to one writer after the other: what a buffer costs to
// allocate, and the collector to reclaim, is then paid once and not with every read (decision 9).

/** What one read of a busy socket brings fits into one. */
const bufferBytes = 131_072;
/** Free buffers kept for the next borrower; more are left to the collector. */
const keptBuffers = 64;

export class BufferPool {
  readonly #free: Buffer[] = [];

  /** A buffer with arbitrary content. */
  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(bufferBytes);
  }

  /** Takes a buffer back that nobody uses any more. */
  give(buffer: Buffer): void {
    if (this.#free.length < keptBuffers) this.#free.push(buffer);
  }
}
