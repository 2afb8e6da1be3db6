// What a client has sent and nobody has read yet, and whether its socket is read at all: not where too much waits already,
// and in turns with whoever else has something to read.
import type { Socket } from 'node:net';

/** Received bytes kept while nobody takes them (pipelining, back-pressure); above it the socket is not read. */
const maxPendingBytes = 65_536;
/** Reads of one request in a row; then whoever else has something to read is served first (TLS records of one byte). */
const maxReadsInARow = 32;

export class SocketInput {
  /** Bytes received, of which those from `at` on are not read; undefined where there are none. */
  pending: Buffer | undefined;
  at = 0;
  readonly #socket: Socket;
  #stopped = false;
  #readsInARow = 0;
  #yielding = false;
  #closed = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** The socket was read once more: a client that sends many small pieces gets its turn as everybody does. */
  countRead(): void {
    if (++this.#readsInARow >= maxReadsInARow) this.#yieldTurn();
  }

  /** A request is over and nothing is pending: the count begins anew. */
  forgetReads(): void {
    this.#readsInARow = 0;
  }

  add(chunk: Buffer): void {
    if (this.pending === undefined) this.pending = chunk;
    else {
      this.pending = Buffer.concat([this.pending.subarray(this.at), chunk]);
      this.at = 0;
    }
  }

  /** `buffer`, which is what is pending, was read up to `next`. */
  advance(buffer: Buffer, next: number): void {
    this.at = next;
    if (next >= buffer.length) this.drop();
  }

  /** Nobody will read what is pending. */
  drop(): void {
    this.pending = undefined;
    this.at = 0;
  }

  /** Reads the socket or not, by how much is pending. */
  regulate(): void {
    const full = this.pending !== undefined && this.pending.length - this.at > maxPendingBytes;
    if (full === this.#stopped || this.#closed) return;
    this.#stopped = full;
    if (full) this.#socket.pause();
    else if (!this.#yielding) this.#socket.resume();
  }

  /** Drops what is pending and reads on, whatever comes. */
  readOn(): void {
    this.drop();
    this.#stopped = false;
    if (!this.#yielding) this.#socket.resume();
  }

  /** Reads nothing more. */
  stop(): void {
    this.#stopped = true;
    this.#socket.pause();
  }

  close(): void {
    this.#closed = true;
    this.drop();
  }

  #yieldTurn(): void {
    this.#readsInARow = 0;
    if (this.#yielding) return;
    this.#yielding = true;
    this.#socket.pause();
    setImmediate(() => {
      this.#yielding = false;
      if (!this.#stopped && !this.#closed) this.#socket.resume();
    });
  }
}
