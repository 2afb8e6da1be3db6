// Users in the database. A change that takes rights away ends the sessions in the same transaction.
import {
  changedFields,
  checkUser,
  type IdentityProvider,
  providerText,
  readProvider,
  type User,
  type UserChange,
  userRow,
  type Users,
  type UserToCreate,
  type UserUpdated,
} from '../store/accounts.ts';
import { maxUsers } from '../store/limits.ts';
import type { Act } from '../store/names.ts';
import { type Page, type PageRequest, pageSize, toPage } from '../store/page.ts';
import { StoreProblem } from '../store/store-problem.ts';
import { checkLogged, type Logged, loggedAs, type PostgresAuditLog } from './audit.ts';
import { batchRows, inBatches } from './batches.ts';
import type { Database, Queries } from './database.ts';
import type { PostgresSessions } from './sessions.ts';
import type { StoreTime } from './store-time.ts';
import type { PostgresTokens } from './tokens.ts';

type UserRow = Omit<User, 'provider'> & { readonly provider: string | null };
const columns = `id, name, role, password_digest AS "passwordDigest", provider, disabled, created_at AS "createdAt", version`;

type Parts = {
  readonly db: Database;
  readonly time: StoreTime;
  readonly audit: PostgresAuditLog;
  readonly sessions: PostgresSessions;
  readonly tokens: PostgresTokens;
};

export class PostgresUsers implements Users {
  readonly #db: Database;
  readonly #time: StoreTime;
  readonly #audit: PostgresAuditLog;
  readonly #sessions: PostgresSessions;
  readonly #tokens: PostgresTokens;

  constructor({ db, time, audit, sessions, tokens }: Parts) {
    this.#db = db;
    this.#time = time;
    this.#audit = audit;
    this.#sessions = sessions;
    this.#tokens = tokens;
  }

  async create(wanted: UserToCreate, act: Act): Promise<User> {
    const { id, name, role, passwordDigest, provider = null } = wanted;
    const createdAt = this.#time.now();
    const user = { id, name, role, passwordDigest, provider, disabled: false, createdAt, version: 1 };
    const providerColumn = providerText(provider);
    checkUser(user);
    return this.#db.write('full', async (queries) => {
      if ((await find(queries, 'id', id)) !== undefined)
        throw new StoreProblem('duplicate', `there is a user with the id ${id}`);
      await refuseTaken(queries, name);
      if (providerColumn !== null && (await find(queries, 'provider', providerColumn)) !== undefined)
        throw new StoreProblem('duplicate', 'there is a user for this subject of the identity provider');
      const count = (await queries.get<{ n: number }>('SELECT count(*) AS n FROM account'))?.n ?? 0;
      if (count >= maxUsers) throw new StoreProblem('full', `there are ${count} users; no more are allowed`);
      await queries.run(
        `INSERT INTO account (id, name, role, password_digest, provider, disabled, created_at, version)
         VALUES ($1, $2, $3, $4, $5, false, $6, 1)`,
        id,
        name,
        role,
        passwordDigest,
        providerColumn,
        createdAt,
      );
      await this.#audit.write(queries, act, { action: 'user.create', ...userRow(user) });
      return user;
    });
  }

  async update(id: string, version: number, change: UserChange, act: Act): Promise<UserUpdated> {
    return this.#db.write('full', async (queries): Promise<UserUpdated> => {
      const before = await findChecked(queries, 'id', id);
      if (before === undefined) return { outcome: 'absent' };
      if (before.version !== version) return { outcome: 'stale', user: before };
      const { name = before.name, role = before.role, disabled = before.disabled } = change;
      const passwordDigest = change.passwordDigest === undefined ? before.passwordDigest : change.passwordDigest;
      const user = { ...before, name, role, passwordDigest, disabled, version: version + 1 };
      checkUser(user);
      if (name !== before.name) await refuseTaken(queries, name);
      await queries.run(
        'UPDATE account SET name = $1, role = $2, password_digest = $3, disabled = $4, version = $5 WHERE id = $6',
        name,
        role,
        passwordDigest,
        disabled,
        user.version,
        id,
      );
      const detail = { changed: changedFields(before, user) };
      await this.#audit.write(queries, act, { action: 'user.update', ...userRow(user), detail });
      const endsSessions = role !== before.role || passwordDigest !== before.passwordDigest || disabled;
      if (endsSessions) await this.#sessions.removeAllOf(queries, id, act);
      return { outcome: 'updated', user };
    });
  }

  async remove(id: string, act: Act): Promise<boolean> {
    return this.#db.write('full', async (queries) => {
      if ((await find(queries, 'id', id)) === undefined) return false;
      await this.#sessions.removeAllOf(queries, id, act);
      await this.#tokens.removeAllOf(queries, id, act);
      await queries.run('DELETE FROM account WHERE id = $1', id);
      await this.#audit.write(queries, act, { action: 'user.remove', subject: `user/${id}`, row: 'gone' });
      return true;
    });
  }

  async find(id: string): Promise<User | undefined> {
    return findChecked(this.#db, 'id', id);
  }

  async findByName(name: string): Promise<User | undefined> {
    return findChecked(this.#db, 'name', name);
  }

  async findByProvider(provider: IdentityProvider): Promise<User | undefined> {
    return findChecked(this.#db, 'provider', providerText(provider) ?? '');
  }

  async list(request: PageRequest = {}): Promise<Page<User>> {
    const size = pageSize(request);
    const sql = `SELECT ${columns} FROM account WHERE name > $1 ORDER BY name LIMIT $2`;
    const rows = await this.#db.all<UserRow>(sql, request.cursor ?? '', size + 1);
    return toPage(rows.map(readUser), size, ({ name }) => name);
  }

  /** All of them, for `verify`. */
  async *rows(queries: Queries): AsyncGenerator<User, void, undefined> {
    const sql = `SELECT ${columns} FROM account WHERE id > $1 ORDER BY id LIMIT ${batchRows}`;
    const read = async (after: string) => queries.all<UserRow>(sql, after);
    for await (const row of inBatches<UserRow, string>('', batchRows, read, ({ id }) => id)) yield readUser(row);
  }
}

/** Rejects with `altered`. */
async function findChecked(queries: Queries, by: 'id' | 'name' | 'provider', value: string): Promise<User | undefined> {
  const sql = `SELECT ${columns}, ${loggedAs(`'user/' || id`)} FROM account WHERE ${by} = $1`;
  const found = await queries.get<UserRow & Logged>(sql, value);
  if (found === undefined) return undefined;
  const { logged, ...row } = found;
  const user = readUser(row);
  checkLogged(userRow(user), logged);
  return user;
}

async function find(queries: Queries, by: 'id' | 'name' | 'provider', value: string): Promise<User | undefined> {
  const row = await queries.get<UserRow>(`SELECT ${columns} FROM account WHERE ${by} = $1`, value);
  return row && readUser(row);
}

async function refuseTaken(queries: Queries, name: string): Promise<void> {
  if ((await find(queries, 'name', name)) !== undefined)
    throw new StoreProblem('duplicate', `there is a user named ${name}`);
}

function readUser(row: UserRow): User {
  return { ...row, provider: readProvider(row.provider) };
}
