// A copy of the store as of one moment, while others write: by SQLite's own backup, into a file that gets its name when it is whole.
import { chmodSync, closeSync, constants, fsyncSync, linkSync, lstatSync, openSync, rmSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { showPath } from '../base/secret-text.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { Database } from './database.ts';
import { asStoreProblem, isSqliteError } from './sqlite-problem.ts';

/** Throws `duplicate` where there is a file of the name, which stays as it is. */
export async function backupDatabase(db: Database, path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) {
    throw new StoreProblem('duplicate', `${showPath(path)} is there already`);
  }
  const draft = `${path}.${process.pid}.new`;
  try {
    make(draft);
    await backup(db.connection, draft);
    finish(draft);
    // Unlike a renaming, a link replaces nothing that appeared meanwhile.
    linkSync(draft, path);
    rmSync(draft);
    sync(dirname(resolve(path)));
  } catch (error) {
    for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(`${draft}${suffix}`, { force: true });
    if (isSqliteError(error)) throw asStoreProblem(error, path);
    throw fileProblem(error, path);
  }
}

function make(path: string): void {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  closeSync(openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600));
  chmodSync(path, 0o600);
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
  sync(path);
}

function sync(path: string): void {
  const file = openSync(path, constants.O_RDONLY);
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function fileProblem(error: unknown, path: string): unknown {
  if (error instanceof StoreProblem) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EEXIST') return new StoreProblem('duplicate', `${showPath(path)} is there already`, { cause: error });
  const kind = code === 'ENOSPC' || code === 'EDQUOT' ? 'disk_full' : code === 'EROFS' ? 'read_only' : 'cannot_open';
  return new StoreProblem(kind, `${showPath(path)} cannot be made`, { cause: error });
}
