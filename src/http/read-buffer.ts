// Bytes from a backend's socket without an allocation for each read: Node's `onread` option, which must be given when the
// socket is opened. One buffer serves all sockets of a worker, since what is read is used up before the next read.
import type { Socket } from 'node:net';

/** A TLS record brings 16 KiB at most; a plain socket may bring more at once. */
const readBytes = 65_536;

/** The way of one socket's bytes to whoever carries calls over it. */
export class ReadBuffer {
  /** Chunks are valid during the call only. Must not throw. */
  receiver: ((chunk: Buffer) => void) | undefined;
  /** Bytes came while nobody received them: they are gone, and the connection is of no use. */
  missed = false;
  /** For net.connect and tls.connect. */
  readonly onread: { readonly buffer: Buffer; readonly callback: (length: number) => boolean };

  constructor(buffer: Buffer) {
    const callback = (length: number): boolean => {
      this.take(buffer.subarray(0, length));
      // False would stop the socket: whoever wants that pauses it.
      return true;
    };
    this.onread = { buffer, callback };
  }

  /** Bytes of a socket that could not be opened with `onread`. */
  take(chunk: Buffer): void {
    if (this.receiver === undefined) this.missed = true;
    else this.receiver(chunk);
  }
}

/** A socket with the way of its bytes: it emits no `data`. */
export type OpenSocket = { readonly socket: Socket; readonly readBuffer: ReadBuffer };

export class ReadBuffers {
  readonly #buffer = Buffer.allocUnsafeSlow(readBytes);

  /** For a socket that is about to be opened. */
  open(): ReadBuffer {
    return new ReadBuffer(this.#buffer);
  }
}
