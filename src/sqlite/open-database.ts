// Opens the file of a store: only where nobody else can read or replace it, with every setting that matters set on purpose.
import { closeSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { showPath } from '../base/secret-text.ts';
import { checkPrivateFile, makingProblem, openNewPrivateFile, syncToDisk } from '../store/private-file.ts';
import { StoreProblem } from '../store/store-problem.ts';
import { Database } from './database.ts';
import { migrate } from './migrate.ts';
import { asStoreProblem } from './sqlite-problem.ts';

export type OpenOptions = {
  readonly path: string;
  /** `read` neither makes nor changes the file. */
  readonly access: 'read' | 'write';
  /** How long to wait for another process that writes; the event loop waits as well. Default two seconds. */
  readonly busyMs?: number;
  /** The file grows no further than this. Default 4 GiB. */
  readonly maxBytes?: number;
};

const defaultBusyMs = 2_000;
const defaultMaxBytes = 4 * 1024 ** 3;
const pageBytes = 4096;
/** The write-ahead log is cut to this size after a checkpoint. */
const maxWalBytes = 64 * 1024 ** 2;

export function openDatabase(options: OpenOptions): Database {
  const { path, access, busyMs = defaultBusyMs } = options;
  if (!checkPrivateFile(path, 'path_refused')) {
    if (access === 'read') throw new StoreProblem('not_found', `${showPath(path)} does not exist`);
    makeFile(path);
  }
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, {
      readOnly: access === 'read',
      timeout: busyMs,
      enableForeignKeyConstraints: true,
      enableDoubleQuotedStringLiterals: false,
      allowExtension: false,
      defensive: true,
    });
    configure(db, options);
    migrate(db, path, access === 'write');
    return new Database(path, db);
  } catch (error) {
    db?.close();
    throw asStoreProblem(error, path);
  }
}

/** SQLite would make it readable for everybody; its log takes the mode of the file. */
function makeFile(path: string): void {
  try {
    closeSync(openNewPrivateFile(path));
    syncToDisk(dirname(resolve(path)));
  } catch (error) {
    // Another process may have been quicker.
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST' && checkPrivateFile(path, 'path_refused');
    if (!isThere) throw makingProblem(error, path);
  }
}

function configure(
  db: DatabaseSync,
  { access, maxBytes = defaultMaxBytes, busyMs = defaultBusyMs }: OpenOptions,
): void {
  // Nothing that stands in the schema of a file that somebody else wrote may call functions with effects.
  db.exec('PRAGMA trusted_schema = OFF');
  // Pages are checked as they are read.
  db.exec('PRAGMA cell_size_check = ON');
  db.exec('PRAGMA mmap_size = 0');
  if (access === 'read') {
    db.exec('PRAGMA query_only = ON');
    return;
  }
  useWriteAheadLog(db, busyMs);
  db.exec('PRAGMA synchronous = FULL');
  db.exec(`PRAGMA journal_size_limit = ${maxWalBytes}`);
  db.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxBytes / pageBytes))}`);
}

/** Two processes that make a store at once: for this one change SQLite does not wait by itself. */
function useWriteAheadLog(db: DatabaseSync, busyMs: number): void {
  const until = performance.now() + busyMs;
  for (;;) {
    try {
      db.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (error) {
      if ((error as { errcode?: number }).errcode !== 5 || performance.now() > until) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}
