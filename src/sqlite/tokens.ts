// Tokens of the API in the file, by digest.
import type { Clock } from '../base/clock.ts';
import { checkToken, readScopes, type Token, tokenRow, type Tokens } from '../store/accounts.ts';
import { canonicalJson } from '../store/canonical-json.ts';
import type { Digest } from '../store/digest.ts';
import { maxTokens } from '../store/limits.ts';
import type { Act } from '../store/names.ts';
import { type Page, type PageRequest, pageSize, toPage } from '../store/page.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { SqliteAuditLog } from './audit.ts';
import type { Database } from './database.ts';

type TokenRow = Omit<Token, 'scopes'> & { readonly scopes: string };
const columns = `id, digest, user_id AS userId, name, scopes, created_at AS createdAt, expires_at AS expiresAt,
  used_at AS usedAt`;

export class SqliteTokens implements Tokens {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #audit: SqliteAuditLog;

  constructor(db: Database, clock: Clock, audit: SqliteAuditLog) {
    this.#db = db;
    this.#clock = clock;
    this.#audit = audit;
  }

  async create(wanted: Omit<Token, 'createdAt' | 'usedAt'>, act: Act): Promise<Token> {
    const { id, digest, userId, name, scopes, expiresAt } = wanted;
    const token = { id, digest, userId, name, scopes, expiresAt, createdAt: this.#clock.now(), usedAt: null };
    checkToken(token);
    return this.#db.write('full', () => {
      const taken = 'SELECT 1 FROM token WHERE id = ? OR digest = ?';
      if (this.#db.get(taken, id, digest) !== undefined) throw new StoreProblem('duplicate', 'there is such a token');
      if (this.#db.get('SELECT 1 FROM user WHERE id = ?', userId) === undefined) {
        throw new StoreProblem('invalid', 'a token belongs to a user who is there');
      }
      const count = this.#db.get<{ n: number }>('SELECT count(*) AS n FROM token')?.n ?? 0;
      if (count >= maxTokens) throw new StoreProblem('full', `there are ${count} tokens; no more are allowed`);
      this.#db.run(
        `INSERT INTO token (id, digest, user_id, name, scopes, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
        id,
        digest,
        userId,
        name,
        canonicalJson(scopes),
        token.createdAt,
        expiresAt,
      );
      this.#audit.write(act, { action: 'token.create', ...tokenRow(token), detail: { name, userId } });
      return token;
    });
  }

  async find(digest: Digest): Promise<Token | undefined> {
    const row = this.#db.get<TokenRow>(`SELECT ${columns} FROM token WHERE digest = ?`, digest);
    if (row === undefined || row.expiresAt <= this.#clock.now()) return undefined;
    const token = readToken(row);
    this.#audit.check(tokenRow(token));
    return token;
  }

  async touch(digest: Digest): Promise<void> {
    const sql = 'UPDATE token SET used_at = ? WHERE digest = ?';
    this.#db.write('normal', () => this.#db.run(sql, this.#clock.now(), digest));
  }

  async list(request: PageRequest = {}): Promise<Page<Token>> {
    const size = pageSize(request);
    const sql = `SELECT ${columns} FROM token WHERE id > ? ORDER BY id LIMIT ?`;
    const rows = this.#db.all<TokenRow>(sql, request.cursor ?? '', size + 1);
    return toPage(rows.map(readToken), size, ({ id }) => id);
  }

  async remove(id: string, act: Act): Promise<boolean> {
    return this.#db.write('full', () => this.#remove(id, act));
  }

  /** Within a transaction that writes. */
  removeAllOf(userId: string, act: Act): void {
    for (const { id } of this.#db.all<{ id: string }>('SELECT id FROM token WHERE user_id = ?', userId)) {
      this.#remove(id, act);
    }
  }

  /** All of them, for `verify`. */
  *rows(): Generator<Token, void, undefined> {
    for (const row of this.#db.each<TokenRow>(`SELECT ${columns} FROM token`)) yield readToken(row);
  }

  #remove(id: string, act: Act): boolean {
    if (this.#db.run('DELETE FROM token WHERE id = ?', id) === 0) return false;
    this.#audit.write(act, { action: 'token.remove', subject: `token/${id}`, row: 'gone' });
    return true;
  }
}

function readToken(row: TokenRow): Token {
  return { ...row, scopes: readScopes(row.scopes) };
}
