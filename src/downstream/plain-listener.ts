// The plain HTTP entry point: accepts, and hands over an address. What may be asked for here is flow/authorize.ts.
import { createServer, type Server, type Socket } from 'node:net';

export type PlainListenerOptions = {
  readonly maxConnections: number;
  /** The end of what a client sends is not the end of what it gets. Default false. */
  readonly allowHalfOpen?: boolean;
  readonly onConnection: (socket: Socket) => void;
  readonly onTurnedAway: () => void;
};

export class PlainListener {
  /** Connections so far. */
  accepted = 0;
  readonly #server: Server;

  /** `maxConnections` are held at once; `onTurnedAway` hears of every further one. */
  constructor({ maxConnections, allowHalfOpen = false, onConnection, onTurnedAway }: PlainListenerOptions) {
    this.#server = createServer({ noDelay: true, allowHalfOpen });
    this.#server.maxConnections = maxConnections;
    this.#server.on('drop', onTurnedAway);
    this.#server.on('connection', (socket) => {
      this.accepted++;
      socket.on('error', () => socket.destroy());
      onConnection(socket);
    });
  }

  /** Rejects with the system's error. */
  async listen(host: string, port: number, reusePort: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, reusePort }, () => {
        this.#server.off('error', reject);
        // Out of file descriptors and the like: the next connection may succeed.
        this.#server.on('error', () => {});
        resolve();
      });
    });
  }

  /** Stops accepting; open connections are the gateway's to drain. `onGone` is called when the last of them is gone. */
  close(onGone?: () => void): void {
    this.#server.close(() => onGone?.());
  }
}
