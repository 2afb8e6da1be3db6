// The store in a file: SQLite as it comes with Node. Calls are synchronous underneath, so a process that must not wait for a
// disk only reads here; other processes may have the same file open.
import type { Clock } from '../base/clock.ts';
import type { Opener } from '../store/seal.ts';
import type { Store } from '../store/store.ts';
import type { StoreFinding } from '../store/verify.ts';
import { SqliteAuditLog } from './audit.ts';
import { backupDatabase } from './backup.ts';
import type { Database } from './database.ts';
import { SqliteGateways } from './gateways.ts';
import { SqliteHandshakeFailures } from './handshake-failures.ts';
import { SqliteIdempotencyKeys } from './idempotency-keys.ts';
import { openDatabase, type OpenOptions } from './open-database.ts';
import { SqliteRecords } from './records.ts';
import { RevisionWatch } from './revision-watch.ts';
import { SqliteRevisions } from './revisions.ts';
import { SqliteSealedBlobs } from './sealed.ts';
import { SqliteSessions } from './sessions.ts';
import { SqliteTokens } from './tokens.ts';
import { SqliteUsers } from './users.ts';
import { verifyDatabase } from './verify-database.ts';

/** Rejects with a StoreProblem where the file cannot be opened, may not be, or is none of ours. */
export async function openSqliteStore(options: OpenOptions & { readonly clock: Clock }): Promise<Store> {
  return new SqliteStore(openDatabase(options), options.clock);
}

class SqliteStore implements Store {
  readonly audit: SqliteAuditLog;
  readonly revisions: SqliteRevisions;
  readonly sealed: SqliteSealedBlobs;
  readonly sessions: SqliteSessions;
  readonly tokens: SqliteTokens;
  readonly users: SqliteUsers;
  readonly gateways: SqliteGateways;
  readonly handshakeFailures: SqliteHandshakeFailures;
  readonly idempotencyKeys: SqliteIdempotencyKeys;
  readonly records: SqliteRecords;
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #watch: RevisionWatch;

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
    this.#watch = new RevisionWatch(db, clock);
    this.audit = new SqliteAuditLog(db, clock);
    this.revisions = new SqliteRevisions({ db, clock, audit: this.audit, watch: this.#watch });
    this.sealed = new SqliteSealedBlobs(db, clock, this.audit);
    this.sessions = new SqliteSessions(db, clock, this.audit);
    this.tokens = new SqliteTokens(db, clock, this.audit);
    this.users = new SqliteUsers({ db, clock, audit: this.audit, sessions: this.sessions, tokens: this.tokens });
    this.gateways = new SqliteGateways(db, clock, this.audit);
    this.handshakeFailures = new SqliteHandshakeFailures(db, clock);
    this.idempotencyKeys = new SqliteIdempotencyKeys(db, clock);
    this.records = new SqliteRecords(db, clock);
  }

  /** A file is on one machine. */
  async now(): Promise<number> {
    return this.#clock.now();
  }

  async verify(opener?: Opener): Promise<readonly StoreFinding[]> {
    return verifyDatabase(this.#db, this, opener);
  }

  async backup(path: string): Promise<void> {
    await backupDatabase(this.#db, path);
  }

  async close(): Promise<void> {
    this.#watch.stop();
    this.#db.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
