// Whether a store is what it says: each revision has the digest of its content and of the one before, each entry of the audit
// log the hash of the one before, each row is as the log last said. Pure: an implementation reads the rows and asks in order.
import { type AuditEntry, type AuditHead, auditHash, noEntry } from './audit.ts';
import { Content } from './content.ts';
import type { Digest } from './digest.ts';
import { objectDigest, type ObjectName } from './object.ts';
import { StoreProblem } from './store-problem.ts';
import { noRevision, type Revision, revisionDigest, type RevisionHead } from './revision.ts';

export type StoreFinding = {
  readonly code:
    | 'unreadable'
    | 'object_changed'
    | 'revision_missing'
    | 'revision_changed'
    | 'audit_missing'
    | 'audit_changed'
    | 'row_changed'
    | 'row_added'
    | 'row_missing'
    | 'sealed_changed';
  /** `revision 7`, `audit entry 12`, `user/0b4…`. */
  readonly where: string;
  readonly detail: string;
};

/** Before anything is done with a revision that was read: throws `altered` where it is not what its digest says. */
export function checkRevision(
  revision: Revision,
  objects: readonly (ObjectName & { readonly digest: Digest; readonly text: string })[],
): void {
  const content = new Content();
  for (const object of objects) {
    checkObject(object);
    content.put(object, object.digest);
  }
  checkContent(revision, content);
}

/** Also before a revision is appended to it: what somebody wrote there would be in the digest of the next one. */
export function checkContent(revision: Revision, content: Content): void {
  if (content.digest() !== revision.content || revisionDigest(revision) !== revision.digest) {
    throw new StoreProblem('altered', `revision ${revision.number} is not what its digest was made of`);
  }
}

/**
 * Whether `revision` is what `above` was appended to (undefined: it is the newest). For who looks back for the one that is in force for
 * him: whom a revision is for decides that, and a row that says another is found here. Throws `altered`.
 */
export function checkBelow(revision: Revision, above: Revision | undefined): void {
  const { number, digest } = revision;
  const isBelow = above === undefined || (above.number === number + 1 && above.parent === digest);
  if (!isBelow || revisionDigest(revision) !== digest)
    throw new StoreProblem('altered', `revision ${number} is not what its digest was made of`);
}

/** Throws `altered` where the text is not what the digest says. */
export function checkObject({
  kind,
  id,
  digest,
  text,
}: ObjectName & { readonly digest: Digest; readonly text: string }): void {
  if (objectDigest(text) !== digest) {
    throw new StoreProblem('altered', `${kind}/${id} is not what its digest was made of`);
  }
}

export type Report = (code: StoreFinding['code'], where: string, detail: string) => void;

export function verifyObject(object: { readonly digest: Digest; readonly text: string }, report: Report): void {
  if (objectDigest(object.text) === object.digest) return;
  report('object_changed', `object ${object.digest}`, 'its text is not what its digest says');
}

/** Takes the revisions in the order of their numbers. */
export class RevisionChain {
  #report: Report;
  readonly #content = new Content();
  #number = noRevision.number;
  #digest = noRevision.digest;

  constructor(report: Report) {
    this.#report = report;
  }

  /** The last one that it took. */
  get head(): RevisionHead {
    return { number: this.#number, digest: this.#digest };
  }

  /** With those that follow the last one, told to somebody else. */
  continueWith(report: Report): this {
    this.#report = report;
    return this;
  }

  /** `changes`: all of this revision; `digest` null where the object is removed. */
  next(revision: Revision, changes: Iterable<ObjectName & { readonly digest: Digest | null }>): void {
    const where = `revision ${revision.number}`;
    const expected = this.#number + 1;
    if (revision.number !== expected) {
      const last = revision.number - 1;
      this.#report(
        'revision_missing',
        last === expected ? `revision ${expected}` : `revisions ${expected} to ${last}`,
        `${this.#number} is followed by ${revision.number}`,
      );
    }
    for (const { digest, ...name } of changes) {
      if (digest === null) this.#content.remove(name);
      else this.#content.put(name, digest);
    }
    const fault =
      revision.parent !== this.#digest
        ? 'it does not follow the revision before it'
        : revision.content !== this.#content.digest()
          ? 'its objects are not those that its digest was made of'
          : revision.digest !== revisionDigest(revision)
            ? 'number, actor, reason or time are not what its digest was made of'
            : undefined;
    if (fault !== undefined) this.#report('revision_changed', where, fault);
    this.#number = revision.number;
    this.#digest = revision.digest;
  }
}

/** Takes the entries in the order of their numbers, then the rows that there are, in any order. */
export class AuditChain {
  readonly #report: Report;
  readonly #rows = new Map<string, { readonly row: Digest | 'gone'; readonly seq: number }>();
  #seq: number;
  #hash: Digest;

  /** `after`: the entry that is known already; only rows that stand in those after it can be asked for. */
  constructor(report: Report, after: AuditHead = { seq: 0, hash: noEntry }) {
    this.#report = report;
    this.#seq = after.seq;
    this.#hash = after.hash;
  }

  next(entry: AuditEntry): void {
    const expected = this.#seq + 1;
    if (entry.seq !== expected) {
      const last = entry.seq - 1;
      const where = last === expected ? `audit entry ${expected}` : `audit entries ${expected} to ${last}`;
      this.#report('audit_missing', where, `${this.#seq} is followed by ${entry.seq}`);
    }
    if (auditHash(this.#hash, entry) !== entry.hash) {
      const detail = 'it is not what its hash was made of, or does not follow the entry before it';
      this.#report('audit_changed', `audit entry ${entry.seq}`, detail);
    }
    this.#seq = entry.seq;
    this.#hash = entry.hash;
    if (entry.row !== null) this.#rows.set(entry.subject, { row: entry.row, seq: entry.seq });
  }

  /** `head`: what the store says is its newest entry. */
  end(head: { readonly seq: number; readonly hash: Digest }): void {
    if (head.seq === this.#seq && head.hash === this.#hash) return;
    const detail = `the store says that entry ${head.seq} is the newest, and ${this.#seq} is`;
    this.#report(head.seq > this.#seq ? 'audit_missing' : 'audit_changed', 'end of the audit log', detail);
  }

  row(subject: string, digest: Digest): void {
    const known = this.#rows.get(subject);
    if (known === undefined) return this.#report('row_added', subject, 'the audit log knows nothing of it');
    this.#rows.delete(subject);
    if (known.row === digest) return undefined;
    return known.row === 'gone'
      ? this.#report('row_added', subject, `audit entry ${known.seq} removed it, and it is here`)
      : this.#report('row_changed', subject, `it is not as audit entry ${known.seq} left it`);
  }

  /** `mayEnd`: true for rows that go by themselves. */
  endOfRows(mayEnd: (subject: string) => boolean): void {
    for (const [subject, { row, seq }] of this.#rows) {
      if (row !== 'gone' && !mayEnd(subject))
        this.#report('row_missing', subject, `audit entry ${seq} left it here, and it is gone`);
    }
  }
}
