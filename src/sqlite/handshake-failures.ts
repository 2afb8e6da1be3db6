// Groups of failed handshakes in the file.
import { type Clock, dayMs } from '../base/clock.ts';
import {
  checkFailure,
  cursorOfFailure,
  type HandshakeFailure,
  type HandshakeFailures,
  type HandshakeFilter,
  type KeptFailure,
  readFailure,
  readFailureCursor,
} from '../store/handshake-failures.ts';
import { handshakeFailureDays, maxChanges, maxHandshakeFailures } from '../store/limits.ts';
import { type Page, pageSize, toPage } from '../store/page.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { Database } from './database.ts';

export class SqliteHandshakeFailures implements HandshakeFailures {
  readonly #db: Database;
  readonly #clock: Clock;

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  async record(failures: readonly HandshakeFailure[]): Promise<void> {
    if (failures.length > maxChanges) throw new StoreProblem('invalid', `${failures.length} groups at once`);
    const now = this.#clock.now();
    const rows = failures.map((failure) => ({
      ...failure,
      // Of a gateway whose clock is ahead: it would never be too old.
      lastAt: Math.min(failure.lastAt, now),
      sample: checkFailure(failure),
    }));
    this.#db.write('normal', () => {
      for (const row of rows) this.#add(row);
      const oldest = now - handshakeFailureDays * dayMs;
      this.#db.run('DELETE FROM handshake_failure WHERE last_at < ?', oldest);
      this.#db.run(
        `DELETE FROM handshake_failure WHERE id IN
           (SELECT id FROM handshake_failure ORDER BY last_at DESC, id DESC LIMIT -1 OFFSET ?)`,
        maxHandshakeFailures,
      );
    });
  }

  async list(filter: HandshakeFilter = {}): Promise<Page<HandshakeFailure>> {
    const size = pageSize(filter);
    const [lastAt, rowId] = readFailureCursor(filter.cursor);
    const rows = this.#db.all<KeptFailure>(
      `SELECT gateway, side, code, peer, count, first_at AS firstAt, last_at AS lastAt, sample, id AS rowId
       FROM handshake_failure WHERE (last_at, id) < (?1, ?2) AND last_at >= ?3 AND (?4 IS NULL OR gateway = ?4)
       AND (?5 IS NULL OR side = ?5) AND (?6 IS NULL OR code = ?6) AND (?8 IS NULL OR peer = ?8)
       ORDER BY last_at DESC, id DESC LIMIT ?7`,
      lastAt,
      rowId,
      filter.since ?? 0,
      filter.gateway ?? null,
      filter.side ?? null,
      filter.code ?? null,
      size + 1,
      filter.peer ?? null,
    );
    const { items, ...next } = toPage(rows, size, cursorOfFailure);
    return { items: items.map(readFailure), ...next };
  }

  #add({ gateway, side, code, peer, count, firstAt, lastAt, sample }: Omit<KeptFailure, 'rowId'>): void {
    this.#db.run(
      `INSERT INTO handshake_failure (gateway, side, code, peer, count, first_at, last_at, sample)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (gateway, side, code, peer) DO UPDATE SET
       count = count + excluded.count, first_at = min(first_at, excluded.first_at),
       sample = CASE WHEN excluded.last_at >= last_at THEN excluded.sample ELSE sample END,
       last_at = max(last_at, excluded.last_at)`,
      gateway,
      side,
      code,
      peer,
      count,
      firstAt,
      lastAt,
      sample,
    );
  }
}
