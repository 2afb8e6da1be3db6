// Bytes of a body that wait, copied: small pieces share memory, so that whoever sends a body by the byte does not make us keep an
// object for each of them.

/** A piece shorter than half of this shares memory with those behind it. */
const sharedBytes = 4096;

type Piece = { readonly memory: Buffer; start: number; end: number };

export class ByteQueue {
  /** Bytes that wait. */
  length = 0;
  #pieces: Piece[] = [];

  /** Copies `bytes`, from `start` on. */
  add(bytes: Buffer, start = 0): void {
    const length = bytes.length - start;
    if (length === 0) return;
    this.length += length;
    let last = this.#pieces.at(-1);
    if (last === undefined || last.memory.length - last.end < length) {
      last = { memory: Buffer.allocUnsafe(length < sharedBytes / 2 ? sharedBytes : length), start: 0, end: 0 };
      this.#pieces.push(last);
    }
    bytes.copy(last.memory, last.end, start);
    last.end += length;
  }

  /** Takes at most `most` of the first bytes: fewer where they do not lie in one piece. What is returned may be kept. */
  take(most: number): Buffer {
    const [first] = this.#pieces;
    if (first === undefined) return nothing;
    const { memory, start, end } = first;
    const taken = Math.min(most, end - start);
    first.start += taken;
    this.length -= taken;
    if (first.start === end) this.#pieces.shift();
    return memory.subarray(start, start + taken);
  }
}

const nothing = Buffer.alloc(0);
