// Sessions in the database: by the digest of what the browser holds. What has expired is not found, and is taken away with the
// next one that begins.
import { type Session, sessionRow, type Sessions } from '../store/accounts.ts';
import { type Digest, parseDigest } from '../store/digest.ts';
import { maxSessionsPerUser } from '../store/limits.ts';
import { type Act, checkCount } from '../store/names.ts';
import { StoreProblem } from '../store/store-problem.ts';
import { checkLogged, type Logged, loggedAs, type PostgresAuditLog } from './audit.ts';
import { batchRows, inBatches } from './batches.ts';
import type { Database, Queries } from './database.ts';
import type { StoreTime } from './store-time.ts';

const columns =
  'digest, user_id AS "userId", created_at AS "createdAt", expires_at AS "expiresAt", used_at AS "usedAt"';

export class PostgresSessions implements Sessions {
  readonly #db: Database;
  readonly #time: StoreTime;
  readonly #audit: PostgresAuditLog;

  constructor(db: Database, time: StoreTime, audit: PostgresAuditLog) {
    this.#db = db;
    this.#time = time;
    this.#audit = audit;
  }

  async create(
    wanted: Pick<Session, 'digest' | 'userId' | 'expiresAt'> & { readonly userVersion?: number },
    act: Act,
  ): Promise<Session> {
    const { userId, expiresAt, userVersion } = wanted;
    const digest = parseDigest(wanted.digest, 'the digest of a session');
    checkCount(expiresAt, 'the end of a session');
    const now = this.#time.now();
    const session = { digest, userId, createdAt: now, expiresAt, usedAt: now };
    return this.#db.write('full', async (queries) => {
      await queries.run('DELETE FROM session WHERE expires_at <= $1', now);
      const sought = 'SELECT disabled, version FROM account WHERE id = $1';
      const user = await queries.get<{ disabled: boolean; version: number }>(sought, userId);
      if (user?.disabled !== false) throw new StoreProblem('invalid', 'a session needs a user who may log in');
      if (userVersion !== undefined && userVersion !== user.version)
        throw new StoreProblem('invalid', 'the user has changed since the password was verified');
      if ((await queries.get('SELECT 1 FROM session WHERE digest = $1', digest)) !== undefined)
        throw new StoreProblem('duplicate', 'there is a session of this digest');
      await this.#makeRoom(queries, userId, act);
      const sql = 'INSERT INTO session (digest, user_id, created_at, expires_at, used_at) VALUES ($1, $2, $3, $4, $5)';
      await queries.run(sql, digest, userId, now, expiresAt, now);
      await this.#audit.write(queries, act, { action: 'session.create', ...sessionRow(session), detail: { userId } });
      return session;
    });
  }

  async find(digest: Digest): Promise<Session | undefined> {
    const sql = `SELECT ${columns}, ${loggedAs(`'session/' || digest`)} FROM session WHERE digest = $1`;
    const found = await this.#db.get<Session & Logged>(sql, digest);
    if (found === undefined || found.expiresAt <= this.#time.now()) return undefined;
    const { logged, ...session } = found;
    checkLogged(sessionRow(session), logged);
    return session;
  }

  async touch(digest: Digest): Promise<void> {
    await this.#db.run('UPDATE session SET used_at = $1 WHERE digest = $2', this.#time.now(), digest);
  }

  async list(userId: string): Promise<readonly Session[]> {
    const sql = `SELECT ${columns} FROM session WHERE user_id = $1 AND expires_at > $2 ORDER BY used_at DESC, digest`;
    return this.#db.all<Session>(sql, userId, this.#time.now());
  }

  async remove(digest: Digest, act: Act): Promise<boolean> {
    return this.#db.write('full', async (queries) => this.#remove(queries, digest, act));
  }

  async removeOfUser(userId: string, act: Act): Promise<number> {
    return this.#db.write('full', async (queries) => this.removeAllOf(queries, userId, act));
  }

  /** Within a transaction that writes in full. */
  async removeAllOf(queries: Queries, userId: string, act: Act): Promise<number> {
    const rows = await queries.all<{ digest: Digest }>('SELECT digest FROM session WHERE user_id = $1', userId);
    for (const { digest } of rows) await this.#remove(queries, digest, act);
    return rows.length;
  }

  /** All of them, for `verify`. */
  async *rows(queries: Queries): AsyncGenerator<Session, void, undefined> {
    const sql = `SELECT ${columns} FROM session WHERE digest > $1 ORDER BY digest LIMIT ${batchRows}`;
    const read = async (after: string) => queries.all<Session>(sql, after);
    yield* inBatches<Session, string>('', batchRows, read, ({ digest }) => digest);
  }

  async #makeRoom(queries: Queries, userId: string, act: Act): Promise<void> {
    const sql = 'SELECT digest FROM session WHERE user_id = $1 ORDER BY used_at DESC, digest OFFSET $2';
    for (const { digest } of await queries.all<{ digest: Digest }>(sql, userId, maxSessionsPerUser - 1)) {
      await this.#remove(queries, digest, act);
    }
  }

  async #remove(queries: Queries, digest: Digest, act: Act): Promise<boolean> {
    if ((await queries.run('DELETE FROM session WHERE digest = $1', digest)) === 0) return false;
    await this.#audit.write(queries, act, { action: 'session.remove', subject: `session/${digest}`, row: 'gone' });
    return true;
  }
}
