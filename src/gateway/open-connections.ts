// The client connections of one worker: counted, drained, and judged again when trust changes. A connection never lives on
// under rules that would not let it in today (architecture.md, decision 7).
import type { Socket } from 'node:net';
import type { PolicyTable } from '../edge/policy-table.ts';
import { stillPasses } from '../edge/rejudge.ts';
import type { Client } from '../flow/client.ts';
import type { Http1ServerConnection } from '../http1/server.ts';

type Open = { readonly connection: Http1ServerConnection; readonly client: Client };

export class OpenConnections {
  readonly #open = new Set<Open>();
  #onEmpty: (() => void) | undefined;

  /** Forgotten by itself when the socket closes. */
  add(socket: Socket, connection: Http1ServerConnection, client: Client): void {
    const open = { connection, client };
    this.#open.add(open);
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

  /**
   * Ends the connections that the new policies would not have let in: after the answer in progress, else at once. Returns
   * what ends those that are left then.
   */
  judgeAgain(policies: PolicyTable, now: number): () => void {
    const dismissed: Open[] = [];
    for (const open of this.#open) {
      if (!open.client.peer.secure || stillPasses(open.client.peer, policies, now)) continue;
      open.connection.dismiss();
      dismissed.push(open);
    }
    return () => {
      for (const { connection } of dismissed) connection.destroy();
    };
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
