// Revisions in the database. A revision stores what it changed; what it holds is, for each name, the last change up to it. Documents
// stand in `object` once, by digest.
import { canonicalJson } from '../store/canonical-json.ts';
import { type Prepared, prepareChanges, readObject } from '../store/changes.ts';
import { Content } from '../store/content.ts';
import { compareDocuments, type ObjectDifference } from '../store/difference.ts';
import { maxChanges, maxObjects } from '../store/limits.ts';
import { checkAct, checkCount } from '../store/names.ts';
import { compareNames, objectKey, type ObjectName, type StoredObject } from '../store/object.ts';
import { numberOfCursor, type Page, type PageRequest, pageSize, toPage } from '../store/page.ts';
import {
  type Appended,
  type AppendRequest,
  checkCanary,
  noRevision,
  readCanary,
  type Revision,
  revisionDigest,
  type RevisionHead,
  type Revisions,
  type RevisionWithObjects,
} from '../store/revision.ts';
import { StoreProblem } from '../store/store-problem.ts';
import { checkBelow, checkContent, checkRevision } from '../store/verify.ts';
import { countVersions, type ObjectVersion } from '../store/versions.ts';
import type { PostgresAuditLog } from './audit.ts';
import { batchDocuments, inBatches } from './batches.ts';
import type { Database, Queries } from './database.ts';
import {
  type ChangedName,
  findHeld,
  type HeldObject,
  insertChanges,
  listHeld,
  readAllHeld,
  readBody,
  readChanges,
  readHeld,
  readHistory,
  resolveChanges,
} from './objects.ts';
import { type RevisionWatch, tellSql, textOfHead } from './revision-watch.ts';
import type { StoreTime } from './store-time.ts';

const columns = 'number, parent, content, digest, actor, reason, at, canary';

type RevisionRow = Omit<Revision, 'canary'> & { readonly canary: string | null };

type Parts = {
  readonly db: Database;
  readonly time: StoreTime;
  readonly audit: PostgresAuditLog;
  readonly watch: RevisionWatch;
};

export class PostgresRevisions implements Revisions {
  readonly #db: Database;
  readonly #time: StoreTime;
  readonly #audit: PostgresAuditLog;
  readonly #watch: RevisionWatch;

  constructor({ db, time, audit, watch }: Parts) {
    this.#db = db;
    this.#time = time;
    this.#audit = audit;
    this.#watch = watch;
  }

  async head(gateway?: string): Promise<RevisionHead> {
    const last = gateway === undefined ? await readLast(this.#db) : await readLastFor(this.#db, gateway);
    return last === undefined ? noRevision : { number: last.number, digest: last.digest };
  }

  async append(request: AppendRequest): Promise<Appended> {
    checkAct(request);
    checkCount(request.parent, 'the parent of a revision');
    if (request.changes.length > maxChanges) {
      throw new StoreProblem('invalid', `${request.changes.length} changes; ${maxChanges} are allowed at once`);
    }
    // Before the lock: others need not wait for it.
    const changes = prepareChanges(request.changes);
    const canary = checkCanary(request.canary);
    const appended = await this.#db.write('full', async (queries) => this.#append(queries, request, changes, canary));
    if (appended.outcome === 'appended') this.#watch.tell(appended.revision);
    return appended;
  }

  async find(number: number): Promise<Revision | undefined> {
    return findRevision(this.#db, number);
  }

  async read(number: number): Promise<RevisionWithObjects | undefined> {
    return this.#db.read(async (queries) => {
      const revision = await findRevision(queries, number);
      if (revision === undefined) return undefined;
      const objects = await readAllHeld(queries, number);
      checkRevision(revision, objects);
      return { revision, objects: objects.map(readObject) };
    });
  }

  async listObjects(number: number, kind: string, request: PageRequest = {}): Promise<Page<StoredObject>> {
    if ((await findRevision(this.#db, number)) === undefined) return { items: [] };
    const size = pageSize(request);
    return toPage(await listHeld(this.#db, number, kind, request.cursor ?? '', size + 1), size, ({ id }) => id);
  }

  async findObject(number: number, name: ObjectName): Promise<StoredObject | undefined> {
    return (await findRevision(this.#db, number)) && findHeld(this.#db, number, name);
  }

  async list(request: PageRequest = {}): Promise<Page<Revision>> {
    const size = pageSize(request);
    const rows = await this.#db.all<RevisionRow>(
      `SELECT ${columns} FROM revision WHERE number < $1 ORDER BY number DESC LIMIT $2`,
      numberOfCursor(request.cursor, Number.MAX_SAFE_INTEGER),
      size + 1,
    );
    return toPage(rows.map(readRevision), size, ({ number }) => String(number));
  }

  async versions(name: ObjectName): Promise<readonly ObjectVersion[]> {
    return countVersions(await readHistory(this.#db, name));
  }

  async readVersion(name: ObjectName, version: number): Promise<StoredObject | undefined> {
    const found = (await this.versions(name)).find((one) => one.version === version);
    return found && findHeld(this.#db, found.since, name);
  }

  async difference(from: number, to: number): Promise<readonly ObjectDifference[] | undefined> {
    return this.#db.read(async (queries) => {
      for (const number of [from, to])
        if (number !== 0 && (await findRevision(queries, number)) === undefined) return undefined;
      const before = new Map((await readHeld(queries, from)).map((one) => [objectKey(one), one]));
      const after = new Map((await readHeld(queries, to)).map((one) => [objectKey(one), one]));
      const names = [...new Map([...before, ...after]).values()].sort(compareNames);
      const differences: ObjectDifference[] = [];
      for (const name of names) {
        const key = objectKey(name);
        differences.push(...(await compare(queries, before.get(key), after.get(key))));
      }
      return differences;
    });
  }

  onRevision(listener: (head: RevisionHead) => void, onProblem: (problem: Error) => void = () => {}): () => void {
    return this.#watch.add(listener, onProblem);
  }

  /** Those after `after` for `verify`: each revision with what it changed. */
  async *history(queries: Queries, after: number): AsyncGenerator<[Revision, ChangedName[]], void, undefined> {
    const sql = `SELECT ${columns} FROM revision WHERE number > $1 ORDER BY number LIMIT ${batchDocuments}`;
    const read = async (last: number): Promise<(readonly [Revision, ChangedName[]])[]> => {
      const rows = await queries.all<RevisionRow>(sql, last);
      const [first, end] = [rows[0]?.number ?? 0, rows.at(-1)?.number ?? 0];
      const changes = await readChanges(queries, first, end);
      return rows.map((row) => [readRevision(row), changes.get(row.number) ?? []] as const);
    };
    for await (const [revision, changes] of inBatches(after, batchDocuments, read, ([{ number }]) => number))
      yield [revision, changes];
  }

  async #append(
    queries: Queries,
    request: AppendRequest,
    prepared: readonly Prepared[],
    canary: readonly string[] | null,
  ): Promise<Appended> {
    const head = await readLast(queries);
    if ((head?.number ?? 0) !== request.parent) return { outcome: 'behind', head };
    const content = new Content();
    if (head !== undefined) {
      for (const one of await readHeld(queries, head.number)) content.put(one, one.digest);
      checkContent(head, content);
    }
    const changes = (await resolveChanges(queries, prepared)).filter(
      ({ name, digest }) => (content.find(name) ?? null) !== digest,
    );
    // What only some gateways run is in force for others when a revision says so, whatever it holds.
    const isForOthers = head !== undefined && canonicalJson(head.canary) !== canonicalJson(canary);
    if (changes.length === 0 && !isForOthers) return { outcome: 'unchanged', head };
    for (const { name, digest } of changes) {
      if (digest === null) content.remove(name);
      else content.put(name, digest);
    }
    if (content.size > maxObjects) {
      throw new StoreProblem('full', `a revision would hold ${content.size} objects; ${maxObjects} are allowed`);
    }
    const { actor, reason } = checkAct(request);
    const number = request.parent + 1;
    const parent = head?.digest ?? noRevision.digest;
    const body = { number, parent, content: content.digest(), actor, reason, at: this.#time.now(), canary };
    const revision = { ...body, digest: revisionDigest(body) };
    await insertRevision(queries, revision);
    if (changes.length > 0) await insertChanges(queries, number, changes);
    const subject = `revision/${number}`;
    await this.#audit.write(queries, request, { action: 'revision.append', subject, row: revision.digest });
    // Told when it is committed.
    await queries.run(tellSql, textOfHead(revision));
    return { outcome: 'appended', revision };
  }
}

async function insertRevision(
  queries: Queries,
  { number, parent, content, digest, actor, reason, at, canary }: Revision,
): Promise<void> {
  const sql = `INSERT INTO revision (${columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`;
  await queries.run(sql, number, parent, content, digest, actor, reason, at, canary && JSON.stringify(canary));
}

async function compare(
  queries: Queries,
  before: HeldObject | undefined,
  after: HeldObject | undefined,
): Promise<ObjectDifference[]> {
  const { kind, id } = (before ?? after) as HeldObject;
  if (before === undefined) return [{ kind, id, change: 'added', fields: [], more: false }];
  if (after === undefined) return [{ kind, id, change: 'removed', fields: [], more: false }];
  if (before.objectId === after.objectId) return [];
  const [was, is] = [await readBody(queries, before), await readBody(queries, after)];
  return [{ kind, id, change: 'changed', ...compareDocuments(was, is) }];
}

export async function findRevision(queries: Queries, number: number): Promise<Revision | undefined> {
  checkCount(number, 'the number of a revision');
  const row = await queries.get<RevisionRow>(`SELECT ${columns} FROM revision WHERE number = $1`, number);
  return row && readRevision(row);
}

async function readLast(queries: Queries): Promise<Revision | undefined> {
  const row = await queries.get<RevisionRow>(`SELECT ${columns} FROM revision ORDER BY number DESC LIMIT 1`);
  return row && readRevision(row);
}

/** From the newest back: those that are for others are few, and follow each other. Rejects with `altered`. */
async function readLastFor(queries: Queries, gateway: string): Promise<Revision | undefined> {
  const sql = `SELECT ${columns} FROM revision WHERE number < $1 ORDER BY number DESC LIMIT $2`;
  let above: Revision | undefined;
  // Mostly the newest one is for all.
  for (let limit = 1; ; limit = batchDocuments) {
    const rows = await queries.all<RevisionRow>(sql, above?.number ?? Number.MAX_SAFE_INTEGER, limit);
    for (const row of rows) {
      const revision = readRevision(row);
      checkBelow(revision, above);
      if (revision.canary === null || revision.canary.includes(gateway)) return revision;
      above = revision;
    }
    if (rows.length < limit) return undefined;
  }
}

function readRevision({ canary, ...row }: RevisionRow): Revision {
  return { ...row, canary: readCanary(canary) };
}
