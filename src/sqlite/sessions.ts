// Sessions in the file: by the digest of what the browser holds. What has expired is not found, and is taken away with the
// next one that begins.
import type { Clock } from '../base/clock.ts';
import { type Session, sessionRow, type Sessions } from '../store/accounts.ts';
import { type Digest, parseDigest } from '../store/digest.ts';
import { maxSessionsPerUser } from '../store/limits.ts';
import { type Act, checkCount } from '../store/names.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { SqliteAuditLog } from './audit.ts';
import type { Database } from './database.ts';

const columns = `digest, user_id AS userId, created_at AS createdAt, expires_at AS expiresAt, used_at AS usedAt`;

export class SqliteSessions implements Sessions {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #audit: SqliteAuditLog;

  constructor(db: Database, clock: Clock, audit: SqliteAuditLog) {
    this.#db = db;
    this.#clock = clock;
    this.#audit = audit;
  }

  async create(
    wanted: Pick<Session, 'digest' | 'userId' | 'expiresAt'> & { readonly userVersion?: number },
    act: Act,
  ): Promise<Session> {
    const { userId, expiresAt, userVersion } = wanted;
    const digest = parseDigest(wanted.digest, 'the digest of a session');
    checkCount(expiresAt, 'the end of a session');
    const now = this.#clock.now();
    const session = { digest, userId, createdAt: now, expiresAt, usedAt: now };
    return this.#db.write('full', () => {
      this.#db.run('DELETE FROM session WHERE expires_at <= ?', now);
      const sought = 'SELECT disabled, version FROM user WHERE id = ?';
      const user = this.#db.get<{ disabled: number; version: number }>(sought, userId);
      if (user?.disabled !== 0) throw new StoreProblem('invalid', 'a session needs a user who may log in');
      if (userVersion !== undefined && userVersion !== user.version)
        throw new StoreProblem('invalid', 'the user has changed since the password was verified');
      if (this.#get(digest) !== undefined) throw new StoreProblem('duplicate', 'there is a session of this digest');
      const sql = 'INSERT INTO session (digest, user_id, created_at, expires_at, used_at) VALUES (?, ?, ?, ?, ?)';
      this.#makeRoom(userId, act);
      this.#db.run(sql, digest, userId, now, expiresAt, now);
      this.#audit.write(act, { action: 'session.create', ...sessionRow(session), detail: { userId } });
      return session;
    });
  }

  async find(digest: Digest): Promise<Session | undefined> {
    const session = this.#get(digest);
    if (session === undefined || session.expiresAt <= this.#clock.now()) return undefined;
    this.#audit.check(sessionRow(session));
    return session;
  }

  async touch(digest: Digest): Promise<void> {
    const sql = 'UPDATE session SET used_at = ? WHERE digest = ?';
    this.#db.write('normal', () => this.#db.run(sql, this.#clock.now(), digest));
  }

  async list(userId: string): Promise<readonly Session[]> {
    const sql = `SELECT ${columns} FROM session WHERE user_id = ? AND expires_at > ? ORDER BY used_at DESC, digest`;
    return this.#db.all<Session>(sql, userId, this.#clock.now()).map((row) => ({ ...row }));
  }

  async remove(digest: Digest, act: Act): Promise<boolean> {
    return this.#db.write('full', () => this.#remove(digest, act));
  }

  async removeOfUser(userId: string, act: Act): Promise<number> {
    return this.#db.write('full', () => this.removeAllOf(userId, act));
  }

  /** Within a transaction that writes. */
  removeAllOf(userId: string, act: Act): number {
    const rows = this.#db.all<{ digest: Digest }>('SELECT digest FROM session WHERE user_id = ?', userId);
    for (const { digest } of rows) this.#remove(digest, act);
    return rows.length;
  }

  /** All of them, for `verify`. */
  *rows(): Generator<Session, void, undefined> {
    yield* this.#db.each<Session>(`SELECT ${columns} FROM session`);
  }

  #makeRoom(userId: string, act: Act): void {
    const sql = 'SELECT digest FROM session WHERE user_id = ? ORDER BY used_at DESC, digest LIMIT -1 OFFSET ?';
    for (const { digest } of this.#db.all<{ digest: Digest }>(sql, userId, maxSessionsPerUser - 1)) {
      this.#remove(digest, act);
    }
  }

  #get(digest: Digest): Session | undefined {
    const row = this.#db.get<Session>(`SELECT ${columns} FROM session WHERE digest = ?`, digest);
    return row && { ...row };
  }

  #remove(digest: Digest, act: Act): boolean {
    if (this.#db.run('DELETE FROM session WHERE digest = ?', digest) === 0) return false;
    this.#audit.write(act, { action: 'session.remove', subject: `session/${digest}`, row: 'gone' });
    return true;
  }
}
