// The bytes between Node's TLS and the network, seen on their way: what a server said that Node does not tell, and what it
// said that was no TLS at all. Changes nothing; keeps a bounded beginning of each direction.
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

const maxKeptBytes = 512 * 1024;

export class Tap extends Duplex {
  readonly #raw: Socket;
  readonly #received: Buffer[] = [];
  readonly #sent: Buffer[] = [];
  #receivedBytes = 0;
  #sentBytes = 0;

  /** `raw` is connected; from now on it belongs to the tap. */
  constructor(raw: Socket) {
    super();
    this.#raw = raw;
    raw.on('data', (chunk: Buffer) => {
      if (this.#receivedBytes < maxKeptBytes) this.#received.push(chunk);
      this.#receivedBytes += chunk.length;
      if (!this.push(chunk)) raw.pause();
    });
    raw.on('end', () => this.push(null));
    // Later than the bytes that came before it: an alert in front of a reset is the better explanation.
    raw.on('error', (error) => setImmediate(() => this.destroy(error)));
    raw.on('close', () => setImmediate(() => this.destroy()));
  }

  get received(): Buffer {
    return Buffer.concat(this.#received);
  }

  get sent(): Buffer {
    return Buffer.concat(this.#sent);
  }

  override _read(): void {
    this.#raw.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.#sentBytes < maxKeptBytes) this.#sent.push(chunk);
    this.#sentBytes += chunk.length;
    // A failed write is told by the error event; what the server said before it must still be read.
    this.#raw.write(chunk, () => done());
  }

  override _final(done: () => void): void {
    this.#raw.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#raw.destroy();
    done(error);
  }
}
