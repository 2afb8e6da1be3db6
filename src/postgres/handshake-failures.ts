// Groups of failed handshakes in the database.
import { dayMs } from '../base/clock.ts';
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
import type { StoreTime } from './store-time.ts';

export class PostgresHandshakeFailures implements HandshakeFailures {
  readonly #db: Database;
  readonly #time: StoreTime;

  constructor(db: Database, time: StoreTime) {
    this.#db = db;
    this.#time = time;
  }

  async record(failures: readonly HandshakeFailure[]): Promise<void> {
    if (failures.length > maxChanges) throw new StoreProblem('invalid', `${failures.length} groups at once`);
    const now = this.#time.now();
    const rows = groupUp(failures, now);
    await this.#db.write('normal', async (queries) => {
      // In one order by all who write, so that no two wait for each other.
      await queries.run(
        `INSERT INTO handshake_failure AS known (gateway, side, code, peer, count, first_at, last_at, sample)
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[])
           AS new (gateway, side, code, peer, count, first_at, last_at, sample) ORDER BY gateway, side, code, peer
         ON CONFLICT (gateway, side, code, peer) DO UPDATE SET
           count = known.count + excluded.count, first_at = least(known.first_at, excluded.first_at),
           sample = CASE WHEN excluded.last_at >= known.last_at THEN excluded.sample ELSE known.sample END,
           last_at = greatest(known.last_at, excluded.last_at)`,
        rows.map(({ gateway }) => gateway),
        rows.map(({ side }) => side),
        rows.map(({ code }) => code),
        rows.map(({ peer }) => peer),
        rows.map(({ count }) => count),
        rows.map(({ firstAt }) => firstAt),
        rows.map(({ lastAt }) => lastAt),
        rows.map(({ sample }) => sample),
      );
      await queries.run('DELETE FROM handshake_failure WHERE last_at < $1', now - handshakeFailureDays * dayMs);
      await queries.run(
        `DELETE FROM handshake_failure WHERE id IN
           (SELECT id FROM handshake_failure ORDER BY last_at DESC, id DESC OFFSET $1)`,
        maxHandshakeFailures,
      );
    });
  }

  async list(filter: HandshakeFilter = {}): Promise<Page<HandshakeFailure>> {
    const size = pageSize(filter);
    const [lastAt, rowId] = readFailureCursor(filter.cursor);
    const rows = await this.#db.all<KeptFailure>(
      `SELECT gateway, side, code, peer, count, first_at AS "firstAt", last_at AS "lastAt", sample, id AS "rowId"
       FROM handshake_failure WHERE (last_at, id) < ($1::bigint, $2::bigint) AND last_at >= $3
       AND ($4::text IS NULL OR gateway = $4) AND ($5::text IS NULL OR side = $5) AND ($6::text IS NULL OR code = $6)
       AND ($8::text IS NULL OR peer = $8) ORDER BY last_at DESC, id DESC LIMIT $7`,
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
}

type Group = Omit<KeptFailure, 'rowId'>;

/** One statement may touch a row once only: what is twice in a report is added up here. */
function groupUp(failures: readonly HandshakeFailure[], now: number): Group[] {
  const groups = new Map<string, Group>();
  for (const failure of failures) {
    const sample = checkFailure(failure);
    // Of a gateway whose clock is ahead: it would never be too old.
    const one = { ...failure, sample, lastAt: Math.min(failure.lastAt, now) };
    const key = JSON.stringify([one.gateway, one.side, one.code, one.peer]);
    const other = groups.get(key);
    groups.set(key, other === undefined ? one : join(other, one));
  }
  return [...groups.values()];
}

function join(one: Group, other: Group): Group {
  const newest = other.lastAt >= one.lastAt ? other : one;
  return { ...newest, count: one.count + other.count, firstAt: Math.min(one.firstAt, other.firstAt) };
}
