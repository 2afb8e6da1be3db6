// Bytes between two sockets that nobody reads: with back-pressure, and an end of its own for each direction. Whether a socket broke
// off is its owner's to see.
import type { Socket } from 'node:net';
import { countRead } from '../base/read-garbage.ts';

export class BothWays {
  /** Bytes from the client, and to it. */
  received = 0;
  sent = 0;
  /** Directions that have ended. */
  ended = 0;
  readonly #client: Socket;
  readonly #backend: Socket;
  readonly #onSaid: () => void;

  /** `onSaid`: a byte or an end passed. Both sockets are half-open ones. */
  constructor(client: Socket, backend: Socket, onSaid: () => void) {
    this.#client = client;
    this.#backend = backend;
    this.#onSaid = onSaid;
  }

  /** `early`: what the client has said already. */
  begin(early: readonly Buffer[]): void {
    for (const chunk of early) this.#pass(this.#client, this.#backend, chunk);
    this.#flow(this.#client, this.#backend);
    this.#flow(this.#backend, this.#client);
  }

  #flow(from: Socket, to: Socket): void {
    from.on('data', (chunk: Buffer) => this.#pass(from, to, chunk));
    to.on('drain', () => from.resume());
    from.on('end', () => {
      this.ended += 1;
      this.#onSaid();
      to.end();
    });
    if (!to.writableNeedDrain) from.resume();
  }

  #pass(from: Socket, to: Socket, chunk: Buffer): void {
    countRead(chunk.length);
    if (from === this.#client) this.received += chunk.length;
    else this.sent += chunk.length;
    this.#onSaid();
    if (!to.write(chunk)) from.pause();
  }
}
