// Sealed secrets and the public keys for sealing, in the file.
import type { Clock } from '../base/clock.ts';
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
import type { SqliteAuditLog } from './audit.ts';
import type { Database } from './database.ts';

const columns = 'digest, kind, id, seal_key AS sealKey, bytes';
/** Blobs that are looked at and removed in one transaction. */
const pruneBatch = 1_000;

export class SqliteSealedBlobs implements SealedBlobs {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #audit: SqliteAuditLog;

  constructor(db: Database, clock: Clock, audit: SqliteAuditLog) {
    this.#db = db;
    this.#clock = clock;
    this.#audit = audit;
  }

  async keys(): Promise<readonly SealKey[]> {
    const keys = this.readKeys();
    for (const key of keys) this.#audit.check(sealKeyRow(key));
    return keys;
  }

  /** As they stand there, for `verify`. */
  readKeys(): SealKey[] {
    const sql = 'SELECT id, public_key AS publicKey, created_at AS createdAt FROM seal_key ORDER BY position DESC';
    return this.#db.all<SealKey>(sql).map((row) => ({ ...row }));
  }

  async addKey({ id, publicKey }: Pick<SealKey, 'id' | 'publicKey'>, act: Act): Promise<void> {
    checkName(id, 'the id of a sealing key');
    checkName(publicKey, 'a public key');
    this.#db.write('full', () => {
      if (this.#hasKey(id)) throw new StoreProblem('duplicate', `the store has the sealing key ${id}`);
      const createdAt = this.#clock.now();
      const position = '(SELECT coalesce(max(position), 0) + 1 FROM seal_key)';
      const sql = `INSERT INTO seal_key (id, position, public_key, created_at) VALUES (?, ${position}, ?, ?)`;
      this.#db.run(sql, id, publicKey, createdAt);
      this.#audit.write(act, { action: 'seal-key.add', ...sealKeyRow({ id, publicKey, createdAt }) });
    });
  }

  async removeKey(id: string, act: Act): Promise<void> {
    this.#db.write('full', () => {
      const used = this.#db.get<{ n: number }>('SELECT count(*) AS n FROM sealed WHERE seal_key = ?', id)?.n ?? 0;
      if (used > 0) throw new StoreProblem('in_use', `${used} keys are sealed with ${id}`);
      if (this.#db.run('DELETE FROM seal_key WHERE id = ?', id) === 0) return;
      this.#audit.write(act, { action: 'seal-key.remove', subject: `seal-key/${id}`, row: 'gone' });
    });
  }

  async put(blob: SealedBlob, act: Act): Promise<void> {
    checkSealed(blob);
    this.#db.write('full', () => {
      this.#requireKey(blob.sealKey);
      if (this.#get(blob.digest) !== undefined) {
        throw new StoreProblem('duplicate', 'the store has this sealed key already');
      }
      const sql = 'INSERT INTO sealed (digest, kind, id, seal_key, bytes, put_at) VALUES (?, ?, ?, ?, ?, ?)';
      this.#db.run(sql, blob.digest, blob.kind, blob.id, blob.sealKey, blob.bytes, this.#clock.now());
      this.#audit.write(act, { action: 'sealed.put', ...sealedRow(blob) });
    });
  }

  async get(digest: Digest): Promise<SealedBlob | undefined> {
    const blob = this.#get(digest);
    if (blob !== undefined) this.#audit.check(sealedRow(blob));
    return blob;
  }

  async list(request: PageRequest & { readonly sealKey?: string } = {}): Promise<Page<SealedBlob>> {
    const size = pageSize(request);
    const rows = this.#db.all<SealedBlob>(
      `SELECT ${columns} FROM sealed WHERE digest > ?1 AND (?2 IS NULL OR seal_key = ?2) ORDER BY digest LIMIT ?3`,
      request.cursor ?? '',
      request.sealKey ?? null,
      size + 1,
    );
    return toPage(rows.map(plain), size, ({ digest }) => digest);
  }

  async replace(blob: SealedBlob, act: Act): Promise<void> {
    checkSealed(blob);
    this.#db.write('full', () => {
      this.#requireKey(blob.sealKey);
      const sql = 'UPDATE sealed SET seal_key = ?, bytes = ? WHERE digest = ? AND kind = ? AND id = ?';
      if (this.#db.run(sql, blob.sealKey, blob.bytes, blob.digest, blob.kind, blob.id) === 0) {
        throw new StoreProblem('sealed_unknown', `${blob.kind}/${blob.id} has no such sealed key to replace`);
      }
      this.#audit.write(act, { action: 'sealed.replace', ...sealedRow(blob) });
    });
  }

  async prune(before: number, act: Act): Promise<number> {
    let count = 0;
    for (;;) {
      const gone = this.#db.write('full', () => this.#prune(before, act));
      count += gone;
      if (gone < pruneBatch) return count;
    }
  }

  /** All of them, for `verify`. */
  *rows(): Generator<SealedBlob, void, undefined> {
    for (const row of this.#db.each<SealedBlob>(`SELECT ${columns} FROM sealed`)) yield plain(row);
  }

  #prune(before: number, act: Act): number {
    const sql = `DELETE FROM sealed WHERE digest IN (SELECT digest FROM sealed WHERE put_at < ?
      AND NOT EXISTS (SELECT 1 FROM object_sealed WHERE object_sealed.sealed = sealed.digest) LIMIT ?) RETURNING digest`;
    const gone = this.#db.all<{ digest: Digest }>(sql, before, pruneBatch);
    for (const { digest } of gone) {
      this.#audit.write(act, { action: 'sealed.prune', subject: `sealed/${digest}`, row: 'gone' });
    }
    return gone.length;
  }

  #get(digest: Digest): SealedBlob | undefined {
    const row = this.#db.get<SealedBlob>(`SELECT ${columns} FROM sealed WHERE digest = ?`, digest);
    return row && plain(row);
  }

  #requireKey(id: string): void {
    if (!this.#hasKey(id)) throw new StoreProblem('seal_key_wrong', `the store has no sealing key ${id}`);
  }

  #hasKey(id: string): boolean {
    return this.#db.get('SELECT 1 FROM seal_key WHERE id = ?', id) !== undefined;
  }
}

function plain(row: SealedBlob): SealedBlob {
  return { ...row };
}
