// Where the frames of a WebSocket end (RFC 6455 section 5.2), in bytes that pass by. Headers are read, payloads skipped: what a
// frame says is for the two ends. Whoever knows where one ends may put a frame of its own behind it.

const opcodeClose = 8;

/** A close frame as a server sends it, without a reason in words. `code`: section 7.4.1. */
export function closeFrame(code: number): Buffer {
  return Buffer.from([0x80 | opcodeClose, 2, code >> 8, code & 0xff]);
}

/** One direction of a connection, from its beginning. */
export class WebSocketFrames {
  /** A close frame has passed, or begun to: nothing may follow it. */
  isClosing = false;
  /** Bytes of the header that came, and how many it has; more than two once the second one is known. */
  #read = 0;
  #size = 2;
  /** Where those of them end that say how long the payload is. */
  #lengthEnds = 2;
  /** Payload of the frame: as its header says it, and what is still to come. */
  #length = 0;
  #left = 0;

  /** Every frame that has begun is over. */
  get isBetween(): boolean {
    return this.#read === 0 && this.#left === 0;
  }

  /** Takes note of bytes that pass. `toEnd`: no further than to the end of a frame that is under way. Returns how many were noted. */
  pass(bytes: Buffer, toEnd = false): number {
    let at = 0;
    while (at < bytes.length) {
      if (toEnd && this.isBetween) break;
      if (this.#left === 0) {
        this.#readHeader(bytes[at] ?? 0);
        at += 1;
      } else {
        const some = Math.min(this.#left, bytes.length - at);
        this.#left -= some;
        at += some;
      }
    }
    return at;
  }

  #readHeader(byte: number): void {
    if (this.#read === 0) {
      if ((byte & 0x0f) === opcodeClose) this.isClosing = true;
      this.#length = 0;
      this.#size = 2;
    } else if (this.#read === 1) {
      const short = byte & 0x7f;
      // 126 and 127 stand for a length of two and of eight bytes behind it, the highest bit for four bytes of mask.
      const more = short === 126 ? 2 : short === 127 ? 8 : 0;
      this.#size = 2 + more + (byte & 0x80 ? 4 : 0);
      if (more === 0) this.#length = short;
      this.#lengthEnds = 2 + more;
    } else if (this.#read < this.#lengthEnds) this.#length = this.#length * 256 + byte;
    this.#read += 1;
    if (this.#read < this.#size) return;
    this.#read = 0;
    this.#left = this.#length;
  }
}
