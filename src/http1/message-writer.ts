// Writes one message after the other to a socket: head, body in its framing, end. Small pieces are joined with the head
// into one latin1 string, so that a small message is one write, one TLS record, one system call.
// Knows lengths and framing, not what the heads say.
import type { Socket } from 'node:net';
import { type BodyLength, chunkedBody, untilClose } from '../http/exchange.ts';
import type { Fields } from '../http/field.ts';

/** Pieces up to this size are copied into the string that is held back; larger ones are written as they are. */
const joinBytes = 8192;
/** The held-back string is written when it grows over this. */
const heldBytes = 16_384;

export class MessageWriter {
  /** Body bytes given for the current message. */
  sentBytes = 0;
  readonly #socket: Socket;
  #held = '';
  #chunked = false;
  /** Bytes that may still come; Infinity where the length is not announced. */
  #left = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** True while the peer does not take what was written. */
  get isBlocked(): boolean {
    return this.#socket.writableNeedDrain;
  }

  /** Starts a message; `head` is complete, its empty line included. It is held back until body, end or flush. */
  begin(head: string, length: BodyLength): void {
    this.#held += head;
    this.sentBytes = 0;
    this.#chunked = length === chunkedBody;
    this.#left = length === chunkedBody || length === untilClose ? Infinity : length;
  }

  /** Writes a piece of the body. 'overrun': it is longer than announced, nothing of it was written. */
  body(chunk: Buffer): 'ready' | 'blocked' | 'overrun' {
    const { length } = chunk;
    if (length === 0) return this.isBlocked ? 'blocked' : 'ready';
    if (length > this.#left) return 'overrun';
    this.#left -= length;
    this.sentBytes += length;
    if (length > joinBytes) this.#writeLarge(chunk);
    else {
      const text = chunk.toString('latin1', 0, length);
      this.#held += this.#chunked ? `${length.toString(16)}\r\n${text}\r\n` : text;
      if (this.#left === 0 || this.#held.length > heldBytes) this.flush();
    }
    return this.isBlocked ? 'blocked' : 'ready';
  }

  /** A whole body of known length as latin1 text, held back until the end. */
  text(body: string): void {
    this.#left -= body.length;
    this.sentBytes += body.length;
    this.#held += body;
  }

  /** Ends the message; false where it is shorter than announced, so that the connection must be broken off. */
  end(trailers: Fields | undefined): boolean {
    if (this.#chunked) this.#held += trailers === undefined ? '0\r\n\r\n' : `0${fieldText(trailers)}\r\n\r\n`;
    this.flush();
    return this.#left === 0 || this.#left === Infinity;
  }

  /** Text outside any message body: 1xx answers. */
  interim(text: string): void {
    this.flush();
    this.#socket.write(text, 'latin1');
  }

  flush(): void {
    if (this.#held === '') return;
    const text = this.#held;
    this.#held = '';
    this.#socket.write(text, 'latin1');
  }

  /** Drops what is held back: the connection is to be broken off. */
  discard(): void {
    this.#held = '';
  }

  #writeLarge(chunk: Buffer): void {
    const socket = this.#socket;
    const before = this.#chunked ? `${this.#held}${chunk.length.toString(16)}\r\n` : this.#held;
    this.#held = '';
    if (before === '') {
      socket.write(chunk);
      return;
    }
    socket.cork();
    socket.write(before, 'latin1');
    socket.write(chunk);
    if (this.#chunked) socket.write('\r\n', 'latin1');
    socket.uncork();
  }
}

/** Fields as lines, each begun by CRLF. */
export function fieldText(fields: Fields): string {
  const { names, values } = fields;
  let text = '';
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    if (name !== undefined) text += name.lead + values[i];
  }
  return text;
}
