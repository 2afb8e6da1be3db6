// W3C Trace Context, level 1: which trace a request belongs to, as `traceparent` and `tracestate` say it. What is not written as
// the recommendation wants begins a new trace; it is never passed on.
import { randomFillSync } from 'node:crypto';

export type TraceParent = {
  /** 32 hexadecimal digits, lower case, not all zero. */
  readonly traceId: string;
  /** 16 of them: the span of who sent it. */
  readonly parentId: string;
  readonly isSampled: boolean;
};

/** Section 3.2: versions to come may say more behind a dash; ff is none. */
const shape = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Undefined for what does not count. */
export function parseTraceParent(text: string): TraceParent | undefined {
  const [, version, traceId = '', parentId = '', flags = '', more] = shape.exec(text) ?? [];
  if (version === undefined || (version === '00' && more !== undefined)) return undefined;
  return { traceId, parentId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** Flags that we do not know are not passed on (section 3.2.2.5). */
export function traceParentText({ traceId, parentId, isSampled }: TraceParent): string {
  return `00-${traceId}-${parentId}-${isSampled ? '01' : '00'}`;
}

/** Section 3.3.1.3: members of the list in its order; what is longer than anybody has to pass on is dropped. */
const maxStateLength = 512;
const maxStateMembers = 32;
const member = /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/** One line of all lines; '' where there is none, or it is not well formed. */
export function joinTraceState(lines: readonly string[]): string {
  const members = lines
    .join(',')
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '');
  const text = members.join(',');
  return members.length <= maxStateMembers && text.length <= maxStateLength && members.every((one) => member.test(one))
    ? text
    : '';
}

const pool = Buffer.allocUnsafe(4096);
let used = pool.length;

/** `bytes` random bytes as hexadecimal digits, not all zero: an id of a trace (16) or of a span (8). */
export function randomId(bytes: 8 | 16): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const id = pool.toString('hex', used, used + bytes);
  used += bytes;
  return /^0+$/.test(id) ? randomId(bytes) : id;
}
