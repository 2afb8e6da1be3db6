// The TLS connections that are open, so that they can be counted, judged again when a policy changes, and drained.
// Bounded by the listener's connection limit. What runs on a connection is the flow's.
import type { TLSSocket } from 'node:tls';
import type { EdgePolicy } from './edge-policy.ts';
import type { Peer } from './peer.ts';

export type LiveConnection = {
  readonly socket: TLSSocket;
  readonly peer: Peer;
  /** The policy that it was accepted under. */
  readonly policy: EdgePolicy;
};

export class LiveConnections {
  readonly #open = new Set<LiveConnection>();

  get size(): number {
    return this.#open.size;
  }

  add(connection: LiveConnection): void {
    this.#open.add(connection);
  }

  delete(connection: LiveConnection): void {
    this.#open.delete(connection);
  }

  /** Connections that close meanwhile are skipped, those that open meanwhile are visited. */
  forEach(visit: (connection: LiveConnection) => void): void {
    for (const connection of this.#open) visit(connection);
  }
}
