// What a client's HTTP/2 connection is made with.
import type { Clock } from '../base/clock.ts';
import type { Deadlines } from '../base/deadline.ts';
import type { DateField } from '../http/date-field.ts';
import type { FieldNames } from '../http/field.ts';
import type { HttpLimits, ServerTimeouts } from '../http/limits.ts';
import type { TurnEnd } from '../http/turn-end.ts';
import type { WriteBudget } from '../http/write-budget.ts';
import type { Http2Shared } from './shared.ts';

export type Http2ServerOptions = {
  readonly names: FieldNames;
  readonly limits: HttpLimits;
  readonly timeouts: ServerTimeouts;
  readonly deadlines: Deadlines;
  readonly clock: Clock;
  /** One for all connections of a worker; so are the next two. */
  readonly date: DateField;
  readonly turn: TurnEnd;
  readonly http2: Http2Shared;
  /** Likewise; without one, no answer waits for its client beyond what every stream may have. */
  readonly budget?: WriteBudget;
  /** SETTINGS_MAX_CONCURRENT_STREAMS; what goes beyond is refused (REFUSED_STREAM). */
  readonly maxConcurrentStreams: number;
};
