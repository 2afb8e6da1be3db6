// Revisions in the file. A revision stores what it changed; what it holds is, for each name, the last change up to it. Documents
// stand in `object` once, by digest.
import type { Clock } from '../base/clock.ts';
import { canonicalJson } from '../store/canonical-json.ts';
import { type Prepared, prepareChanges, readObject } from '../store/changes.ts';
import { Content } from '../store/content.ts';
import type { Digest } from '../store/digest.ts';
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
import type { SqliteAuditLog } from './audit.ts';
import type { Database } from './database.ts';
import { type HeldObject, SqliteObjects } from './objects.ts';
import type { RevisionWatch } from './revision-watch.ts';

const columns = 'number, parent, content, digest, actor, reason, at, canary';

type RevisionRow = Omit<Revision, 'canary'> & { readonly canary: string | null };

type Parts = {
  readonly db: Database;
  readonly clock: Clock;
  readonly audit: SqliteAuditLog;
  readonly watch: RevisionWatch;
};

export class SqliteRevisions implements Revisions {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #audit: SqliteAuditLog;
  readonly #watch: RevisionWatch;
  readonly #objects: SqliteObjects;

  constructor({ db, clock, audit, watch }: Parts) {
    this.#db = db;
    this.#clock = clock;
    this.#audit = audit;
    this.#watch = watch;
    this.#objects = new SqliteObjects(db);
  }

  async head(gateway?: string): Promise<RevisionHead> {
    const last = gateway === undefined ? this.#last() : this.#lastFor(gateway);
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
    const appended = this.#db.write('full', () => this.#append(request, changes, canary));
    if (appended.outcome === 'appended') this.#watch.tell(appended.revision);
    return appended;
  }

  async find(number: number): Promise<Revision | undefined> {
    return this.#find(number);
  }

  async read(number: number): Promise<RevisionWithObjects | undefined> {
    return this.#db.read(() => {
      const revision = this.#find(number);
      if (revision === undefined) return undefined;
      const objects = this.#objects.readAll(number);
      checkRevision(revision, objects);
      return { revision, objects: objects.map(readObject) };
    });
  }

  async listObjects(number: number, kind: string, request: PageRequest = {}): Promise<Page<StoredObject>> {
    if (this.#find(number) === undefined) return { items: [] };
    const size = pageSize(request);
    return toPage(this.#objects.list(number, kind, request.cursor ?? '', size + 1), size, ({ id }) => id);
  }

  async findObject(number: number, name: ObjectName): Promise<StoredObject | undefined> {
    return this.#find(number) && this.#objects.find(number, name);
  }

  async list(request: PageRequest = {}): Promise<Page<Revision>> {
    const size = pageSize(request);
    const rows = this.#db.all<RevisionRow>(
      `SELECT ${columns} FROM revision WHERE number < ? ORDER BY number DESC LIMIT ?`,
      numberOfCursor(request.cursor, Number.MAX_SAFE_INTEGER),
      size + 1,
    );
    return toPage(rows.map(plain), size, ({ number }) => String(number));
  }

  async versions(name: ObjectName): Promise<readonly ObjectVersion[]> {
    return countVersions(this.#objects.history(name));
  }

  async readVersion(name: ObjectName, version: number): Promise<StoredObject | undefined> {
    const found = countVersions(this.#objects.history(name)).find((one) => one.version === version);
    return found && this.#objects.find(found.since, name);
  }

  async difference(from: number, to: number): Promise<readonly ObjectDifference[] | undefined> {
    return this.#db.read(() => {
      for (const number of [from, to]) if (number !== 0 && this.#find(number) === undefined) return undefined;
      const before = new Map(this.#objects.held(from).map((one) => [objectKey(one), one]));
      const after = new Map(this.#objects.held(to).map((one) => [objectKey(one), one]));
      const names = [...new Map([...before, ...after]).values()].sort(compareNames);
      return names.flatMap((name) => this.#compare(before.get(objectKey(name)), after.get(objectKey(name))));
    });
  }

  onRevision(listener: (head: RevisionHead) => void, onProblem: (problem: Error) => void = () => {}): () => void {
    return this.#watch.add(listener, onProblem);
  }

  /** All of it for `verify`: each revision with what it changed. */
  *history(): Generator<[Revision, (ObjectName & { readonly digest: Digest | null })[]], void, undefined> {
    for (const row of this.#db.each<RevisionRow>(`SELECT ${columns} FROM revision ORDER BY number`)) {
      yield [plain(row), this.#objects.changedIn(row.number)];
    }
  }

  /** Every document that any of them held, for `verify`. */
  *documents(): Generator<{ readonly digest: Digest; readonly text: string }, void, undefined> {
    yield* this.#objects.all();
  }

  #append(request: AppendRequest, prepared: readonly Prepared[], canary: readonly string[] | null): Appended {
    const head = this.#last();
    if ((head?.number ?? 0) !== request.parent) return { outcome: 'behind', head };
    const content = new Content();
    if (head !== undefined) {
      for (const one of this.#objects.held(head.number)) content.put(one, one.digest);
      checkContent(head, content);
    }
    const changes = this.#objects
      .resolve(prepared)
      .filter(({ name, digest }) => (content.find(name) ?? null) !== digest);
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
    const body = { number, parent, content: content.digest(), actor, reason, at: this.#clock.now(), canary };
    const revision = { ...body, digest: revisionDigest(body) };
    this.#insert(revision);
    for (const change of changes) this.#objects.insert(number, change);
    const subject = `revision/${number}`;
    this.#audit.write(request, { action: 'revision.append', subject, row: revision.digest });
    return { outcome: 'appended', revision };
  }

  #insert({ number, parent, content, digest, actor, reason, at, canary }: Revision): void {
    const sql = `INSERT INTO revision (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;
    this.#db.run(sql, number, parent, content, digest, actor, reason, at, canary && JSON.stringify(canary));
  }

  #compare(before: HeldObject | undefined, after: HeldObject | undefined): ObjectDifference[] {
    const { kind, id } = (before ?? after) as HeldObject;
    if (before === undefined) return [{ kind, id, change: 'added', fields: [], more: false }];
    if (after === undefined) return [{ kind, id, change: 'removed', fields: [], more: false }];
    if (before.objectId === after.objectId) return [];
    const [was, is] = [this.#objects.body(before), this.#objects.body(after)];
    return [{ kind, id, change: 'changed', ...compareDocuments(was, is) }];
  }

  #find(number: number): Revision | undefined {
    checkCount(number, 'the number of a revision');
    const row = this.#db.get<RevisionRow>(`SELECT ${columns} FROM revision WHERE number = ?`, number);
    return row && plain(row);
  }

  #last(): Revision | undefined {
    const row = this.#db.get<RevisionRow>(`SELECT ${columns} FROM revision ORDER BY number DESC LIMIT 1`);
    return row && plain(row);
  }

  /** From the newest back: those that are for others are few, and follow each other. Throws `altered`. */
  #lastFor(gateway: string): Revision | undefined {
    let above: Revision | undefined;
    for (;;) {
      const sql = `SELECT ${columns} FROM revision WHERE number < ? ORDER BY number DESC LIMIT 1`;
      const row = this.#db.get<RevisionRow>(sql, above?.number ?? Number.MAX_SAFE_INTEGER);
      if (row === undefined) return undefined;
      const revision = plain(row);
      checkBelow(revision, above);
      if (revision.canary === null || revision.canary.includes(gateway)) return revision;
      above = revision;
    }
  }
}

/** Rows have no prototype, which surprises who compares them. */
function plain({ canary, ...row }: RevisionRow): Revision {
  return { ...row, canary: readCanary(canary) };
}
