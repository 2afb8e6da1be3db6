// The plain HTTP entry point: accepts, and hands over a connection with its address. What may be asked for here is
// flow/authorize.ts.
import { createServer, type Server, type Socket } from 'node:net';
import { Admission, type AdmissionOptions, type AdmissionOwner, type RefusedAdmission } from './admission.ts';
import type { Address } from './peer.ts';
import { keepAliveAfterMs } from '../http/limits.ts';

export type PlainListenerOptions = AdmissionOptions & {
  readonly maxConnections: number;
  /** The end of what a client sends is not the end of what it gets. Default false. */
  readonly allowHalfOpen?: boolean;
  /** `socket` may be paused. */
  readonly onConnection: (socket: Socket, address: Address) => void;
  /** One more than `maxConnections`. */
  readonly onTurnedAway: () => void;
  readonly onRefused: (address: Address, refused: RefusedAdmission) => void;
};

export class PlainListener implements AdmissionOwner {
  /** Connections so far. */
  accepted = 0;
  readonly #options: PlainListenerOptions;
  readonly #admission: Admission;
  readonly #server: Server;

  /** `maxConnections` are held at once. */
  constructor(options: PlainListenerOptions) {
    this.#options = options;
    this.#admission = new Admission(options, this);
    this.#server = createServer({
      noDelay: true,
      allowHalfOpen: options.allowHalfOpen === true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveAfterMs,
    });
    this.#server.maxConnections = options.maxConnections;
    this.#server.on('drop', options.onTurnedAway);
    this.#server.on('connection', (socket) => {
      this.accepted++;
      socket.on('error', () => socket.destroy());
      this.#admission.take(socket);
    });
  }

  onAdmitted(socket: Socket, address: Address): void {
    this.#options.onConnection(socket, address);
  }

  onRefused(address: Address, refused: RefusedAdmission): void {
    this.#options.onRefused(address, refused);
  }

  /** Rejects with the system's error. */
  async listen(host: string, port: number, reusePort: boolean): Promise<{ port: number }> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, reusePort }, () => {
        this.#server.off('error', reject);
        // Out of file descriptors and the like: the next connection may succeed.
        this.#server.on('error', () => {});
        const bound = this.#server.address();
        resolve({ port: typeof bound === 'object' && bound !== null ? bound.port : port });
      });
    });
  }

  /** Stops accepting; open connections are the gateway's to drain. `onGone` is called when the last of them is gone. */
  close(onGone?: () => void): void {
    this.#server.close(() => onGone?.());
  }
}
