// Tokens of the API in the database, by digest.
import { checkToken, readScopes, type Token, tokenRow, type Tokens } from '../store/accounts.ts';
import { canonicalJson } from '../store/canonical-json.ts';
import type { Digest } from '../store/digest.ts';
import { maxTokens } from '../store/limits.ts';
import type { Act } from '../store/names.ts';
import { type Page, type PageRequest, pageSize, toPage } from '../store/page.ts';
import { StoreProblem } from '../store/store-problem.ts';
import { checkLogged, type Logged, loggedAs, type PostgresAuditLog } from './audit.ts';
import { batchRows, inBatches } from './batches.ts';
import type { Database, Queries } from './database.ts';
import type { StoreTime } from './store-time.ts';

type TokenRow = Omit<Token, 'scopes'> & { readonly scopes: string };
const columns = `id, digest, user_id AS "userId", name, scopes, created_at AS "createdAt", expires_at AS "expiresAt",
  used_at AS "usedAt"`;

export class PostgresTokens implements Tokens {
  readonly #db: Database;
  readonly #time: StoreTime;
  readonly #audit: PostgresAuditLog;

  constructor(db: Database, time: StoreTime, audit: PostgresAuditLog) {
    this.#db = db;
    this.#time = time;
    this.#audit = audit;
  }

  async create(wanted: Omit<Token, 'createdAt' | 'usedAt'>, act: Act): Promise<Token> {
    const { id, digest, userId, name, scopes, expiresAt } = wanted;
    const token = { id, digest, userId, name, scopes, expiresAt, createdAt: this.#time.now(), usedAt: null };
    checkToken(token);
    return this.#db.write('full', async (queries) => {
      const taken = 'SELECT 1 FROM token WHERE id = $1 OR digest = $2';
      if ((await queries.get(taken, id, digest)) !== undefined)
        throw new StoreProblem('duplicate', 'there is such a token');
      if ((await queries.get('SELECT 1 FROM account WHERE id = $1', userId)) === undefined)
        throw new StoreProblem('invalid', 'a token belongs to a user who is there');
      const count = (await queries.get<{ n: number }>('SELECT count(*) AS n FROM token'))?.n ?? 0;
      if (count >= maxTokens) throw new StoreProblem('full', `there are ${count} tokens; no more are allowed`);
      await queries.run(
        `INSERT INTO token (id, digest, user_id, name, scopes, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)`,
        id,
        digest,
        userId,
        name,
        canonicalJson(scopes),
        token.createdAt,
        expiresAt,
      );
      await this.#audit.write(queries, act, { action: 'token.create', ...tokenRow(token), detail: { name, userId } });
      return token;
    });
  }

  async find(digest: Digest): Promise<Token | undefined> {
    const sql = `SELECT ${columns}, ${loggedAs(`'token/' || id`)} FROM token WHERE digest = $1`;
    const found = await this.#db.get<TokenRow & Logged>(sql, digest);
    if (found === undefined || found.expiresAt <= this.#time.now()) return undefined;
    const { logged, ...row } = found;
    const token = readToken(row);
    checkLogged(tokenRow(token), logged);
    return token;
  }

  async touch(digest: Digest): Promise<void> {
    await this.#db.run('UPDATE token SET used_at = $1 WHERE digest = $2', this.#time.now(), digest);
  }

  async list(request: PageRequest = {}): Promise<Page<Token>> {
    const size = pageSize(request);
    const sql = `SELECT ${columns} FROM token WHERE id > $1 ORDER BY id LIMIT $2`;
    const rows = await this.#db.all<TokenRow>(sql, request.cursor ?? '', size + 1);
    return toPage(rows.map(readToken), size, ({ id }) => id);
  }

  async remove(id: string, act: Act): Promise<boolean> {
    return this.#db.write('full', async (queries) => this.#remove(queries, id, act));
  }

  /** Within a transaction that writes in full. */
  async removeAllOf(queries: Queries, userId: string, act: Act): Promise<void> {
    const rows = await queries.all<{ id: string }>('SELECT id FROM token WHERE user_id = $1', userId);
    for (const { id } of rows) await this.#remove(queries, id, act);
  }

  /** All of them, for `verify`. */
  async *rows(queries: Queries): AsyncGenerator<Token, void, undefined> {
    const sql = `SELECT ${columns} FROM token WHERE id > $1 ORDER BY id LIMIT ${batchRows}`;
    const read = async (after: string) => queries.all<TokenRow>(sql, after);
    for await (const row of inBatches<TokenRow, string>('', batchRows, read, ({ id }) => id)) yield readToken(row);
  }

  async #remove(queries: Queries, id: string, act: Act): Promise<boolean> {
    if ((await queries.run('DELETE FROM token WHERE id = $1', id)) === 0) return false;
    await this.#audit.write(queries, act, { action: 'token.remove', subject: `token/${id}`, row: 'gone' });
    return true;
  }
}

function readToken(row: TokenRow): Token {
  return { ...row, scopes: readScopes(row.scopes) };
}
