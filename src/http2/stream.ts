// One stream of a connection (RFC 9113 section 5): its two flow-control windows, what was received and nobody takes yet, and
// what waits for the peer's window. Knows nothing of what its messages mean.
import type { Fields } from '../http/field.ts';
import { ByteQueue } from './byte-queue.ts';
import { ErrorCode, greatestWindowSize } from './frame.ts';
import { type Http2Error, streamError } from './http2-error.ts';

/** What a stream needs of its connection. */
export interface StreamSession {
  /** The window that every stream gives its peer, in bytes. */
  readonly receiveWindow: number;
  /** Bytes of DATA that the connection may send. */
  readonly sendWindow: number;
  /** The peer does not take what was written. */
  readonly isBehind: boolean;
  /** At most what both windows allow. `end`: the last of the stream. */
  sendData(stream: Http2Stream, bytes: Buffer, start: number, end: number, endStream: boolean): void;
  /** Ends our message with them. */
  sendTrailers(stream: Http2Stream, trailers: Fields): void;
  sendCredit(stream: Http2Stream, bytes: number): void;
  sendReset(stream: Http2Stream, code: ErrorCode): void;
  /** `bytes` more, or fewer, of received bodies are held for whoever will take them. */
  countHeld(bytes: number): void;
  /** Likewise of what waits for a window of the peer, or for its socket. */
  countQueued(bytes: number): void;
  /** Waits for a window, or waits no more. */
  await(stream: Http2Stream, waits: boolean): void;
  /** Both sides are over, or it was reset. */
  forget(stream: Http2Stream): void;
}

/** Who takes part in the stream on our side. Called synchronously; must not throw. */
export interface StreamListener {
  /** A piece of the body; valid during the call only where the connection says so of its bytes. */
  onStreamData(bytes: Buffer): void;
  /** The message is over. */
  onStreamEnd(trailers: Fields | undefined): void;
  /** The read that brought something is over, and the message is not. */
  onStreamFlush(): void;
  /** More can be written after `write` returned false. */
  onStreamWritable(): void;
  /** The peer took some of what waits, not all. */
  onStreamProgress(): void;
  /** Nothing of either message is under way any more, and nothing went wrong; what is held may still be told. */
  onStreamClosed(): void;
  /** Nothing more comes, nothing can be sent: the peer has reset it (`code`), or `error` is why we did. */
  onStreamReset(code: number, error: Http2Error | undefined): void;
}

/** Of a message that nobody wants any more: as over HTTP/1.1 (http1/server.ts). */
const maxDiscardedBytes = 8_388_608;

export class Http2Stream {
  readonly id: number;
  /** Whoever takes part; set before anything is told. */
  listener: StreamListener | undefined;
  /** The peer has sent, or we have, the last frame of its message. */
  remoteEnded = false;
  localEnded = false;
  isClosed = false;
  /** Some head of ours has gone out. */
  isAnswered = false;
  /** Bytes of the window that the peer gives this stream. May be negative after SETTINGS (section 6.9.2). */
  sendWindow: number;
  /** Among those whose read is not over: kept by the connection. */
  isTouched = false;
  readonly #session: StreamSession;
  /** Bytes that the peer may still send. */
  #receiveWindow: number;
  /** Received, taken, and not yet credited. */
  #owed = 0;
  #isPaused = false;
  #isDiscarding = false;
  #discarded = 0;
  #held: ByteQueue | undefined;
  #heldEnd: { readonly trailers: Fields | undefined } | undefined;
  /** Content-Length of the message that is received; -1 where there is none. */
  #announced = noHead;
  #received = 0;
  #queue: ByteQueue | undefined;
  /** The end of our message, behind what waits. */
  #queuedEnd: { readonly trailers: Fields | undefined } | undefined;

  constructor(id: number, session: StreamSession, sendWindow: number) {
    this.id = id;
    this.#session = session;
    this.sendWindow = sendWindow;
    this.#receiveWindow = session.receiveWindow;
  }

  // --- receiving

  /** The body of the message that now comes: its Content-Length, or -1. */
  announce(length: number): void {
    this.#announced = length;
  }

  /** A piece of DATA. The rule that it breaks, if any. */
  receive(bytes: Buffer, flowLength: number, endStream: boolean): Http2Error | undefined {
    if (this.#announced === noHead) return streamError(ErrorCode.protocolError, this.id, 'DATA before a final head');
    this.#receiveWindow -= flowLength;
    if (this.#receiveWindow < 0)
      return streamError(ErrorCode.flowControlError, this.id, 'more DATA than the window of the stream');
    const { length } = bytes;
    this.#received += length;
    if (this.#announced >= 0 && this.#received > this.#announced) return this.#wrongLength();
    this.#owed += flowLength - length;
    if (length > 0) {
      if (this.#isPaused || this.#heldBytes > 0) this.#hold(bytes);
      else {
        this.#owed += length;
        this.listener?.onStreamData(bytes);
      }
    }
    if (endStream) return this.receiveEnd(undefined);
    this.#credit();
    return undefined;
  }

  /** The end of the peer's message. */
  receiveEnd(trailers: Fields | undefined): Http2Error | undefined {
    if (this.isClosed) return undefined;
    this.remoteEnded = true;
    if (this.#announced >= 0 && this.#received !== this.#announced) return this.#wrongLength();
    if (this.#isPaused || this.#heldBytes > 0) this.#heldEnd = { trailers };
    else this.listener?.onStreamEnd(trailers);
    this.#leaveWhenOver();
    return undefined;
  }

  #wrongLength(): Http2Error {
    const reason = `${this.#received} bytes of DATA where Content-Length says ${this.#announced}`;
    return streamError(ErrorCode.protocolError, this.id, reason);
  }

  get #heldBytes(): number {
    return this.#held?.length ?? 0;
  }

  /** The peer's message has come whole, and waits for whoever will take it. */
  get isHeldWhole(): boolean {
    return this.#heldEnd !== undefined;
  }

  #hold(bytes: Buffer): void {
    if (this.#isDiscarding) return this.#discard(bytes.length);
    // A view would keep the whole read alive, or is of a buffer that is used again.
    (this.#held ??= new ByteQueue()).add(bytes);
    this.#session.countHeld(bytes.length);
  }

  /** From now on nothing is told; what comes is held, and the peer gets no further window. */
  pause(): void {
    this.#isPaused = true;
  }

  /** Tells what was held, unless it is paused again meanwhile. */
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    while (!this.#isPaused && this.#held !== undefined && this.#held.length > 0) {
      const bytes = this.#held.take(Infinity);
      this.#session.countHeld(-bytes.length);
      this.#owed += bytes.length;
      this.listener?.onStreamData(bytes);
    }
    if (this.#isPaused) return;
    const end = this.#heldEnd;
    this.#heldEnd = undefined;
    if (end !== undefined) this.listener?.onStreamEnd(end.trailers);
    else this.#credit();
  }

  /** Gives the peer its window back once half of it is used: small updates cost more than they bring. */
  #credit(): void {
    if (this.#isPaused && !this.#mayDiscard) return;
    if (this.remoteEnded || this.isClosed || this.#owed < this.#session.receiveWindow >> 1) return;
    const owed = this.#owed;
    this.#owed = 0;
    this.#receiveWindow += owed;
    this.#session.sendCredit(this, owed);
  }

  // --- sending

  /** Bytes that wait for a window, or for the socket. */
  get queuedBytes(): number {
    return this.#queue?.length ?? 0;
  }

  /** `bytes` is copied or written before this returns. False: stop until `onStreamWritable`. */
  write(bytes: Buffer, endStream: boolean): boolean {
    if (this.isClosed || this.localEnded) return true;
    const { length } = bytes;
    const waits = this.queuedBytes > 0;
    if (length === 0 && !endStream) return !waits;
    const room = waits ? 0 : this.#room(length);
    if (room === length && !waits) {
      this.#session.sendData(this, bytes, 0, length, endStream);
      if (endStream) this.#ended();
      return !this.#session.isBehind || this.#awaitSocket();
    }
    if (room > 0) this.#session.sendData(this, bytes, 0, room, false);
    (this.#queue ??= new ByteQueue()).add(bytes, room);
    this.#session.countQueued(length - room);
    if (endStream) this.#queuedEnd = { trailers: undefined };
    this.#session.await(this, true);
    return false;
  }

  #awaitSocket(): false {
    this.#session.await(this, true);
    return false;
  }

  /** Ends our message. */
  end(trailers: Fields | undefined): void {
    if (this.isClosed || this.localEnded) return;
    if (this.queuedBytes > 0) this.#queuedEnd = { trailers };
    else this.#sendEnd(trailers);
  }

  #sendEnd(trailers: Fields | undefined): void {
    if (trailers !== undefined && trailers.length > 0) return this.#session.sendTrailers(this, trailers);
    this.#session.sendData(this, nothing, 0, 0, true);
    this.#ended();
  }

  /** HEADERS with END_STREAM went out. */
  endWithHeaders(): void {
    this.#ended();
  }

  /** What the windows allow, and the peer takes. */
  #room(wanted: number): number {
    if (this.#session.isBehind) return 0;
    return Math.max(0, Math.min(wanted, this.sendWindow, this.#session.sendWindow));
  }

  /** Sends of what waits at most `most` bytes, as far as the peer takes them. True where it waits no more. */
  pump(most: number): boolean {
    const before = this.queuedBytes;
    let left = most;
    while (this.#queue !== undefined && this.#queue.length > 0) {
      const room = this.#room(Math.min(this.#queue.length, left));
      if (room === 0) {
        if (this.queuedBytes < before) this.listener?.onStreamProgress();
        return false;
      }
      const bytes = this.#queue.take(room);
      const { length } = bytes;
      left -= length;
      this.#session.countQueued(-length);
      const end = this.queuedBytes === 0 && this.#queuedEnd !== undefined && this.#queuedEnd.trailers === undefined;
      this.#session.sendData(this, bytes, 0, length, end);
      if (!end) continue;
      this.#queuedEnd = undefined;
      this.#ended();
      return true;
    }
    return this.#emptied();
  }

  #emptied(): true {
    const end = this.#queuedEnd;
    this.#queuedEnd = undefined;
    if (end !== undefined) this.#sendEnd(end.trailers);
    return true;
  }

  /** The peer gives more window. False: more than there may be (section 6.9.1). */
  widen(bytes: number): boolean {
    this.sendWindow += bytes;
    return this.sendWindow <= greatestWindowSize;
  }

  #ended(): void {
    this.localEnded = true;
    this.#leaveWhenOver();
  }

  #leaveWhenOver(): void {
    if (!this.localEnded) return;
    if (this.remoteEnded) this.#leave();
    else if (this.#isDiscarding && !this.#mayDiscard) this.stopDiscarding();
  }

  /**
   * Nobody wants the rest of the peer's message. It may be told to stop once ours is out (section 8.1), but some clients then take our answer
   * for broken off: so they may finish, within bounds.
   */
  discardRest(): void {
    this.#isDiscarding = true;
    this.#isPaused = true;
    this.#heldEnd = undefined;
    const bytes = this.#heldBytes;
    this.#dropHeld();
    this.#discard(bytes);
    this.#credit();
    this.#leaveWhenOver();
  }

  #discard(bytes: number): void {
    this.#owed += bytes;
    this.#discarded += bytes;
    if (!this.#mayDiscard && this.localEnded) this.stopDiscarding();
  }

  get #mayDiscard(): boolean {
    return this.#isDiscarding && this.#discarded <= maxDiscardedBytes;
  }

  /** Tells the peer to stop: it has sent more than is worth reading, or takes too long. */
  stopDiscarding(): void {
    if (this.isClosed) return;
    this.#discarded = Infinity;
    // Else as soon as ours is out.
    if (!this.localEnded) return;
    this.#session.sendReset(this, ErrorCode.noError);
    this.#leave();
  }

  #leave(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#dropQueue();
    this.#session.forget(this);
    if (this.#heldEnd === undefined) this.#dropHeld();
    this.listener?.onStreamClosed();
  }

  #dropHeld(): void {
    const bytes = this.#heldBytes;
    this.#held = undefined;
    if (bytes > 0) this.#session.countHeld(-bytes);
  }

  #dropQueue(): void {
    const bytes = this.queuedBytes;
    this.#queue = undefined;
    this.#queuedEnd = undefined;
    if (bytes > 0) this.#session.countQueued(-bytes);
  }

  // --- endings

  /** The peer wants no more of our message; its own is whole, and counts (section 8.1). */
  stopSending(): void {
    this.#dropQueue();
    this.#ended();
  }

  /** Ends it now, for both sides; nobody is told. */
  reset(code: ErrorCode): void {
    if (!this.isClosed) this.#session.sendReset(this, code);
    this.drop();
  }

  /** It is over without a word to the peer; nobody is told. */
  drop(): void {
    this.listener = undefined;
    this.#heldEnd = undefined;
    this.#dropHeld();
    this.#leave();
  }
}

const nothing = Buffer.alloc(0);
/** The body has no head yet. */
const noHead = -2;
