// Writes one message after the other to a socket: head, body in its framing, end. A small message is one latin1 string;
// large bodies are gathered in a page, so that what one turn of the event loop brings is one write, one pass through TLS.
// Knows lengths and framing, not what the heads say.
import type { Socket } from 'node:net';
import { type BodyLength, chunkedBody, untilClose } from '../http/exchange.ts';
import type { Fields } from '../http/field.ts';
import type { BufferPool } from '../http/buffer-pool.ts';
import type { WriteBudget } from '../http/write-budget.ts';

/** Pieces up to this size join the string that is held back; larger ones go to a page. */
const joinBytes = 8192;
/** The held-back string is written when it grows over this. */
const heldBytes = 16_384;
/** Bytes in the socket's own buffer above which the peer counts as slow, without a budget: two pages, so that one can be on its way. */
const blockedBytes = 262_144;

export class MessageWriter {
  /** Body bytes given for the current message. */
  sentBytes = 0;
  readonly #socket: Socket;
  readonly #buffers: BufferPool;
  readonly #budget: WriteBudget | undefined;
  /** Bytes in the socket's own buffer above which the peer counts as slow, of them those taken from the budget. */
  #mayHold = blockedBytes;
  #held = '';
  /** Holds #fill bytes that come before #held. */
  #page: Buffer | undefined;
  #fill = 0;
  /** Pages given to the socket, oldest first: whole, so that they can be given back. */
  readonly #leaving: Buffer[] = [];
  /** Something of the current message was given to the socket. */
  #isUnderWay = false;
  /** Called whenever the peer has taken a page. */
  onTaken: (() => void) | undefined;
  #chunked = false;
  /** Bytes that may still come; Infinity where the length is not announced. */
  #left = 0;

  /** Pieces of a body are copied, and need to be valid during the call only. */
  constructor(socket: Socket, buffers: BufferPool, budget?: WriteBudget) {
    this.#socket = socket;
    this.#buffers = buffers;
    this.#budget = budget;
  }

  /** True while the peer does not take what was written; the socket's `drain` tells when that ends. */
  get isBlocked(): boolean {
    return this.#holds(this.#mayHold);
  }

  /** True where the peer does not take what was written, whatever `holdMore` gave for it. */
  get isBehind(): boolean {
    return this.#holds(blockedBytes);
  }

  #holds(bytes: number): boolean {
    const socket = this.#socket;
    return socket.writableNeedDrain && socket.writableLength >= bytes;
  }

  /** Bytes that the peer has not taken. */
  get waitingBytes(): number {
    return this.#socket.writableLength;
  }

  /** The peer has taken everything: what was held for it beyond the ordinary is for others. */
  release(): void {
    this.#budget?.give(this.#mayHold - blockedBytes);
    this.#mayHold = blockedBytes;
  }

  /** Takes more of the budget for a blocked peer; false where there is none. */
  holdMore(): boolean {
    while (this.isBlocked) {
      const more = this.#budget?.take(this.#mayHold - blockedBytes) ?? 0;
      if (more === 0) return false;
      this.#mayHold += more;
    }
    return true;
  }

  /** Starts a message; `head` is complete, its empty line included. It is held back until body, end or flush. */
  begin(head: string, length: BodyLength): void {
    this.#held += head;
    this.#isUnderWay = false;
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
    if (length > joinBytes || this.#page !== undefined) this.#gather(chunk);
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
    if (this.#page !== undefined) {
      this.#spill(this.#page);
      this.#writePage();
    }
    if (this.#held === '') return;
    const text = this.#held;
    this.#held = '';
    this.#isUnderWay = true;
    this.#socket.write(text, 'latin1');
  }

  /** Takes the current message back, as if it had not been begun; false where something of it is under way already. */
  takeBack(): boolean {
    if (this.#isUnderWay) return false;
    this.discard();
    return true;
  }

  /** Drops what is held back: the connection is to be broken off. */
  discard(): void {
    this.#held = '';
    if (this.#page !== undefined) this.#buffers.give(this.#page);
    this.#page = undefined;
    this.#fill = 0;
    this.release();
  }

  #gather(chunk: Buffer): void {
    const buffers = this.#buffers;
    if (this.#chunked) this.#held += `${chunk.length.toString(16)}\r\n`;
    this.#page ??= buffers.take();
    this.#spill(this.#page);
    for (let at = 0; at < chunk.length; ) {
      this.#page ??= buffers.take();
      const copied = chunk.copy(this.#page, this.#fill, at);
      at += copied;
      this.#fill += copied;
      if (this.#fill === this.#page.length) this.#writePage();
    }
    if (this.#chunked) this.#held += '\r\n';
  }

  /** Moves the held-back text into the page; where there is no room, the page goes first and the text after it. */
  #spill(page: Buffer): void {
    const text = this.#held;
    if (text === '') return;
    this.#held = '';
    if (this.#fill + text.length > page.length) {
      this.#writePage();
      this.#isUnderWay = true;
      this.#socket.write(text, 'latin1');
    } else this.#fill += page.write(text, this.#fill, 'latin1');
  }

  /** Hands the page to the socket, which gives it back when it has no more use for it. */
  #writePage(): void {
    const page = this.#page;
    if (page === undefined) return;
    const fill = this.#fill;
    this.#page = undefined;
    this.#fill = 0;
    if (fill === 0) {
      this.#buffers.give(page);
      return;
    }
    this.#isUnderWay = true;
    this.#leaving.push(page);
    this.#socket.write(fill === page.length ? page : page.subarray(0, fill), this.#onPageWritten);
  }

  /** Writes end in the order in which they were begun, those of a destroyed socket too. */
  readonly #onPageWritten = (): void => {
    const page = this.#leaving.shift();
    if (page !== undefined) this.#buffers.give(page);
    this.onTaken?.();
  };
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
