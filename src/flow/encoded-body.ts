// A body on its way through an encoder (node:zlib), with back-pressure on both sides: what comes in is paused while the encoder
// is full, and the encoder while its reader is. Work is done by Node's threads, so everything comes out in later turns.
import type { BodyEncoder } from '../filters/filter.ts';

/** Who gets what comes out. Must not throw. */
export interface EncodedBodyOwner {
  /** Valid during the call. False: stop until `resume`. */
  onEncoded(chunk: Buffer): boolean;
  /** Everything that was written before a flush has come out. */
  onEncodedFlush(): void;
  onEncodedEnd(): void;
  /** After `write` returned false: more may be written. */
  onEncoderDrain(): void;
  onEncoderFailure(error: Error): void;
}

export class EncodedBody {
  readonly #encoder: BodyEncoder;
  #isUnflushed = false;
  #isFlushing = false;
  #isOver = false;

  constructor(encoder: BodyEncoder, owner: EncodedBodyOwner) {
    this.#encoder = encoder;
    encoder.on('data', (chunk: Buffer) => {
      if (!this.#isOver && !owner.onEncoded(chunk)) encoder.pause();
    });
    encoder.on('drain', () => this.#isOver || owner.onEncoderDrain());
    encoder.on('end', () => this.#isOver || owner.onEncodedEnd());
    encoder.on('error', (error) => this.#isOver || owner.onEncoderFailure(error));
    this.#onFlushed = () => {
      this.#isFlushing = false;
      if (this.#isOver) return;
      owner.onEncodedFlush();
      this.flush();
    };
  }

  readonly #onFlushed: () => void;

  /** `chunk` is copied. False: stop until onEncoderDrain. */
  write(chunk: Buffer): boolean {
    this.#isUnflushed = true;
    return this.#encoder.write(Buffer.from(chunk));
  }

  /** What was written so far must come out, the reader may wait for it. One at a time, so that none can pile up. */
  flush(): void {
    if (!this.#isUnflushed || this.#isFlushing || this.#isOver) return;
    this.#isUnflushed = false;
    this.#isFlushing = true;
    this.#encoder.flush(this.#onFlushed);
  }

  end(): void {
    this.#encoder.end();
  }

  resume(): void {
    this.#encoder.resume();
  }

  /** Nothing more is told, and its memory is free. */
  destroy(): void {
    this.#isOver = true;
    this.#encoder.destroy();
  }
}
