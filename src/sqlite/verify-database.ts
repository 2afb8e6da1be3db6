// `verify` of the store in a file: what SQLite itself finds wrong with the file, then everything that a store says of itself.
import { sessionRow, tokenRow, userRow } from '../store/accounts.ts';
import type { AuditedRow } from '../store/audit.ts';
import type { Opener } from '../store/seal.ts';
import { sealedRow, sealKeyRow } from '../store/sealed.ts';
import { StoreProblem } from '../store/store-problem.ts';
import { AuditChain, type Report, RevisionChain, type StoreFinding, verifyObject } from '../store/verify.ts';
import type { SqliteAuditLog } from './audit.ts';
import type { Database } from './database.ts';
import type { SqliteRevisions } from './revisions.ts';
import { isSqliteError } from './sqlite-problem.ts';
import type { SqliteSealedBlobs } from './sealed.ts';
import type { SqliteSessions } from './sessions.ts';
import type { SqliteTokens } from './tokens.ts';
import type { SqliteUsers } from './users.ts';

/** What is not told any more: the first ones say enough. */
const maxFindings = 1_000;

type Parts = {
  readonly revisions: SqliteRevisions;
  readonly sealed: SqliteSealedBlobs;
  readonly audit: SqliteAuditLog;
  readonly users: SqliteUsers;
  readonly sessions: SqliteSessions;
  readonly tokens: SqliteTokens;
};

/** Never throws for what is in the file. */
export function verifyDatabase(db: Database, parts: Parts, opener?: Opener): readonly StoreFinding[] {
  const findings: StoreFinding[] = [];
  const report: Report = (code, where, detail) => {
    if (findings.length < maxFindings) findings.push({ code, where, detail });
  };
  // What cannot be read in one table says nothing of the others.
  const attempt = (where: string, act: () => void): void => {
    try {
      act();
    } catch (error) {
      if (!(error instanceof StoreProblem) && !isSqliteError(error)) throw error;
      report('unreadable', where, error.message);
    }
  };
  // One moment for all of it, whoever writes meanwhile.
  db.read(() => {
    attempt('the file', () => checkFile(db, report));
    attempt('the objects', () => {
      for (const object of parts.revisions.documents()) verifyObject(object, report);
    });
    attempt('the revisions', () => {
      const chain = new RevisionChain(report);
      for (const [revision, changes] of parts.revisions.history()) chain.next(revision, changes);
    });
    attempt('the audit log', () => checkAudit(parts, report));
    if (opener !== undefined) attempt('the sealed keys', () => openAll(parts.sealed, opener, report));
  });
  return findings;
}

function checkFile(db: Database, report: Report): void {
  for (const { integrity_check: text } of db.all<{ integrity_check: string }>('PRAGMA integrity_check(100)')) {
    if (text !== 'ok') report('unreadable', 'the file', text);
  }
  for (const { table, parent } of db.all<{ table: string; parent: string }>('PRAGMA foreign_key_check')) {
    report('row_missing', `table ${table}`, `a row refers to one in ${parent} that is not there`);
  }
}

function checkAudit({ audit, revisions, sealed, users, sessions, tokens }: Parts, report: Report): void {
  const chain = new AuditChain(report);
  for (const entry of audit.entries()) chain.next(entry);
  chain.end(audit.readHead());
  for (const [{ number, digest }] of revisions.history()) chain.row(`revision/${number}`, digest);
  const rows = function* (): Generator<AuditedRow, void, undefined> {
    for (const key of sealed.readKeys()) yield sealKeyRow(key);
    for (const blob of sealed.rows()) yield sealedRow(blob);
    for (const user of users.rows()) yield userRow(user);
    for (const session of sessions.rows()) yield sessionRow(session);
    for (const token of tokens.rows()) yield tokenRow(token);
  };
  for (const { subject, row } of rows()) chain.row(subject, row);
  chain.endOfRows((subject) => subject.startsWith('session/'));
}

function openAll(sealed: SqliteSealedBlobs, opener: Opener, report: Report): void {
  for (const blob of sealed.rows()) {
    try {
      opener.open(blob).fill(0);
    } catch (error) {
      if (!(error instanceof StoreProblem)) throw error;
      report('sealed_changed', `sealed/${blob.digest}`, error.message);
    }
  }
}
