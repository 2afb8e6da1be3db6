// Shared records in the file.
import type { Clock } from '../base/clock.ts';
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
import type { Database } from './database.ts';

const columns = 'kind, key, gateway, bytes, at, expires_at AS expiresAt, version';

export class SqliteRecords implements SharedRecords {
  readonly #db: Database;
  readonly #clock: Clock;

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  async put(wanted: RecordToPut): Promise<RecordPut> {
    checkRecord(wanted);
    const { kind, key, gateway, bytes, lastsMs } = wanted;
    return this.#db.write('normal', (): RecordPut => {
      const at = this.#clock.now();
      this.#db.run('DELETE FROM record WHERE kind = ? AND expires_at <= ?', kind, at);
      const before = this.#find(kind, key);
      const version = before?.version ?? 0;
      if (wanted.version !== undefined && wanted.version !== version) return { outcome: 'stale', record: before };
      const record = { kind, key, gateway, bytes, at, expiresAt: at + lastsMs, version: version + 1 };
      if (before === undefined) this.#makeRoom(kind);
      this.#db.run(
        `INSERT OR REPLACE INTO record (kind, key, gateway, bytes, at, expires_at, version) VALUES (?, ?, ?, ?, ?, ?, ?)`,
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
    return this.#find(kind, key);
  }

  async list(kind: RecordKind, request: PageRequest = {}): Promise<Page<SharedRecord>> {
    checkRecordKind(kind);
    const size = pageSize(request);
    const rows = this.#db.all<SharedRecord>(
      `SELECT ${columns} FROM record WHERE kind = ? AND key > ? AND expires_at > ? ORDER BY key LIMIT ?`,
      kind,
      request.cursor ?? '',
      this.#clock.now(),
      size + 1,
    );
    return toPage(rows.map(plain), size, ({ key }) => key);
  }

  async remove(kind: RecordKind, key: string, version?: number): Promise<boolean> {
    checkRecordKind(kind);
    return this.#db.write('normal', () => {
      const before = this.#find(kind, key);
      if (before === undefined || (version !== undefined && before.version !== version)) return false;
      return this.#db.run('DELETE FROM record WHERE kind = ? AND key = ?', kind, key) > 0;
    });
  }

  #find(kind: RecordKind, key: string): SharedRecord | undefined {
    const sql = `SELECT ${columns} FROM record WHERE kind = ? AND key = ? AND expires_at > ?`;
    const row = this.#db.get<SharedRecord>(sql, kind, key, this.#clock.now());
    return row && plain(row);
  }

  #makeRoom(kind: RecordKind): void {
    this.#db.run(
      `DELETE FROM record WHERE kind = ?1 AND key IN
         (SELECT key FROM record WHERE kind = ?1 ORDER BY expires_at DESC, key LIMIT -1 OFFSET ?2)`,
      kind,
      recordLimits[kind].maxRows - 1,
    );
  }
}

/** Rows have no prototype, which surprises who compares them. */
function plain(row: SharedRecord): SharedRecord {
  return { ...row };
}
