// Keys of requests that may be sent again, in the database, with the answers of the first ones.
import type { JsonObject } from '../store/canonical-json.ts';
import { type Digest, parseDigest } from '../store/digest.ts';
import type { Begun, IdempotencyKeys } from '../store/idempotency.ts';
import { maxIdempotencyKeys, maxKeptAnswerBytes } from '../store/limits.ts';
import { boundedJson, checkCount, readJson } from '../store/names.ts';
import type { Database } from './database.ts';
import type { StoreTime } from './store-time.ts';

export class PostgresIdempotencyKeys implements IdempotencyKeys {
  readonly #db: Database;
  readonly #time: StoreTime;

  constructor(db: Database, time: StoreTime) {
    this.#db = db;
    this.#time = time;
  }

  async begin(key: Digest, request: Digest, expiresAt: number): Promise<Begun> {
    parseDigest(key, 'an idempotency key');
    parseDigest(request, 'a request');
    checkCount(expiresAt, 'the end of an idempotency key');
    const now = this.#time.now();
    return this.#db.write('full', async (queries): Promise<Begun> => {
      await queries.run('DELETE FROM idempotency_key WHERE expires_at <= $1', now);
      const sql = 'SELECT request, answer FROM idempotency_key WHERE key = $1';
      const known = await queries.get<{ request: Digest; answer: string | null }>(sql, key);
      if (known === undefined) {
        await queries.run(
          `DELETE FROM idempotency_key WHERE key IN
             (SELECT key FROM idempotency_key ORDER BY begun_at DESC, key OFFSET $1)`,
          maxIdempotencyKeys - 1,
        );
        const insert = 'INSERT INTO idempotency_key (key, request, begun_at, expires_at) VALUES ($1, $2, $3, $4)';
        await queries.run(insert, key, request, now, expiresAt);
        return { outcome: 'new' };
      }
      if (known.request !== request) return { outcome: 'mismatch' };
      if (known.answer === null) return { outcome: 'running' };
      return { outcome: 'done', answer: readJson(known.answer, 'an answer that was kept') };
    });
  }

  async finish(key: Digest, answer: JsonObject): Promise<void> {
    const text = boundedJson(answer, maxKeptAnswerBytes, 'an answer to keep');
    const sql = 'UPDATE idempotency_key SET answer = $1 WHERE key = $2 AND answer IS NULL';
    await this.#db.write('full', async (queries) => queries.run(sql, text, key));
  }

  async release(key: Digest): Promise<void> {
    const sql = 'DELETE FROM idempotency_key WHERE key = $1 AND answer IS NULL';
    await this.#db.write('full', async (queries) => queries.run(sql, key));
  }
}
