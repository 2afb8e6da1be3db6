// Streams of one connection whose DATA waits for a window of the peer, or for its socket: in turns, so that none takes both for itself.
import type { Http2Stream } from './stream.ts';

/** DATA of one stream in a row while others wait for the same window. */
const shareBytes = 16_384;

/** What they share. */
export interface SharedWindow {
  readonly isClosed: boolean;
  /** Bytes of DATA that the connection may send. */
  readonly sendWindow: number;
  /** The peer does not take what was written. */
  readonly isBehind: boolean;
}

export class WaitingStreams {
  readonly #shared: SharedWindow;
  /** On most connections none ever does. */
  #waiting: Set<Http2Stream> | undefined;

  constructor(shared: SharedWindow) {
    this.#shared = shared;
  }

  add(stream: Http2Stream): void {
    this.#waiting ??= new Set();
    this.#waiting.add(stream);
  }

  delete(stream: Http2Stream): void {
    this.#waiting?.delete(stream);
  }

  clear(): void {
    this.#waiting?.clear();
  }

  /** There is more room for all. */
  pump(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    while (!this.#shared.isClosed && !this.#shared.isBehind) {
      let sent = false;
      const round = [...waiting];
      for (const stream of round) {
        if (this.#shared.isBehind) return;
        if (!waiting.has(stream)) continue;
        if (stream.queuedBytes === 0) {
          waiting.delete(stream);
          stream.listener?.onStreamWritable();
        } else if (stream.sendWindow > 0 && this.#shared.sendWindow > 0) {
          // Behind those that have not had theirs yet.
          waiting.delete(stream);
          waiting.add(stream);
          this.#send(stream, shareBytes);
          sent = true;
        }
      }
      if (!sent) return;
    }
  }

  /** There is more room for one, if it waits. */
  pumpOne(stream: Http2Stream): void {
    if (this.#waiting?.has(stream) === true) this.#send(stream, Infinity);
  }

  #send(stream: Http2Stream, most: number): void {
    if (!stream.pump(most) || stream.isClosed || this.#shared.isBehind) return;
    this.#waiting?.delete(stream);
    stream.listener?.onStreamWritable();
  }
}
