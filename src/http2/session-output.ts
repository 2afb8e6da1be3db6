// What a connection sends, on its way to the socket: frames are collected, and one write for each turn of the event loop takes
// them all. Knows when the peer does not take what was written; what may be sent at all is the session's business.
import type { Socket } from 'node:net';
import type { TurnEnd, TurnTask } from '../http/turn-end.ts';
import { FrameOutput } from './frame-output.ts';
import type { PagePool } from './page-pool.ts';

/** Bytes that the peer has not taken above which it counts as slow, and gets no more DATA: as over HTTP/1.1. */
const behindBytes = 262_144;
/** Beyond this come only answers without a body, and control frames: whoever takes none of them may ask for no more. */
const chokedBytes = 524_288;

export type OutputListener = {
  /** The peer has taken some of what was written. */
  onTaken(): void;
  /** All of it. */
  onDrain(): void;
  /** What was written just now is too much, with what the peer had not taken before. */
  onBehind(): void;
};

export class SessionOutput implements TurnTask {
  readonly frames: FrameOutput;
  readonly #socket: Socket;
  readonly #turn: TurnEnd;
  readonly #listener: OutputListener;
  #isDue = false;
  #isClosed = false;

  constructor(socket: Socket, turn: TurnEnd, pages: PagePool, listener: OutputListener) {
    this.frames = new FrameOutput(pages);
    this.#socket = socket;
    this.#turn = turn;
    this.#listener = listener;
    socket.on('drain', () => {
      if (!this.#isClosed) listener.onDrain();
    });
  }

  /** Frames to add to, which go out at the end of this turn. */
  get next(): FrameOutput {
    if (!this.#isDue) {
      this.#isDue = true;
      this.#turn.write(this);
    }
    return this.frames;
  }

  /** Bytes that the peer has not taken, those of this turn included. */
  get waitingBytes(): number {
    return this.#socket.writableLength + this.frames.length;
  }

  get isBehind(): boolean {
    return this.waitingBytes >= behindBytes;
  }

  get isChoked(): boolean {
    return this.waitingBytes >= chokedBytes;
  }

  onTurnEnd(): void {
    this.#isDue = false;
    this.flush();
    if (!this.#isClosed && this.isBehind) this.#listener.onBehind();
  }

  /** Writes now what waits for the end of the turn. */
  flush(): void {
    if (this.#isClosed || this.frames.length === 0) return;
    const parts = this.frames.take();
    const socket = this.#socket;
    if (parts.length > 1) socket.cork();
    let left = parts.length;
    for (const part of parts) {
      left -= 1;
      if (left === 0) socket.write(part, this.#onWritten);
      else socket.write(part);
    }
    if (parts.length > 1) socket.uncork();
  }

  /** Called for writes of a destroyed socket too. */
  readonly #onWritten = (): void => {
    this.frames.settle();
    if (!this.#isClosed) this.#listener.onTaken();
  };

  /** Nothing more goes out. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.frames.discard();
  }
}
