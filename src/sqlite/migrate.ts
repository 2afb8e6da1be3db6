// Brings the file of a store to the present schema: numbered steps, forward only, all that are missing in one transaction
// under the lock for writers. The number stands in `user_version`, what kind of file it is in `application_id`.
import type { DatabaseSync } from 'node:sqlite';
import { showPath } from '../base/secret-text.ts';
import { StoreProblem } from '../store/store-problem.ts';
import { schema1 } from './schema-1.ts';
import { schema2 } from './schema-2.ts';

/** `CSTR` */
export const applicationId = 0x43535452;

/** Step n brings a file of version n to version n + 1. Strings of TypeScript, so that a built package holds them. */
const migrations: readonly string[] = [schema1, schema2];
export const schemaVersion = migrations.length;

/** Throws `not_a_store`, `newer`, and `older` where it may not be changed. */
export function migrate(db: DatabaseSync, path: string, mayWrite: boolean): void {
  if (checkVersion(db, path) === schemaVersion) return;
  if (!mayWrite) throw new StoreProblem('older', `${showPath(path)} was written by an older version of Countersign`);
  db.exec('BEGIN IMMEDIATE');
  try {
    // Once more under the lock: somebody else may have been quicker.
    for (const step of migrations.slice(checkVersion(db, path))) db.exec(step);
    db.exec(`PRAGMA application_id = ${applicationId}`);
    db.exec(`PRAGMA user_version = ${schemaVersion}`);
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

/** The version of the file; 0 where it is empty. */
function checkVersion(db: DatabaseSync, path: string): number {
  const id = pragma(db, 'application_id');
  const version = pragma(db, 'user_version');
  const tables = db.prepare('SELECT count(*) AS value FROM sqlite_schema').get()?.['value'];
  if (id === 0 && version === 0 && tables === 0) return 0;
  if (id !== applicationId) throw new StoreProblem('not_a_store', `${showPath(path)} is a database of something else`);
  if (version > schemaVersion) {
    const detail = `schema ${version}, this one knows ${schemaVersion}`;
    throw new StoreProblem('newer', `${showPath(path)} was written by a newer version of Countersign (${detail})`);
  }
  return version;
}

function pragma(db: DatabaseSync, name: 'application_id' | 'user_version'): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0);
}
