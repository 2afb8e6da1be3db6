// `verify` of the store in the database: everything that a store says of itself, as of one moment. A process that has verified it once
// can go on from there: the chains begin at what it remembers, and only what came since is read. What is older is looked at again
// after an hour, and whatever is loaded is held against its digests anyway.
import { sessionRow, tokenRow, userRow } from '../store/accounts.ts';
import type { AuditHead } from '../store/audit.ts';
import type { Opener } from '../store/seal.ts';
import { sealedRow, sealKeyRow } from '../store/sealed.ts';
import { StoreProblem } from '../store/store-problem.ts';
import { AuditChain, type Report, RevisionChain, type StoreFinding, verifyObject } from '../store/verify.ts';
import type { PostgresAuditLog } from './audit.ts';
import type { Database, Queries } from './database.ts';
import { readDocuments } from './objects.ts';
import { endsConnection } from './postgres-problem.ts';
import { findRevision, type PostgresRevisions } from './revisions.ts';
import type { PostgresSealedBlobs } from './sealed.ts';
import type { PostgresSessions } from './sessions.ts';
import type { PostgresTokens } from './tokens.ts';
import type { PostgresUsers } from './users.ts';

/** What is not told any more: the first ones say enough. */
const maxFindings = 1_000;
const wholeEveryMs = 3_600_000;

/** What one process has verified of a store, over all connections to it. */
export type VerifiedSoFar = {
  state:
    | {
        /** Of this process's monotonic clock: when all of it was verified. */
        readonly at: number;
        readonly revisions: RevisionChain;
        readonly audit: AuditHead;
        readonly objectId: number;
      }
    | undefined;
};

type Parts = {
  readonly revisions: PostgresRevisions;
  readonly sealed: PostgresSealedBlobs;
  readonly audit: PostgresAuditLog;
  readonly users: PostgresUsers;
  readonly sessions: PostgresSessions;
  readonly tokens: PostgresTokens;
};

type Options = {
  readonly opener: Opener | undefined;
  readonly soFar: VerifiedSoFar | undefined;
  readonly now: number;
};

/** Never rejects for what is in the database; rejects where it cannot be asked. */
export async function verifyDatabase(
  db: Database,
  parts: Parts,
  { opener, soFar, now }: Options,
): Promise<readonly StoreFinding[]> {
  const findings: StoreFinding[] = [];
  const report: Report = (code, where, detail) => {
    if (findings.length < maxFindings) findings.push({ code, where, detail });
  };
  // What cannot be read in one table says nothing of the others.
  const attempt = async (where: string, act: () => Promise<void>): Promise<void> => {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof StoreProblem) || endsConnection(error)) throw error;
      report('unreadable', where, error.message);
    }
  };
  const before = soFar?.state;
  const goesOn = before !== undefined && now - before.at < wholeEveryMs;
  if (soFar !== undefined) soFar.state = undefined;
  const revisions = goesOn ? before.revisions.continueWith(report) : new RevisionChain(report);
  let objectId = goesOn ? before.objectId : 0;
  let audit: AuditHead | undefined;
  // One moment for all of it, whoever writes meanwhile.
  await db.read(async (queries) => {
    if (goesOn) await attempt('what was verified before', async () => checkAnchors(queries, parts, before, report));
    await attempt('the objects', async () => {
      for await (const object of readDocuments(queries, objectId)) {
        verifyObject(object, report);
        objectId = object.id;
      }
    });
    const first = revisions.head.number;
    await attempt('the revisions', async () => {
      for await (const [revision, changes] of parts.revisions.history(queries, first))
        revisions.next(revision, changes);
    });
    await attempt('the audit log', async () => {
      const chain = new AuditChain(report, goesOn ? before.audit : undefined);
      for await (const entry of parts.audit.entries(queries, goesOn ? before.audit.seq : 0)) chain.next(entry);
      audit = await parts.audit.readHead(queries);
      chain.end(audit);
      for await (const [{ number, digest }] of parts.revisions.history(queries, first))
        chain.row(`revision/${number}`, digest);
      if (goesOn) return;
      await checkRows(queries, parts, chain);
    });
    if (opener !== undefined && !goesOn)
      await attempt('the sealed keys', async () => openAll(queries, parts.sealed, opener, report));
  });
  if (soFar !== undefined && findings.length === 0 && audit !== undefined)
    soFar.state = { at: goesOn ? before.at : now, revisions, audit, objectId };
  return findings;
}

/** That what was verified is still there, and is what it goes on from. */
async function checkAnchors(
  queries: Queries,
  { audit }: Parts,
  before: NonNullable<VerifiedSoFar['state']>,
  report: Report,
): Promise<void> {
  const { number, digest } = before.revisions.head;
  if (number > 0 && (await findRevision(queries, number))?.digest !== digest)
    report('revision_changed', `revision ${number}`, 'it is another than it was when it was verified');
  if (before.audit.seq > 0 && (await audit.find(before.audit.seq, queries))?.hash !== before.audit.hash)
    report('audit_changed', `audit entry ${before.audit.seq}`, 'it is another than it was when it was verified');
}

async function checkRows(queries: Queries, parts: Parts, chain: AuditChain): Promise<void> {
  const check = ({ subject, row }: ReturnType<typeof userRow>): void => chain.row(subject, row);
  for (const key of await parts.sealed.readKeys(queries)) check(sealKeyRow(key));
  for await (const blob of parts.sealed.rows(queries)) check(sealedRow(blob));
  for await (const user of parts.users.rows(queries)) check(userRow(user));
  for await (const session of parts.sessions.rows(queries)) check(sessionRow(session));
  for await (const token of parts.tokens.rows(queries)) check(tokenRow(token));
  chain.endOfRows((subject) => subject.startsWith('session/'));
}

async function openAll(queries: Queries, sealed: PostgresSealedBlobs, opener: Opener, report: Report): Promise<void> {
  for await (const blob of sealed.rows(queries)) {
    try {
      opener.open(blob).fill(0);
    } catch (error) {
      if (!(error instanceof StoreProblem)) throw error;
      report('sealed_changed', `sealed/${blob.digest}`, error.message);
    }
  }
}
