// The documents of revisions in the file: which stands under which name, and what is kept of a change.
import type { JsonObject } from '../store/canonical-json.ts';
import { type HeldText, type Prepared, readChecked, type ResolvedChange, versionOf } from '../store/changes.ts';
import type { Digest } from '../store/digest.ts';
import { compareNames, type ObjectName, type PreparedObject, type StoredObject } from '../store/object.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { Database } from './database.ts';

/** `objectId`: the row of the document. */
export type HeldObject = Omit<StoredObject, 'body'> & { readonly objectId: number };

/** Of a group with max() SQLite takes the other columns from the row that has it. */
const heldIn = `(SELECT kind, id, object_id, max(revision) AS revision FROM revision_change WHERE revision <= ? GROUP BY kind, id)`;

export class SqliteObjects {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** What a revision holds, without the documents, in any order. */
  held(revision: number): HeldObject[] {
    return this.#db.all<HeldObject>(
      `SELECT held.kind, held.id, held.revision, object.digest, object.id AS objectId
       FROM ${heldIn} AS held JOIN object ON object.id = held.object_id`,
      revision,
    );
  }

  /** With the documents, in the order of kind and id. */
  readAll(revision: number): HeldText[] {
    const rows = this.#db.all<HeldText>(
      `SELECT held.kind, held.id, held.revision, object.digest, object.body AS text
       FROM ${heldIn} AS held JOIN object ON object.id = held.object_id`,
      revision,
    );
    return rows.sort(compareNames);
  }

  /** Throws `altered`. */
  list(revision: number, kind: string, after: string, limit: number): StoredObject[] {
    const rows = this.#db.all<HeldText>(
      `SELECT held.kind, held.id, held.revision, object.digest, object.body AS text
       FROM (SELECT kind, id, object_id, max(revision) AS revision FROM revision_change
             WHERE kind = ?1 AND id > ?2 AND revision <= ?3 GROUP BY kind, id) AS held
       JOIN object ON object.id = held.object_id ORDER BY held.id LIMIT ?4`,
      kind,
      after,
      revision,
      limit,
    );
    return rows.map(readChecked);
  }

  /** Throws `altered`. */
  find(revision: number, { kind, id }: ObjectName): StoredObject | undefined {
    const row = this.#db.get<Omit<HeldText, 'text'> & { readonly text: string | null }>(
      `SELECT change.kind, change.id, change.revision, object.digest, object.body AS text
       FROM revision_change AS change LEFT JOIN object ON object.id = change.object_id
       WHERE change.kind = ? AND change.id = ? AND change.revision <= ? ORDER BY change.revision DESC LIMIT 1`,
      kind,
      id,
      revision,
    );
    return row === undefined || row.text === null ? undefined : readChecked({ ...row, text: row.text });
  }

  /** Throws `altered`. */
  body({ objectId, ...name }: HeldObject): JsonObject {
    const text = this.#db.get<{ text: string }>('SELECT body AS text FROM object WHERE id = ?', objectId)?.text ?? '';
    return readChecked({ ...name, text }).body;
  }

  history({ kind, id }: ObjectName): { readonly revision: number; readonly digest: Digest | null }[] {
    return this.#db.all(
      `SELECT revision, digest FROM revision_change LEFT JOIN object ON object.id = object_id
       WHERE kind = ? AND revision_change.id = ? ORDER BY revision`,
      kind,
      id,
    );
  }

  changedIn(revision: number): (ObjectName & { readonly digest: Digest | null })[] {
    return this.#db.all(
      `SELECT kind, revision_change.id, digest FROM revision_change LEFT JOIN object ON object.id = object_id
       WHERE revision = ?`,
      revision,
    );
  }

  /** Every document with its digest. */
  *all(): Generator<{ readonly digest: Digest; readonly text: string }, void, undefined> {
    yield* this.#db.each<{ digest: Digest; text: string }>('SELECT digest, body AS text FROM object ORDER BY id');
  }

  /** Throws `version_unknown`. */
  resolve(changes: readonly Prepared[]): ResolvedChange[] {
    return changes.map((change) => {
      const { name } = change;
      if ('put' in change) return { name, digest: change.put.digest, put: change.put };
      if ('remove' in change) return { name, digest: null };
      return { name, digest: versionOf(name, this.history(name), change.version) };
    });
  }

  insert(revision: number, { name, digest, put }: ResolvedChange): void {
    const objectId = digest === null ? null : (this.#idOf(digest) ?? this.#insertObject(put as PreparedObject));
    if (objectId !== null && put !== undefined) this.#refer(objectId, name, put.sealed);
    const sql = 'INSERT INTO revision_change (kind, id, revision, object_id) VALUES (?, ?, ?, ?)';
    this.#db.run(sql, name.kind, name.id, revision, objectId);
  }

  #insertObject({ digest, text }: PreparedObject): number {
    const sql = 'INSERT INTO object (digest, body) VALUES (?, ?) RETURNING id';
    return (this.#db.get<{ id: number }>(sql, digest, text) as { id: number }).id;
  }

  #idOf(digest: Digest): number | undefined {
    return this.#db.get<{ id: number }>('SELECT id FROM object WHERE digest = ?', digest)?.id;
  }

  #refer(objectId: number, { kind, id }: ObjectName, sealed: readonly Digest[]): void {
    for (const digest of sealed) {
      const blob = this.#db.get<ObjectName>('SELECT kind, id FROM sealed WHERE digest = ?', digest);
      // Sealed for another object it could not be opened for this one.
      if (blob?.kind !== kind || blob.id !== id) {
        throw new StoreProblem('sealed_unknown', `${kind}/${id} refers to a sealed key that was not put there for it`);
      }
      this.#db.run('INSERT OR IGNORE INTO object_sealed (object_id, sealed) VALUES (?, ?)', objectId, digest);
    }
  }
}
