// The audit log in the file. An entry is written in the transaction of the act that it tells of.
import type { Clock } from '../base/clock.ts';
import {
  type AuditedRow,
  type AuditEntry,
  type AuditHead,
  type AuditLog,
  type AuditNote,
  type AuditToWrite,
  nextEntry,
  noEntry,
  readEntry,
} from '../store/audit.ts';
import type { Digest } from '../store/digest.ts';
import { type Act, checkName } from '../store/names.ts';
import { numberOfCursor, type Page, type PageRequest, pageSize, toPage } from '../store/page.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { Database } from './database.ts';

type AuditRow = Omit<AuditEntry, 'detail'> & { readonly detail: string | null };

export class SqliteAuditLog implements AuditLog {
  readonly #db: Database;
  readonly #clock: Clock;

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /** Within a transaction that writes. */
  write(act: Act, written: AuditToWrite): AuditEntry {
    const { entry, detailText } = nextEntry(this.readHead(), this.#clock.now(), act, written);
    this.#db.run(
      'INSERT INTO audit (seq, at, actor, reason, action, subject, detail, row, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
      entry.seq,
      entry.at,
      entry.actor,
      entry.reason,
      entry.action,
      entry.subject,
      detailText,
      entry.row,
      entry.hash,
    );
    this.#db.run(
      `INSERT INTO audit_head (one, seq, hash) VALUES (1, ?, ?)
       ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, hash = excluded.hash`,
      entry.seq,
      entry.hash,
    );
    return entry;
  }

  /** Throws `altered` where the row is not as the log last left it: before it is believed, and before it is changed. */
  check({ subject, row }: AuditedRow): void {
    const sql = 'SELECT row FROM audit WHERE subject = ? AND row IS NOT NULL ORDER BY seq DESC LIMIT 1';
    if (this.#db.get<{ row: string }>(sql, subject)?.row === row) return;
    throw new StoreProblem('altered', `${subject} is not as the audit log left it`);
  }

  async note({ action, subject, detail, ...act }: AuditNote): Promise<AuditEntry> {
    checkName(action, 'the action');
    checkName(subject, 'the subject');
    const written = { action, subject, row: null, ...(detail === undefined ? {} : { detail }) };
    return this.#db.write('full', () => this.write(act, written));
  }

  async list(
    request: PageRequest & { readonly subject?: string; readonly actor?: string } = {},
  ): Promise<Page<AuditEntry>> {
    const size = pageSize(request);
    const rows = this.#db.all<AuditRow>(
      `SELECT seq, at, actor, reason, action, subject, detail, row, hash FROM audit
       WHERE seq < ?1 AND (?2 IS NULL OR subject = ?2) AND (?3 IS NULL OR actor = ?3) ORDER BY seq DESC LIMIT ?4`,
      numberOfCursor(request.cursor, Number.MAX_SAFE_INTEGER),
      request.subject ?? null,
      request.actor ?? null,
      size + 1,
    );
    return toPage(rows.map(readEntry), size, ({ seq }) => String(seq));
  }

  async head(): Promise<AuditHead> {
    return this.readHead();
  }

  /** All of them, for `verify`. */
  *entries(): Generator<AuditEntry, void, undefined> {
    const sql = 'SELECT seq, at, actor, reason, action, subject, detail, row, hash FROM audit ORDER BY seq';
    for (const row of this.#db.each<AuditRow>(sql)) yield readEntry(row);
  }

  readHead(): AuditHead {
    const row = this.#db.get<{ seq: number; hash: Digest }>('SELECT seq, hash FROM audit_head');
    return row === undefined ? { seq: 0, hash: noEntry } : { ...row };
  }
}
