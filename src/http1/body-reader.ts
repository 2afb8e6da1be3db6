// Reads one message body by whatever delimits it: a length, the chunked coding, or the end of the connection.
import { type BodyLength, chunkedBody, untilClose } from '../http/exchange.ts';
import type { Fields, FieldNames } from '../http/field.ts';
import type { HttpLimits } from '../http/limits.ts';
import type { ParseError } from '../http/parse-error.ts';
import { ChunkedReader } from './chunked.ts';

export class BodyReader {
  /** Data of the last `read`; a view into the buffer given to it, whose bytes behind its beginning may have been moved. */
  data: Buffer | undefined;
  done = true;
  /** What `begin` was told. */
  length: BodyLength = 0;
  readonly #names: FieldNames;
  readonly #limits: HttpLimits;
  #chunks: ChunkedReader | undefined;
  #isChunked = false;
  #left = 0;

  constructor(names: FieldNames, limits: HttpLimits) {
    this.#names = names;
    this.#limits = limits;
  }

  begin(length: BodyLength): void {
    this.data = undefined;
    this.length = length;
    this.done = length === 0;
    this.#isChunked = length === chunkedBody;
    this.#left = length === untilClose ? Infinity : length;
    if (!this.#isChunked) return;
    if (this.#chunks === undefined) this.#chunks = new ChunkedReader(this.#names, this.#limits);
    else this.#chunks.reset();
  }

  get error(): ParseError | undefined {
    return this.#isChunked ? this.#chunks?.error : undefined;
  }

  get trailers(): Fields | undefined {
    return this.#isChunked ? this.#chunks?.trailers : undefined;
  }

  /** Bytes that must still come; Infinity where that is not known. */
  get left(): number {
    return this.done ? 0 : this.#isChunked ? Infinity : this.#left;
  }

  /** Reads on from `at` as far as one piece of data reaches, or to the end of the body; returns the next position. */
  read(buffer: Buffer, at: number): number {
    if (this.#isChunked && this.#chunks !== undefined) {
      const next = this.#chunks.read(buffer, at);
      this.data = this.#chunks.data;
      this.done = this.#chunks.done;
      return next;
    }
    const end = Math.min(buffer.length, at + this.#left);
    this.data = at === 0 && end === buffer.length ? buffer : buffer.subarray(at, end);
    this.#left -= end - at;
    this.done = this.#left === 0;
    return end;
  }
}
