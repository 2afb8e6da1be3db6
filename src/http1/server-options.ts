// What a client's HTTP/1.1 connection is made with.
import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { Deadlines } from '../base/deadline.ts';
import type { FieldNames } from '../http/field.ts';
import type { HttpLimits, ServerTimeouts } from '../http/limits.ts';
import type { BufferPool } from '../http/buffer-pool.ts';
import type { DateField } from '../http/date-field.ts';
import type { WriteBudget } from '../http/write-budget.ts';

export type Http1ServerOptions = {
  readonly names: FieldNames;
  readonly limits: HttpLimits;
  readonly timeouts: ServerTimeouts;
  readonly deadlines: Deadlines;
  readonly clock: Clock;
  /** One for all connections of a worker. */
  readonly date: DateField;
  /** Likewise. */
  readonly buffers: BufferPool;
  /** Likewise; without one, no answer waits for its client beyond what every connection may have. */
  readonly budget?: WriteBudget;
  /**
   * TLS. A client that ends its side after a whole request is answered over plain TCP (`printf … | nc`), but over TLS it
   * is taken to be gone: there a bare end is what a killed client leaves behind, and its backend request is cancelled.
   */
  readonly secure: boolean;
  /** The TCP socket below TLS, to reset it. */
  readonly transport?: Socket;
};
