// Handshakes that failed, in groups: one row for however many of one kind. Bounded in rows and age, because whoever can
// connect can fill it; losing some is no harm.
import type { JsonObject } from './canonical-json.ts';
import { maxFailureSampleBytes } from './limits.ts';
import { boundedJson, checkCount, checkName, readJson } from './names.ts';
import type { Page, PageRequest } from './page.ts';
import { StoreProblem } from './store-problem.ts';

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

/** As a store keeps it: the sample as a text, and the number of the row, which is in the cursor. */
export type KeptFailure = Omit<HandshakeFailure, 'sample'> & { readonly sample: string; readonly rowId: number };

/** The text of the sample. Throws `invalid`. */
export function checkFailure({ gateway, side, code, peer, count, firstAt, lastAt, sample }: HandshakeFailure): string {
  checkName(gateway, 'the name of a gateway');
  checkName(code, 'the code of a failure');
  if (peer !== '') checkName(peer, 'the peer of a failure');
  if (side !== 'client' && side !== 'backend') throw new StoreProblem('invalid', 'a side is client or backend');
  for (const number of [count, firstAt, lastAt]) checkCount(number, 'count and times of a failure');
  return boundedJson(sample, maxFailureSampleBytes, 'the sample of a failure');
}

export function cursorOfFailure({ lastAt, rowId }: KeptFailure): string {
  return `${lastAt}-${rowId}`;
}

/** Time and number of the row that the page follows. */
export function readFailureCursor(cursor: string | undefined): readonly [number, number] {
  if (cursor === undefined) return [Number.MAX_SAFE_INTEGER, 0];
  const [, lastAt, rowId] = /^(\d{1,15})-(\d{1,15})$/.exec(cursor) ?? [];
  if (lastAt === undefined) throw new StoreProblem('invalid', 'the cursor is not one of this list');
  return [Number(lastAt), Number(rowId)];
}

export function readFailure({
  gateway,
  side,
  code,
  peer,
  count,
  firstAt,
  lastAt,
  sample,
}: KeptFailure): HandshakeFailure {
  return { gateway, side, code, peer, count, firstAt, lastAt, sample: readJson(sample, 'the example of a failure') };
}
