// The audit log: who did what to which row, each entry with the hash of the one before. An entry also says what its row was
// after the act (`row`), so that a row that was changed, added or taken away by another way than the store is found.
import { canonicalJson, type JsonObject } from './canonical-json.ts';
import { type Digest, digestOf } from './digest.ts';
import { maxAuditDetailBytes } from './limits.ts';
import { type Act, boundedJson, checkAct } from './names.ts';
import type { Page, PageRequest } from './page.ts';

export type AuditEntry = {
  /** From 1, without a gap. */
  readonly seq: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly actor: string;
  readonly reason: string | null;
  /** `revision.append`, `user.create`, `session.create`, … */
  readonly action: string;
  /** `revision/7`, `user/0b4…`: what it was done to. */
  readonly subject: string;
  readonly detail: JsonObject | null;
  /** Digest of the row afterwards; null where the act is about no row. */
  readonly row: Digest | 'gone' | null;
  readonly hash: Digest;
};

/** Where the chain begins. */
export const noEntry: Digest = digestOf('audit', 'none');

export function auditHash(previous: Digest, entry: Omit<AuditEntry, 'hash'>): Digest {
  const { seq, at, actor, reason, action, subject, detail, row } = entry;
  return digestOf('audit', canonicalJson({ previous, seq, at, actor, reason, action, subject, detail, row }));
}

/** Of a row as the store gives it out: what the audit log remembers of it. */
export function rowDigest(row: object): Digest {
  return digestOf('row', canonicalJson(row));
}

/** A row, and what the audit log remembers of it. */
export type AuditedRow = { readonly subject: string; readonly row: Digest };

/** What a store is told of an act. */
export type AuditToWrite = Pick<AuditEntry, 'action' | 'subject' | 'row'> & { readonly detail?: JsonObject };

export type AuditHead = { readonly seq: number; readonly hash: Digest };

/** The entry that follows `head`, and its detail as it is kept. Throws `invalid`. */
export function nextEntry(
  head: AuditHead,
  at: number,
  act: Act,
  { action, subject, row, detail }: AuditToWrite,
): { readonly entry: AuditEntry; readonly detailText: string | null } {
  const { actor, reason } = checkAct(act);
  const detailText =
    detail === undefined ? null : boundedJson(detail, maxAuditDetailBytes, 'the detail of an audit entry');
  const body = { seq: head.seq + 1, at, actor, reason, action, subject, detail: detail ?? null, row };
  return { entry: { ...body, hash: auditHash(head.hash, body) }, detailText };
}

/** As it was kept. What somebody wrote there by hand need not be JSON: then it is shown as a text, and its hash does not fit. */
export function readEntry({
  detail,
  ...row
}: Omit<AuditEntry, 'detail'> & { readonly detail: string | null }): AuditEntry {
  if (detail === null) return { ...row, detail };
  try {
    return { ...row, detail: JSON.parse(detail) as JsonObject };
  } catch {
    return { ...row, detail: { unreadable: detail } };
  }
}

export type AuditNote = Act & { readonly action: string; readonly subject: string; readonly detail?: JsonObject };

export interface AuditLog {
  /** For acts that change no row of the store: refused logins, exports. What changes a row is written down by itself. */
  note(note: AuditNote): Promise<AuditEntry>;
  /** Newest first. */
  list(request?: PageRequest & { readonly subject?: string; readonly actor?: string }): Promise<Page<AuditEntry>>;
  /** Number and hash of the newest entry: kept elsewhere, they prove that nothing was cut off the end. */
  head(): Promise<AuditHead>;
}
