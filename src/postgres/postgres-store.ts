// The store in a PostgreSQL database, which several gateways share. Nothing here waits without an end, and nothing of it is on the way of traffic.
import type { Clock } from '../base/clock.ts';
import type { Opener } from '../store/seal.ts';
import type { Store } from '../store/store.ts';
import type { StoreFinding } from '../store/verify.ts';
import { PostgresAuditLog } from './audit.ts';
import { type BackupTables, copyTables } from './copy-tables.ts';
import { Connection, type ConnectOptions, defaultConnectMs, defaultQueryMs } from './connection.ts';
import { Database } from './database.ts';
import { PostgresGateways } from './gateways.ts';
import { PostgresHandshakeFailures } from './handshake-failures.ts';
import { PostgresIdempotencyKeys } from './idempotency-keys.ts';
import { migrate } from './migrate.ts';
import { Pool } from './pool.ts';
import { PostgresRecords } from './records.ts';
import { RevisionWatch } from './revision-watch.ts';
import { PostgresRevisions } from './revisions.ts';
import { PostgresSealedBlobs } from './sealed.ts';
import { PostgresSessions } from './sessions.ts';
import { StoreTime } from './store-time.ts';
import { PostgresTokens } from './tokens.ts';
import { PostgresUsers } from './users.ts';
import { type VerifiedSoFar, verifyDatabase } from './verify-database.ts';

export type OpenOptions = Pick<ConnectOptions, 'address' | 'access' | 'connectMs' | 'queryMs' | 'lockMs'> & {
  readonly clock: Clock;
  /** What of the gateway it is, for pg_stat_activity. */
  readonly applicationName?: string;
  /** With it `verify` goes on from where this process was before. */
  readonly soFar?: VerifiedSoFar;
  /** By default times are those of the database. */
  readonly times?: 'database' | 'ours';
  /** Writes a backup; without it there is none. */
  readonly backup?: BackupTables;
};

/** Few for each process: many gateways share the server. */
const maxConnections = 3;

/** Rejects with a StoreProblem where the database cannot be had, may not be, or holds none of ours. With `write` it is made. */
export async function openPostgresStore(options: OpenOptions): Promise<Store> {
  const store = new PostgresStore(options);
  try {
    await store.prepare();
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

class PostgresStore implements Store {
  readonly audit: PostgresAuditLog;
  readonly revisions: PostgresRevisions;
  readonly sealed: PostgresSealedBlobs;
  readonly sessions: PostgresSessions;
  readonly tokens: PostgresTokens;
  readonly users: PostgresUsers;
  readonly gateways: PostgresGateways;
  readonly handshakeFailures: PostgresHandshakeFailures;
  readonly records: PostgresRecords;
  readonly idempotencyKeys: PostgresIdempotencyKeys;
  readonly #options: OpenOptions;
  readonly #time: StoreTime;
  readonly #pool: Pool;
  readonly #db: Database;
  readonly #watch: RevisionWatch;

  constructor(options: OpenOptions) {
    this.#options = options;
    const { clock, connectMs = defaultConnectMs, queryMs = defaultQueryMs, times = 'database' } = options;
    const time = new StoreTime(clock);
    this.#time = time;
    const applicationName = options.applicationName ?? 'countersign';
    const open = async (): Promise<Connection> => {
      const connection = await Connection.open({ ...options, applicationName, connectMs, queryMs });
      if (times === 'database') time.note(connection.serverNow);
      return connection;
    };
    this.#pool = new Pool({ open, clock, size: maxConnections, waitMs: queryMs });
    const db = new Database(this.#pool, options.access === 'write');
    this.#db = db;
    this.#watch = new RevisionWatch(open, clock);
    this.audit = new PostgresAuditLog(db, time);
    this.revisions = new PostgresRevisions({ db, time, audit: this.audit, watch: this.#watch });
    this.sealed = new PostgresSealedBlobs(db, time, this.audit);
    this.sessions = new PostgresSessions(db, time, this.audit);
    this.tokens = new PostgresTokens(db, time, this.audit);
    this.users = new PostgresUsers({ db, time, audit: this.audit, sessions: this.sessions, tokens: this.tokens });
    this.gateways = new PostgresGateways(db, time, this.audit);
    this.handshakeFailures = new PostgresHandshakeFailures(db, time);
    this.records = new PostgresRecords(db, time);
    this.idempotencyKeys = new PostgresIdempotencyKeys(db, time);
  }

  async prepare(): Promise<void> {
    await this.#pool.use(async (connection) => migrate(connection, this.#options.access === 'write'));
  }

  async now(): Promise<number> {
    return this.#time.now();
  }

  async verify(opener?: Opener): Promise<readonly StoreFinding[]> {
    const { soFar, clock } = this.#options;
    return verifyDatabase(this.#db, this, { opener, soFar, now: clock.monotonic() });
  }

  async backup(path: string): Promise<void> {
    await this.#db.read(async (queries) => copyTables(queries, path, this.#options.backup));
  }

  async close(): Promise<void> {
    this.#watch.stop();
    await this.#db.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
