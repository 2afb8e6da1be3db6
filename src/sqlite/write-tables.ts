// The rows of a store that is kept elsewhere, as the file of a store: a backup that every command reads, and that can be put in the place of
// what it was made of.
import { linkSync, lstatSync, rmSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { showPath } from '../base/secret-text.ts';
import { makingProblem, syncToDisk } from '../store/private-file.ts';
import { StoreProblem } from '../store/store-problem.ts';
import { storeTables, type TableRow, type TableRows } from '../store/tables.ts';
import { openDatabase } from './open-database.ts';
import { asStoreProblem, isSqliteError } from './sqlite-problem.ts';

/** Rejects with `duplicate` where there is a file of the name, which stays as it is. */
export async function writeTables(path: string, tables: TableRows): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined)
    throw new StoreProblem('duplicate', `${showPath(path)} is there already`);
  const draft = `${path}.${process.pid}.new`;
  try {
    // Made with the schema, then filled over a connection of its own.
    openDatabase({ path: draft, access: 'write' }).close();
    const db = new DatabaseSync(draft);
    try {
      db.exec('PRAGMA journal_mode = DELETE; BEGIN');
      for await (const { table, rows } of tables) for (const row of rows) insert(db, table, row);
      db.exec('COMMIT');
    } finally {
      db.close();
    }
    syncToDisk(draft);
    // Unlike a renaming, a link replaces nothing that appeared meanwhile.
    linkSync(draft, path);
    syncToDisk(dirname(resolve(path)));
  } catch (error) {
    if (error instanceof StoreProblem) throw error;
    throw isSqliteError(error) ? asStoreProblem(error, path) : makingProblem(error, path);
  } finally {
    for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(`${draft}${suffix}`, { force: true });
  }
}

function insert(db: DatabaseSync, table: string, row: TableRow): void {
  const { sqlite = table, columns: renamed = {} } = storeTables.find(({ name }) => name === table) ?? {};
  const columns = Object.keys(row).map((column) => renamed[column] ?? column);
  const values = Object.values(row).map((value) => {
    if (typeof value === 'boolean') return value ? 1 : 0;
    return value as string | number | Uint8Array | null;
  });
  const places = columns.map(() => '?').join(', ');
  db.prepare(`INSERT INTO ${sqlite} (${columns.join(', ')}) VALUES (${places})`).run(...values);
}
