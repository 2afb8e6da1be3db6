// Sealed secrets and the public keys for sealing, in the database.
import type { Digest } from '../store/digest.ts';
import { type Act, checkName } from '../store/names.ts';
import { type Page, type PageRequest, pageSize, toPage } from '../store/page.ts';
import {
  checkSealed,
  type SealedBlob,
  type SealedBlobs,
  sealedRow,
  type SealKey,
  sealKeyRow,
} from '../store/sealed.ts';
import { StoreProblem } from '../store/store-problem.ts';
import { checkLogged, type Logged, loggedAs, type PostgresAuditLog } from './audit.ts';
import { batchRows, inBatches } from './batches.ts';
import type { Database, Queries } from './database.ts';
import type { StoreTime } from './store-time.ts';

const keyColumns = 'id, public_key AS "publicKey", created_at AS "createdAt"';
const columns = 'digest, kind, id, seal_key AS "sealKey", bytes';
/** Blobs that are looked at and removed in one transaction. */
const pruneBatch = 1_000;

export class PostgresSealedBlobs implements SealedBlobs {
  readonly #db: Database;
  readonly #time: StoreTime;
  readonly #audit: PostgresAuditLog;

  constructor(db: Database, time: StoreTime, audit: PostgresAuditLog) {
    this.#db = db;
    this.#time = time;
    this.#audit = audit;
  }

  async keys(): Promise<readonly SealKey[]> {
    const sql = `SELECT ${keyColumns}, ${loggedAs(`'seal-key/' || id`)} FROM seal_key ORDER BY ordinal DESC`;
    return (await this.#db.all<SealKey & Logged>(sql)).map(({ logged, ...key }) => {
      checkLogged(sealKeyRow(key), logged);
      return key;
    });
  }

  /** As they stand there, for `verify`. */
  async readKeys(queries: Queries): Promise<SealKey[]> {
    return queries.all<SealKey>(`SELECT ${keyColumns} FROM seal_key ORDER BY ordinal DESC`);
  }

  async addKey({ id, publicKey }: Pick<SealKey, 'id' | 'publicKey'>, act: Act): Promise<void> {
    checkName(id, 'the id of a sealing key');
    checkName(publicKey, 'a public key');
    await this.#db.write('full', async (queries) => {
      if (await hasKey(queries, id)) throw new StoreProblem('duplicate', `the store has the sealing key ${id}`);
      const createdAt = this.#time.now();
      const ordinal = '(SELECT coalesce(max(ordinal), 0) + 1 FROM seal_key)';
      const sql = `INSERT INTO seal_key (id, ordinal, public_key, created_at) VALUES ($1, ${ordinal}, $2, $3)`;
      await queries.run(sql, id, publicKey, createdAt);
      await this.#audit.write(queries, act, { action: 'seal-key.add', ...sealKeyRow({ id, publicKey, createdAt }) });
    });
  }

  async removeKey(id: string, act: Act): Promise<void> {
    await this.#db.write('full', async (queries) => {
      const sql = 'SELECT count(*) AS n FROM sealed WHERE seal_key = $1';
      const used = (await queries.get<{ n: number }>(sql, id))?.n ?? 0;
      if (used > 0) throw new StoreProblem('in_use', `${used} keys are sealed with ${id}`);
      if ((await queries.run('DELETE FROM seal_key WHERE id = $1', id)) === 0) return;
      await this.#audit.write(queries, act, { action: 'seal-key.remove', subject: `seal-key/${id}`, row: 'gone' });
    });
  }

  async put(blob: SealedBlob, act: Act): Promise<void> {
    checkSealed(blob);
    await this.#db.write('full', async (queries) => {
      await requireKey(queries, blob.sealKey);
      if ((await queries.get('SELECT 1 FROM sealed WHERE digest = $1', blob.digest)) !== undefined) {
        throw new StoreProblem('duplicate', 'the store has this sealed key already');
      }
      const sql = 'INSERT INTO sealed (digest, kind, id, seal_key, bytes, put_at) VALUES ($1, $2, $3, $4, $5, $6)';
      await queries.run(sql, blob.digest, blob.kind, blob.id, blob.sealKey, blob.bytes, this.#time.now());
      await this.#audit.write(queries, act, { action: 'sealed.put', ...sealedRow(blob) });
    });
  }

  async get(digest: Digest): Promise<SealedBlob | undefined> {
    const sql = `SELECT ${columns}, ${loggedAs(`'sealed/' || digest`)} FROM sealed WHERE digest = $1`;
    const found = await this.#db.get<SealedBlob & Logged>(sql, digest);
    if (found === undefined) return undefined;
    const { logged, ...blob } = found;
    checkLogged(sealedRow(blob), logged);
    return blob;
  }

  async list(request: PageRequest & { readonly sealKey?: string } = {}): Promise<Page<SealedBlob>> {
    const size = pageSize(request);
    const rows = await this.#db.all<SealedBlob>(
      `SELECT ${columns} FROM sealed WHERE digest > $1 AND ($2::text IS NULL OR seal_key = $2) ORDER BY digest LIMIT $3`,
      request.cursor ?? '',
      request.sealKey ?? null,
      size + 1,
    );
    return toPage(rows, size, ({ digest }) => digest);
  }

  async replace(blob: SealedBlob, act: Act): Promise<void> {
    checkSealed(blob);
    await this.#db.write('full', async (queries) => {
      await requireKey(queries, blob.sealKey);
      const sql = 'UPDATE sealed SET seal_key = $1, bytes = $2 WHERE digest = $3 AND kind = $4 AND id = $5';
      if ((await queries.run(sql, blob.sealKey, blob.bytes, blob.digest, blob.kind, blob.id)) === 0) {
        throw new StoreProblem('sealed_unknown', `${blob.kind}/${blob.id} has no such sealed key to replace`);
      }
      await this.#audit.write(queries, act, { action: 'sealed.replace', ...sealedRow(blob) });
    });
  }

  async prune(before: number, act: Act): Promise<number> {
    let count = 0;
    for (;;) {
      const gone = await this.#db.write('full', async (queries) => this.#prune(queries, before, act));
      count += gone;
      if (gone < pruneBatch) return count;
    }
  }

  /** All of them, for `verify`. */
  async *rows(queries: Queries): AsyncGenerator<SealedBlob, void, undefined> {
    const sql = `SELECT ${columns} FROM sealed WHERE digest > $1 ORDER BY digest LIMIT ${batchRows}`;
    const read = async (after: string) => queries.all<SealedBlob>(sql, after);
    yield* inBatches<SealedBlob, string>('', batchRows, read, ({ digest }) => digest);
  }

  async #prune(queries: Queries, before: number, act: Act): Promise<number> {
    const sql = `DELETE FROM sealed WHERE digest IN (SELECT digest FROM sealed WHERE put_at < $1
      AND NOT EXISTS (SELECT 1 FROM object_sealed WHERE object_sealed.sealed = sealed.digest) LIMIT $2) RETURNING digest`;
    const gone = await queries.all<{ digest: Digest }>(sql, before, pruneBatch);
    for (const { digest } of gone) {
      await this.#audit.write(queries, act, { action: 'sealed.prune', subject: `sealed/${digest}`, row: 'gone' });
    }
    return gone.length;
  }
}

async function requireKey(queries: Queries, id: string): Promise<void> {
  if (!(await hasKey(queries, id))) throw new StoreProblem('seal_key_wrong', `the store has no sealing key ${id}`);
}

async function hasKey(queries: Queries, id: string): Promise<boolean> {
  return (await queries.get('SELECT 1 FROM seal_key WHERE id = $1', id)) !== undefined;
}
