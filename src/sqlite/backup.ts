// A copy of the store as of one moment, while others write: by SQLite's own backup, into a file that gets its name when it is whole.
import { closeSync, linkSync, lstatSync, rmSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { showPath } from '../base/secret-text.ts';
import { makingProblem, openNewPrivateFile, syncToDisk } from '../store/private-file.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { Database } from './database.ts';
import { asStoreProblem, isSqliteError } from './sqlite-problem.ts';

/** In one step: between two of them another writer would make it begin again, and again. */
const allPages = 2 ** 31 - 1;

/** Throws `duplicate` where there is a file of the name, which stays as it is. */
export async function backupDatabase(db: Database, path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) {
    throw new StoreProblem('duplicate', `${showPath(path)} is there already`);
  }
  const draft = `${path}.${process.pid}.new`;
  try {
    closeSync(openNewPrivateFile(draft));
    await backup(db.connection, draft, { rate: allPages });
    finish(draft);
    // Unlike a renaming, a link replaces nothing that appeared meanwhile.
    linkSync(draft, path);
    rmSync(draft);
    syncToDisk(dirname(resolve(path)));
  } catch (error) {
    for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(`${draft}${suffix}`, { force: true });
    if (error instanceof StoreProblem) throw error;
    throw isSqliteError(error) ? asStoreProblem(error, path) : makingProblem(error, path);
  }
}

/** One file that can be read from a medium that nobody can write to; and what was copied can be read. */
function finish(path: string): void {
  const copy = new DatabaseSync(path);
  try {
    copy.exec('PRAGMA journal_mode = DELETE');
    const [first] = copy.prepare('PRAGMA quick_check(1)').all();
    if (first?.['quick_check'] !== 'ok')
      throw new StoreProblem('corrupt', 'the store is damaged, and so would its backup be');
  } finally {
    copy.close();
  }
  syncToDisk(path);
}
