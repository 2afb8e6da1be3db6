// Shared records in the database, by the time of the database.
import { recordLimits } from '../store/limits.ts';
import { type Page, type PageRequest, pageSize, toPage } from '../store/page.ts';
import {
  checkRecord,
  checkRecordKind,
  type RecordKind,
  type RecordPut,
  type RecordToPut,
  type SharedRecord,
  type SharedRecords,
} from '../store/records.ts';
import type { Database, Queries } from './database.ts';
import type { StoreTime } from './store-time.ts';

const columns = 'kind, key, gateway, bytes, at, expires_at AS "expiresAt", version';
/** `CSTR`, then one number for each key: who writes the same waits, nobody else does. */
const lockOfKey = 'SELECT pg_advisory_xact_lock(1129534546, hashtext($1))';

export class PostgresRecords implements SharedRecords {
  readonly #db: Database;
  readonly #time: StoreTime;

  constructor(db: Database, time: StoreTime) {
    this.#db = db;
    this.#time = time;
  }

  async put(wanted: RecordToPut): Promise<RecordPut> {
    checkRecord(wanted);
    const { kind, key, gateway, bytes, lastsMs } = wanted;
    return this.#db.write('normal', async (queries): Promise<RecordPut> => {
      await queries.run(lockOfKey, JSON.stringify([kind, key]));
      const at = this.#time.now();
      const before = await this.#find(queries, kind, key);
      const version = before?.version ?? 0;
      if (wanted.version !== undefined && wanted.version !== version) return { outcome: 'stale', record: before };
      const record = { kind, key, gateway, bytes, at, expiresAt: at + lastsMs, version: version + 1 };
      if (before === undefined) await this.#makeRoom(queries, kind, at);
      await queries.run(
        `INSERT INTO record (kind, key, gateway, bytes, at, expires_at, version) VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (kind, key) DO UPDATE SET gateway = excluded.gateway, bytes = excluded.bytes, at = excluded.at,
           expires_at = excluded.expires_at, version = excluded.version`,
        kind,
        key,
        gateway,
        bytes,
        at,
        record.expiresAt,
        record.version,
      );
      return { outcome: 'put', record };
    });
  }

  async find(kind: RecordKind, key: string): Promise<SharedRecord | undefined> {
    checkRecordKind(kind);
    return this.#find(this.#db, kind, key);
  }

  async list(kind: RecordKind, request: PageRequest = {}): Promise<Page<SharedRecord>> {
    checkRecordKind(kind);
    const size = pageSize(request);
    const rows = await this.#db.all<SharedRecord>(
      `SELECT ${columns} FROM record WHERE kind = $1 AND key > $2 AND expires_at > $3 ORDER BY key LIMIT $4`,
      kind,
      request.cursor ?? '',
      this.#time.now(),
      size + 1,
    );
    return toPage(rows, size, ({ key }) => key);
  }

  async remove(kind: RecordKind, key: string, version?: number): Promise<boolean> {
    checkRecordKind(kind);
    const sql =
      'DELETE FROM record WHERE kind = $1 AND key = $2 AND expires_at > $3 AND ($4::bigint IS NULL OR version = $4)';
    return (await this.#db.run(sql, kind, key, this.#time.now(), version ?? null)) > 0;
  }

  async #find(queries: Queries, kind: RecordKind, key: string): Promise<SharedRecord | undefined> {
    const sql = `SELECT ${columns} FROM record WHERE kind = $1 AND key = $2 AND expires_at > $3`;
    return queries.get<SharedRecord>(sql, kind, key, this.#time.now());
  }

  /** Rows that somebody else is at are left to him, so that no two wait for each other; the bound is passed by as many at most. */
  async #makeRoom(queries: Queries, kind: RecordKind, now: number): Promise<void> {
    await queries.run(
      `DELETE FROM record WHERE (kind, key) IN
         (SELECT kind, key FROM record WHERE kind = $1 AND expires_at <= $2 FOR UPDATE SKIP LOCKED)`,
      kind,
      now,
    );
    const { n = 0 } =
      (await queries.get<{ n: number }>('SELECT count(*) AS n FROM record WHERE kind = $1', kind)) ?? {};
    const excess = n - (recordLimits[kind].maxRows - 1);
    if (excess <= 0) return;
    await queries.run(
      `DELETE FROM record WHERE (kind, key) IN
         (SELECT kind, key FROM record WHERE kind = $1 ORDER BY expires_at, key DESC LIMIT $2 FOR UPDATE SKIP LOCKED)`,
      kind,
      excess,
    );
  }
}
