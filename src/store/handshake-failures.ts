// Handshakes that failed, in groups: one row for however many of one kind. Bounded in rows and age, because whoever can
// connect can fill it; losing some is no harm.
import type { JsonObject } from './canonical-json.ts';
import type { Page, PageRequest } from './page.ts';

export type HandshakeFailure = {
  readonly gateway: string;
  /** `client`: somebody who came to us; `backend`: whom we went to. */
  readonly side: 'client' | 'backend';
  /** Code of the fault table. */
  readonly code: string;
  /** What else makes the group (policy and issuer, service and certificate), as one text that the caller chooses. */
  readonly peer: string;
  readonly count: number;
  readonly firstAt: number;
  readonly lastAt: number;
  /** The newest of them, as the caller describes it. */
  readonly sample: JsonObject;
};

export type HandshakeFilter = PageRequest & {
  readonly gateway?: string;
  readonly side?: HandshakeFailure['side'];
  readonly code?: string;
  readonly peer?: string;
  /** Seen since then, milliseconds since the epoch. */
  readonly since?: number;
};

export interface HandshakeFailures {
  /** Adds to the groups that are there; takes away what is too old or too many. May be lost with the power. */
  record(failures: readonly HandshakeFailure[]): Promise<void>;
  /** Last seen first. */
  list(filter?: HandshakeFilter): Promise<Page<HandshakeFailure>>;
}
