// Gives a socket its first bytes back, for TLS to begin on it.
import type { Readable } from 'node:stream';

/**
 * Below the least buffer that Node reads TLS into, 1 KiB. A piece that fills its buffer makes Node add one of 16 KiB, which the
 * connection keeps for life, and a piece of more than 1 KiB gets a buffer of just its length: a ClientHello with a post-quantum
 * key share is that long.
 */
const pieceBytes = 1000;

/** `raw`: paused. Whoever reads it next, until there is nothing, is given `bytes` in small pieces, then what came after them. */
export function putBack(raw: Readable, bytes: Buffer): void {
  // What waits there would come between the pieces: rare enough.
  let at = raw.readableLength > 0 ? bytes.length : pieceBytes;
  if (bytes.length > at) {
    // Paused, it tells of what somebody has read from it, and starts nothing by being listened to.
    const putNext = (): void => {
      if (at >= bytes.length) raw.off('data', putNext);
      else raw.unshift(bytes.subarray(at, (at += pieceBytes)));
    };
    raw.on('data', putNext);
  }
  raw.unshift(bytes.subarray(0, at));
}
