// Joins the pieces of a header block that came in HEADERS and CONTINUATION frames (RFC 9113 section 4.3). Bounded in bytes
// and in frames: nobody needs more than a few, and an endless sequence is an attack (CVE-2024-27316 and its kin).
import { ErrorCode } from './frame.ts';
import { connectionError, type Http2Error } from './http2-error.ts';

export type HeaderBlockLimits = {
  /** Bytes of a block, compressed. */
  readonly blockBytes: number;
  /** CONTINUATION frames of a block. */
  readonly continuations: number;
};

export class HeaderBlock {
  readonly streamId: number;
  readonly endStream: boolean;
  readonly #limits: HeaderBlockLimits;
  #bytes = Buffer.allocUnsafe(0);
  #length = 0;
  #continuations = -1;

  constructor(streamId: number, endStream: boolean, limits: HeaderBlockLimits) {
    this.streamId = streamId;
    this.endStream = endStream;
    this.#limits = limits;
  }

  get bytes(): Buffer {
    return this.#bytes;
  }

  get length(): number {
    return this.#length;
  }

  /** Appends what the next frame of the sequence brought. */
  add(bytes: Buffer, start: number, end: number): Http2Error | undefined {
    const { blockBytes, continuations } = this.#limits;
    const length = this.#length + end - start;
    if (length > blockBytes) {
      return connectionError(ErrorCode.enhanceYourCalm, `a header block of more than ${blockBytes} bytes`);
    }
    this.#continuations++;
    if (this.#continuations > continuations) {
      return connectionError(ErrorCode.enhanceYourCalm, `more than ${continuations} CONTINUATION frames`);
    }
    if (length > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(length, 2 * this.#bytes.length));
      this.#bytes.copy(grown, 0, 0, this.#length);
      this.#bytes = grown;
    }
    bytes.copy(this.#bytes, this.#length, start, end);
    this.#length = length;
    return undefined;
  }
}
