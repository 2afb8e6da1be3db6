// The audit log in the database. An entry is written in the transaction of the act that it tells of, under the lock for writers.
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
import { type Act, checkName } from '../store/names.ts';
import { numberOfCursor, type Page, type PageRequest, pageSize, toPage } from '../store/page.ts';
import { StoreProblem } from '../store/store-problem.ts';
import { batchRows, inBatches } from './batches.ts';
import type { Database, Queries } from './database.ts';
import type { StoreTime } from './store-time.ts';

type AuditRow = Omit<AuditEntry, 'detail'> & { readonly detail: string | null };
const columns = 'seq, at, actor, reason, action, subject, detail, row_digest AS "row", hash';

/** What the log last said of a row, as a column beside it: in one statement, so that both are of one moment. */
export function loggedAs(subject: string): string {
  return `(SELECT row_digest FROM audit WHERE subject = ${subject} AND row_digest IS NOT NULL ORDER BY seq DESC LIMIT 1) AS logged`;
}

export type Logged = { readonly logged: string | null };

/** Throws `altered` where the row is not as the log last left it: before it is believed, and before it is changed. */
export function checkLogged({ subject, row }: AuditedRow, logged: string | null): void {
  if (logged !== row) throw new StoreProblem('altered', `${subject} is not as the audit log left it`);
}

export class PostgresAuditLog implements AuditLog {
  readonly #db: Database;
  readonly #time: StoreTime;

  constructor(db: Database, time: StoreTime) {
    this.#db = db;
    this.#time = time;
  }

  /** Within a transaction that writes in full. */
  async write(queries: Queries, act: Act, written: AuditToWrite): Promise<AuditEntry> {
    const { entry, detailText } = nextEntry(await this.readHead(queries), this.#time.now(), act, written);
    await queries.run(
      `WITH entry AS (
         INSERT INTO audit (seq, at, actor, reason, action, subject, detail, row_digest, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9))
       INSERT INTO audit_head (one, seq, hash) VALUES (1, $1, $9)
       ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, hash = excluded.hash`,
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
    return entry;
  }

  async note({ action, subject, detail, ...act }: AuditNote): Promise<AuditEntry> {
    checkName(action, 'the action');
    checkName(subject, 'the subject');
    const written = { action, subject, row: null, ...(detail === undefined ? {} : { detail }) };
    return this.#db.write('full', async (queries) => this.write(queries, act, written));
  }

  async list(
    request: PageRequest & { readonly subject?: string; readonly actor?: string } = {},
  ): Promise<Page<AuditEntry>> {
    const size = pageSize(request);
    const rows = await this.#db.all<AuditRow>(
      `SELECT ${columns} FROM audit WHERE seq < $1 AND ($2::text IS NULL OR subject = $2)
       AND ($3::text IS NULL OR actor = $3) ORDER BY seq DESC LIMIT $4`,
      numberOfCursor(request.cursor, Number.MAX_SAFE_INTEGER),
      request.subject ?? null,
      request.actor ?? null,
      size + 1,
    );
    return toPage(rows.map(readEntry), size, ({ seq }) => String(seq));
  }

  async head(): Promise<AuditHead> {
    return this.readHead(this.#db);
  }

  async find(seq: number, queries: Queries): Promise<AuditEntry | undefined> {
    const row = await queries.get<AuditRow>(`SELECT ${columns} FROM audit WHERE seq = $1`, seq);
    return row && readEntry(row);
  }

  /** All of them after `after`, for `verify`. */
  async *entries(queries: Queries, after: number): AsyncGenerator<AuditEntry, void, undefined> {
    const sql = `SELECT ${columns} FROM audit WHERE seq > $1 ORDER BY seq LIMIT ${batchRows}`;
    const read = async (last: number) => queries.all<AuditRow>(sql, last);
    for await (const row of inBatches(after, batchRows, read, ({ seq }) => seq)) yield readEntry(row);
  }

  async readHead(queries: Queries): Promise<AuditHead> {
    return (await queries.get<AuditHead>('SELECT seq, hash FROM audit_head')) ?? { seq: 0, hash: noEntry };
  }
}
