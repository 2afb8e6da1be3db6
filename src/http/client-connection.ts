// The contract between a client's connection, of whichever protocol, and whoever holds the open ones. A connection serves one
// request at a time over HTTP/1.1, one for each stream over HTTP/2. Whose requests they are is decided before HTTP begins, once
// for the whole connection: who holds it keeps it together with its client (gateway/open-connections.ts).

import type { Fault } from '../base/fault.ts';

export interface ClientConnection {
  /** Requests that it serves now: their heads came, and their answers are not complete. */
  readonly activeRequests: number;
  /**
   * Ends it politely: at once where it serves nothing and nothing of a further request has come, else after the answers. What
   * was being sent when the end was announced is still served.
   */
  drain(): void;
  /** As drain, for a client that lost its trust: what it has begun to send and not finished asking is not answered. */
  dismiss(): void;
  /** As drain; but a client that has only just come and asked nothing yet is answered once, if it asks in time. */
  drainAfterFirst(): void;
  /** Ends it now; requests in progress fail with `fault`, or client_aborted, before this returns. */
  destroy(fault?: Fault): void;
}

/** Who holds the connection. Called synchronously; must not throw. */
export interface ClientConnectionOwner {
  /** The connection is closed, however that came: once, after its requests were told. */
  onClosed(connection: ClientConnection): void;
}
