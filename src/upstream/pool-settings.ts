// Sizes and times of a backend pool. They are part of a pool's key: changing one starts a new pool.

export type PoolSettings = {
  /** Connections to one endpoint under one TLS identity, open or being opened, per worker; 0 = unlimited. */
  readonly maxConnsPerHost: number;
  /** Besides these, how many may be opened while those are taken, for clients that have less than their share. */
  readonly reservedConnsPerHost: number;
  /** How many are kept while idle; 0 = as many as there are. */
  readonly maxIdleConnsPerHost: number;
  /** How long a connection may stay idle; 0 = for ever. */
  readonly idleMs: number;
  /** How old a connection may become before it carries no further call; 0 = as old as it likes. */
  readonly maxAgeMs: number;
  /** Requests that may wait for a connection at one time. */
  readonly maxWaiting: number;
  /** For the look-up of the name and TCP. */
  readonly connectMs: number;
  /** For TLS, counted from the end of TCP's own handshake. */
  readonly handshakeMs: number;
  /** Connections begin with a PROXY header of this version: each belongs to one client (proxied-pool.ts). */
  readonly proxyProtocol?: 1 | 2 | undefined;
  /** HTTP/1.1 is all that is offered: for tunnels to backends that take none on a stream of HTTP/2. */
  readonly http1Only?: true;
};
