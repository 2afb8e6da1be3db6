// The client connections of one worker: counted, drained, and judged again when trust changes. A connection never lives on
// under rules that would not let it in today (architecture.md, decision 7).
import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { PolicyTable } from '../edge/policy-table.ts';
import { stillPasses } from '../edge/rejudge.ts';
import type { Client } from '../flow/client.ts';
import type { Http1ServerConnection } from '../http1/server.ts';

type Open = {
  readonly connection: Http1ServerConnection;
  readonly client: Client;
  /** Clock.monotonic() at which it is cut off; Infinity while it is welcome. */
  endBy: number;
};

/** How often the clock is compared with the certificates of open connections. */
const sweepMs = 500;

export class OpenConnections {
  readonly #open = new Set<Open>();
  readonly #clock: Clock;
  #sweeping = false;
  #onEmpty: (() => void) | undefined;
  /** What a dismissed connection has for the answer in progress. */
  drainMs = 10_000;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Forgotten by itself when the socket closes. */
  add(socket: Socket, connection: Http1ServerConnection, client: Client): void {
    const open = { connection, client, endBy: Infinity };
    this.#open.add(open);
    if (client.peer.identity !== undefined) this.#watch();
    socket.once('close', () => {
      this.#open.delete(open);
      if (this.#open.size === 0) this.#onEmpty?.();
    });
  }

  count(): { secure: number; plain: number } {
    let secure = 0;
    for (const { client } of this.#open) if (client.peer.secure) secure++;
    return { secure, plain: this.#open.size - secure };
  }

  /** Ends the connections that the new policies would not have let in: after the answer in progress, else at once. */
  judgeAgain(policies: PolicyTable, now: number): void {
    for (const open of this.#open) {
      if (open.client.peer.secure && !stillPasses(open.client.peer, policies, now)) this.#dismiss(open);
    }
  }

  #dismiss(open: Open): void {
    if (open.endBy !== Infinity) return;
    open.endBy = this.#clock.monotonic() + this.drainMs;
    open.connection.dismiss();
    this.#watch();
  }

  #watch(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#clock.after(sweepMs, () => this.#sweep());
  }

  /** A certificate may expire while its connection is open; who was dismissed has only so long to finish. */
  #sweep(): void {
    this.#sweeping = false;
    const now = this.#clock.now();
    const monotonic = this.#clock.monotonic();
    let again = false;
    for (const open of this.#open) {
      const { identity } = open.client.peer;
      if (open.endBy <= monotonic) open.connection.destroy();
      else if (identity !== undefined && identity.leaf.notAfter < now) this.#dismiss(open);
      again ||= identity !== undefined || open.endBy !== Infinity;
    }
    if (again) this.#watch();
  }

  /** Politely closes all of them, after the request that a new one is about to send. */
  drainAfterFirst(): void {
    for (const { connection } of this.#open) connection.drainAfterFirst();
  }

  /** Politely closes all of them; resolves when the last is gone. */
  async drain(): Promise<void> {
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    for (const { connection } of this.#open) connection.drain();
    if (this.#open.size > 0) await empty;
  }

  destroyAll(): void {
    for (const { connection } of this.#open) connection.destroy();
  }
}
