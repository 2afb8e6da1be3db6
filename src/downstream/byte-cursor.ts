// Reads big-endian numbers and length-prefixed vectors (RFC 8446 section 3). Reading past the end never throws: it fails
// the cursor, once and for all, and yields zeros and empty bytes, so that a parser checks once at its end.

const nothing = Buffer.alloc(0);

export class ByteCursor {
  failed = false;
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  fail(): void {
    this.failed = true;
  }

  uint8(): number {
    return this.#has(1) ? (this.#bytes[this.#at++] as number) : 0;
  }

  uint16(): number {
    return (this.uint8() << 8) | this.uint8();
  }

  skip(count: number): void {
    if (this.#has(count)) this.#at += count;
  }

  /** The next bytes, not copied. */
  take(count: number): Buffer {
    if (!this.#has(count)) return nothing;
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  /** A vector with a length of one byte. A vector that does not fit fails both cursors. */
  vector8(): ByteCursor {
    return this.#vector(this.uint8());
  }

  /** A vector with a length of two bytes. */
  vector16(): ByteCursor {
    return this.#vector(this.uint16());
  }

  #vector(length: number): ByteCursor {
    const inner = new ByteCursor(this.take(length));
    if (this.failed) inner.fail();
    return inner;
  }

  #has(count: number): boolean {
    if (!this.failed && this.#at + count <= this.#bytes.length) return true;
    this.failed = true;
    return false;
  }
}
