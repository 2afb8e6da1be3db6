// Keys of requests that may be sent again, in the file, with the answers of the first ones.
import type { Clock } from '../base/clock.ts';
import type { JsonObject } from '../store/canonical-json.ts';
import { type Digest, parseDigest } from '../store/digest.ts';
import type { Begun, IdempotencyKeys } from '../store/idempotency.ts';
import { maxIdempotencyKeys, maxKeptAnswerBytes } from '../store/limits.ts';
import { boundedJson, checkCount, readJson } from '../store/names.ts';
import type { Database } from './database.ts';

export class SqliteIdempotencyKeys implements IdempotencyKeys {
  readonly #db: Database;
  readonly #clock: Clock;

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  async begin(key: Digest, request: Digest, expiresAt: number): Promise<Begun> {
    parseDigest(key, 'an idempotency key');
    parseDigest(request, 'a request');
    checkCount(expiresAt, 'the end of an idempotency key');
    const now = this.#clock.now();
    return this.#db.write('full', (): Begun => {
      this.#db.run('DELETE FROM idempotency_key WHERE expires_at <= ?', now);
      const sql = 'SELECT request, answer FROM idempotency_key WHERE key = ?';
      const known = this.#db.get<{ request: Digest; answer: string | null }>(sql, key);
      if (known === undefined) {
        this.#makeRoom();
        const insert = 'INSERT INTO idempotency_key (key, request, begun_at, expires_at) VALUES (?, ?, ?, ?)';
        this.#db.run(insert, key, request, now, expiresAt);
        return { outcome: 'new' };
      }
      if (known.request !== request) return { outcome: 'mismatch' };
      if (known.answer === null) return { outcome: 'running' };
      return { outcome: 'done', answer: readJson(known.answer, 'an answer that was kept') };
    });
  }

  async finish(key: Digest, answer: JsonObject): Promise<void> {
    const text = boundedJson(answer, maxKeptAnswerBytes, 'an answer to keep');
    const sql = 'UPDATE idempotency_key SET answer = ? WHERE key = ? AND answer IS NULL';
    this.#db.write('full', () => this.#db.run(sql, text, key));
  }

  async release(key: Digest): Promise<void> {
    const sql = 'DELETE FROM idempotency_key WHERE key = ? AND answer IS NULL';
    this.#db.write('full', () => this.#db.run(sql, key));
  }

  #makeRoom(): void {
    this.#db.run(
      `DELETE FROM idempotency_key WHERE key IN
         (SELECT key FROM idempotency_key ORDER BY begun_at DESC, key LIMIT -1 OFFSET ?)`,
      maxIdempotencyKeys - 1,
    );
  }
}
