// The documents of revisions in the database: which stands under which name, and what is kept of a change. Many are written with few statements,
// since each is a way to the server and back.
import type { JsonObject } from '../store/canonical-json.ts';
import { type HeldText, type Prepared, readChecked, type ResolvedChange, versionOf } from '../store/changes.ts';
import type { Digest } from '../store/digest.ts';
import { compareNames, type ObjectName, type PreparedObject, type StoredObject } from '../store/object.ts';
import { StoreProblem } from '../store/store-problem.ts';
import { batchDocuments, inBatches } from './batches.ts';
import type { Queries } from './database.ts';

/** `objectId`: the row of the document. */
export type HeldObject = Omit<StoredObject, 'body'> & { readonly objectId: number };

type Put = { readonly name: ObjectName; readonly put: PreparedObject };
export type ChangedName = ObjectName & { readonly digest: Digest | null };

/** Documents of one statement. */
const insertBatch = 200;
const heldIn = `(SELECT DISTINCT ON (kind, id) kind, id, object_id, revision FROM revision_change
  WHERE revision <= $1 ORDER BY kind, id, revision DESC)`;

/** What a revision holds, without the documents, in any order. */
export async function readHeld(queries: Queries, revision: number): Promise<HeldObject[]> {
  return queries.all<HeldObject>(
    `SELECT held.kind, held.id, held.revision, object.digest, object.id AS "objectId"
     FROM ${heldIn} AS held JOIN object ON object.id = held.object_id`,
    revision,
  );
}

/** With the documents, in the order of kind and id. */
export async function readAllHeld(queries: Queries, revision: number): Promise<HeldText[]> {
  const rows = await queries.all<HeldText>(
    `SELECT held.kind, held.id, held.revision, object.digest, object.body AS text
     FROM ${heldIn} AS held JOIN object ON object.id = held.object_id`,
    revision,
  );
  return rows.sort(compareNames);
}

/** Rejects with `altered`. */
export async function listHeld(
  queries: Queries,
  revision: number,
  kind: string,
  after: string,
  limit: number,
): Promise<StoredObject[]> {
  const rows = await queries.all<HeldText>(
    `SELECT held.kind, held.id, held.revision, object.digest, object.body AS text
     FROM (SELECT DISTINCT ON (id) kind, id, object_id, revision FROM revision_change
           WHERE kind = $1 AND id > $2 AND revision <= $3 ORDER BY id, revision DESC) AS held
     JOIN object ON object.id = held.object_id ORDER BY held.id LIMIT $4`,
    kind,
    after,
    revision,
    limit,
  );
  return rows.map(readChecked);
}

/** Rejects with `altered`. */
export async function findHeld(
  queries: Queries,
  revision: number,
  { kind, id }: ObjectName,
): Promise<StoredObject | undefined> {
  const row = await queries.get<Omit<HeldText, 'text'> & { readonly text: string | null }>(
    `SELECT change.kind, change.id, change.revision, object.digest, object.body AS text
     FROM revision_change AS change LEFT JOIN object ON object.id = change.object_id
     WHERE change.kind = $1 AND change.id = $2 AND change.revision <= $3 ORDER BY change.revision DESC LIMIT 1`,
    kind,
    id,
    revision,
  );
  return row === undefined || row.text === null ? undefined : readChecked({ ...row, text: row.text });
}

/** Rejects with `altered`. */
export async function readBody(queries: Queries, { objectId, ...name }: HeldObject): Promise<JsonObject> {
  const sql = 'SELECT body AS text FROM object WHERE id = $1';
  const text = (await queries.get<{ text: string }>(sql, objectId))?.text ?? '';
  return readChecked({ ...name, text }).body;
}

export async function readHistory(
  queries: Queries,
  { kind, id }: ObjectName,
): Promise<{ readonly revision: number; readonly digest: Digest | null }[]> {
  return queries.all(
    `SELECT revision, digest FROM revision_change LEFT JOIN object ON object.id = object_id
     WHERE kind = $1 AND revision_change.id = $2 ORDER BY revision`,
    kind,
    id,
  );
}

/** What revisions of this range changed, by revision. */
export async function readChanges(
  queries: Queries,
  first: number,
  last: number,
): Promise<ReadonlyMap<number, ChangedName[]>> {
  const rows = await queries.all<ChangedName & { readonly revision: number }>(
    `SELECT revision, kind, revision_change.id, digest FROM revision_change LEFT JOIN object ON object.id = object_id
     WHERE revision BETWEEN $1 AND $2`,
    first,
    last,
  );
  return Map.groupBy(rows, ({ revision }) => revision);
}

export type Document = { readonly id: number; readonly digest: Digest; readonly text: string };

/** Every document with its digest, after the row `after`. */
export async function* readDocuments(queries: Queries, after: number): AsyncGenerator<Document, void, undefined> {
  const sql = `SELECT id, digest, body AS text FROM object WHERE id > $1 ORDER BY id LIMIT ${batchDocuments}`;
  const read = async (last: number) => queries.all<Document>(sql, last);
  yield* inBatches(after, batchDocuments, read, ({ id }) => id);
}

/** Rejects with `version_unknown`. */
export async function resolveChanges(queries: Queries, changes: readonly Prepared[]): Promise<ResolvedChange[]> {
  const resolved: ResolvedChange[] = [];
  for (const change of changes) {
    const { name } = change;
    if ('put' in change) resolved.push({ name, digest: change.put.digest, put: change.put });
    else if ('remove' in change) resolved.push({ name, digest: null });
    else resolved.push({ name, digest: versionOf(name, await readHistory(queries, name), change.version) });
  }
  return resolved;
}

/** Within a transaction that writes in full. Rejects with `sealed_unknown`. */
export async function insertChanges(
  queries: Queries,
  revision: number,
  changes: readonly ResolvedChange[],
): Promise<void> {
  const puts = changes.flatMap(({ name, put }) => (put === undefined ? [] : [{ name, put }]));
  await insertDocuments(queries, puts);
  const digests = [...new Set(changes.flatMap(({ digest }) => (digest === null ? [] : [digest])))];
  const known = await queries.all<{ id: number; digest: Digest }>(
    'SELECT id, digest FROM object WHERE digest = ANY($1)',
    digests,
  );
  const ids = new Map(known.map(({ id, digest }) => [digest, id]));
  await referToSealed(queries, puts, ids);
  await queries.run(
    `INSERT INTO revision_change (kind, id, revision, object_id)
     SELECT kind, id, $1, object_id FROM unnest($2::text[], $3::text[], $4::bigint[]) AS new (kind, id, object_id)`,
    revision,
    changes.map(({ name }) => name.kind),
    changes.map(({ name }) => name.id),
    changes.map(({ digest }) => (digest === null ? null : ids.get(digest))),
  );
}

async function insertDocuments(queries: Queries, puts: readonly Put[]): Promise<void> {
  const documents = [...new Map(puts.map(({ put }) => [put.digest, put])).values()];
  for (let at = 0; at < documents.length; at += insertBatch) {
    const batch = documents.slice(at, at + insertBatch);
    await queries.run(
      `INSERT INTO object (digest, body) SELECT digest, body FROM unnest($1::text[], $2::text[]) AS new (digest, body)
       ON CONFLICT (digest) DO NOTHING`,
      batch.map(({ digest }) => digest),
      batch.map(({ text }) => text),
    );
  }
}

async function referToSealed(queries: Queries, puts: readonly Put[], ids: ReadonlyMap<Digest, number>): Promise<void> {
  const wanted = puts.flatMap(({ name, put }) =>
    put.sealed.map((sealed) => ({ name, sealed, objectId: ids.get(put.digest) })),
  );
  if (wanted.length === 0) return;
  const blobs = await queries.all<ObjectName & { readonly digest: Digest }>(
    'SELECT digest, kind, id FROM sealed WHERE digest = ANY($1)',
    wanted.map(({ sealed }) => sealed),
  );
  const byDigest = new Map(blobs.map((blob) => [blob.digest, blob]));
  for (const { name, sealed } of wanted) {
    const { kind, id } = name;
    const blob = byDigest.get(sealed);
    // Sealed for another object it could not be opened for this one.
    if (blob?.kind !== kind || blob.id !== id)
      throw new StoreProblem('sealed_unknown', `${kind}/${id} refers to a sealed key that was not put there for it`);
  }
  await queries.run(
    `INSERT INTO object_sealed (object_id, sealed) SELECT object_id, sealed
     FROM unnest($1::bigint[], $2::text[]) AS new (object_id, sealed) ON CONFLICT DO NOTHING`,
    wanted.map(({ objectId }) => objectId),
    wanted.map(({ sealed }) => sealed),
  );
}
