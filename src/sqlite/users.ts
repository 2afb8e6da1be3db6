// Users in the file. A change that takes rights away ends the sessions in the same transaction.
import type { Clock } from '../base/clock.ts';
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
import type { SqliteAuditLog } from './audit.ts';
import type { Database } from './database.ts';
import type { SqliteSessions } from './sessions.ts';
import type { SqliteTokens } from './tokens.ts';

type UserRow = Omit<User, 'disabled' | 'provider'> & { readonly disabled: number; readonly provider: string | null };
const columns = `id, name, role, password_digest AS passwordDigest, provider, disabled, created_at AS createdAt, version`;

type Parts = {
  readonly db: Database;
  readonly clock: Clock;
  readonly audit: SqliteAuditLog;
  readonly sessions: SqliteSessions;
  readonly tokens: SqliteTokens;
};

export class SqliteUsers implements Users {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #audit: SqliteAuditLog;
  readonly #sessions: SqliteSessions;
  readonly #tokens: SqliteTokens;

  constructor({ db, clock, audit, sessions, tokens }: Parts) {
    this.#db = db;
    this.#clock = clock;
    this.#audit = audit;
    this.#sessions = sessions;
    this.#tokens = tokens;
  }

  async create(wanted: UserToCreate, act: Act): Promise<User> {
    const { id, name, role, passwordDigest, provider = null } = wanted;
    const createdAt = this.#clock.now();
    const user = { id, name, role, passwordDigest, provider, disabled: false, createdAt, version: 1 };
    const providerColumn = providerText(provider);
    checkUser(user);
    return this.#db.write('full', () => {
      if (this.#find('id', id) !== undefined) throw new StoreProblem('duplicate', `there is a user with the id ${id}`);
      this.#refuseTaken(name);
      if (providerColumn !== null && this.#find('provider', providerColumn) !== undefined)
        throw new StoreProblem('duplicate', 'there is a user for this subject of the identity provider');
      const count = this.#db.get<{ n: number }>('SELECT count(*) AS n FROM user')?.n ?? 0;
      if (count >= maxUsers) throw new StoreProblem('full', `there are ${count} users; no more are allowed`);
      this.#db.run(
        `INSERT INTO user (id, name, role, password_digest, provider, disabled, created_at, version)
         VALUES (?, ?, ?, ?, ?, 0, ?, 1)`,
        id,
        name,
        role,
        passwordDigest,
        providerColumn,
        createdAt,
      );
      this.#audit.write(act, { action: 'user.create', ...userRow(user) });
      return user;
    });
  }

  async update(id: string, version: number, change: UserChange, act: Act): Promise<UserUpdated> {
    return this.#db.write('full', (): UserUpdated => {
      const before = this.#find('id', id);
      if (before === undefined) return { outcome: 'absent' };
      this.#audit.check(userRow(before));
      if (before.version !== version) return { outcome: 'stale', user: before };
      const { name = before.name, role = before.role, disabled = before.disabled } = change;
      const passwordDigest = change.passwordDigest === undefined ? before.passwordDigest : change.passwordDigest;
      const user = { ...before, name, role, passwordDigest, disabled, version: version + 1 };
      checkUser(user);
      if (name !== before.name) this.#refuseTaken(name);
      this.#db.run(
        'UPDATE user SET name = ?, role = ?, password_digest = ?, disabled = ?, version = ? WHERE id = ?',
        name,
        role,
        passwordDigest,
        disabled ? 1 : 0,
        user.version,
        id,
      );
      const detail = { changed: changedFields(before, user) };
      this.#audit.write(act, { action: 'user.update', ...userRow(user), detail });
      const endsSessions = role !== before.role || passwordDigest !== before.passwordDigest || disabled;
      if (endsSessions) this.#sessions.removeAllOf(id, act);
      return { outcome: 'updated', user };
    });
  }

  async remove(id: string, act: Act): Promise<boolean> {
    return this.#db.write('full', () => {
      if (this.#find('id', id) === undefined) return false;
      this.#sessions.removeAllOf(id, act);
      this.#tokens.removeAllOf(id, act);
      this.#db.run('DELETE FROM user WHERE id = ?', id);
      this.#audit.write(act, { action: 'user.remove', subject: `user/${id}`, row: 'gone' });
      return true;
    });
  }

  async find(id: string): Promise<User | undefined> {
    return this.#findChecked('id', id);
  }

  async findByName(name: string): Promise<User | undefined> {
    return this.#findChecked('name', name);
  }

  async findByProvider(provider: IdentityProvider): Promise<User | undefined> {
    return this.#findChecked('provider', providerText(provider) ?? '');
  }

  async list(request: PageRequest = {}): Promise<Page<User>> {
    const size = pageSize(request);
    const sql = `SELECT ${columns} FROM user WHERE name > ? ORDER BY name LIMIT ?`;
    const rows = this.#db.all<UserRow>(sql, request.cursor ?? '', size + 1);
    return toPage(rows.map(readUser), size, ({ name }) => name);
  }

  /** All of them, for `verify`. */
  *rows(): Generator<User, void, undefined> {
    for (const row of this.#db.each<UserRow>(`SELECT ${columns} FROM user`)) yield readUser(row);
  }

  /** Throws `altered`. */
  #findChecked(by: 'id' | 'name' | 'provider', value: string): User | undefined {
    const user = this.#find(by, value);
    if (user !== undefined) this.#audit.check(userRow(user));
    return user;
  }

  #find(by: 'id' | 'name' | 'provider', value: string): User | undefined {
    const row = this.#db.get<UserRow>(`SELECT ${columns} FROM user WHERE ${by} = ?`, value);
    return row && readUser(row);
  }

  #refuseTaken(name: string): void {
    if (this.#find('name', name) !== undefined) throw new StoreProblem('duplicate', `there is a user named ${name}`);
  }
}

function readUser(row: UserRow): User {
  return { ...row, provider: readProvider(row.provider), disabled: row.disabled !== 0 };
}
