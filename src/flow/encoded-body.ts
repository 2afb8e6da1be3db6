// The body of an answer on its way to the client through an encoder (node:zlib), with back-pressure on both sides: what comes in is
// paused while the encoder is full, and the encoder while the client is. Work is done by Node's threads, so everything comes
// out in later turns.
import type { BodyEncoder } from '../filters/filter.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Fields } from '../http/field.ts';

/** Whose answer it is. Must not throw. */
export interface EncodedBodyOwner {
  /** The client has been told everything. */
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
  #trailers: Fields | undefined;

  constructor(encoder: BodyEncoder, exchange: Exchange, owner: EncodedBodyOwner) {
    this.#encoder = encoder;
    encoder.on('data', (chunk: Buffer) => {
      if (!this.#isOver && !exchange.sendBody(chunk)) encoder.pause();
    });
    encoder.on('drain', () => this.#isOver || owner.onEncoderDrain());
    encoder.on('end', () => {
      if (this.#isOver) return;
      exchange.sendEnd(this.#trailers);
      owner.onEncodedEnd();
    });
    encoder.on('error', (error) => this.#isOver || owner.onEncoderFailure(error));
    this.#onFlushed = () => {
      this.#isFlushing = false;
      if (this.#isOver) return;
      exchange.flush();
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

  /** `trailers` follow what is still to come out. */
  end(trailers: Fields | undefined): void {
    this.#trailers = trailers;
    this.#encoder.end();
  }

  /** The client takes more. */
  resume(): void {
    this.#encoder.resume();
  }

  /** Nothing more is told, and its memory is free. */
  destroy(): void {
    this.#isOver = true;
    this.#encoder.destroy();
  }
}
