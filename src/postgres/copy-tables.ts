// Every table of the store as of one moment, for whoever keeps a copy of it elsewhere.
import { StoreProblem } from '../store/store-problem.ts';
import { storeTables, type TableRow, type TableRows } from '../store/tables.ts';
import { batchDocuments } from './batches.ts';
import type { Queries } from './database.ts';

/** Puts them into a file that is not there yet. */
export type BackupTables = (path: string, tables: TableRows) => Promise<void>;

export async function copyTables(queries: Queries, path: string, backup: BackupTables | undefined): Promise<void> {
  if (backup === undefined) throw new StoreProblem('cannot_open', 'this process makes no backups');
  await backup(path, readTables(queries));
}

async function* readTables(queries: Queries): TableRows {
  for (const { name, keys } of storeTables) {
    const order = keys.join(', ');
    const places = keys.map((_, at) => `$${at + 1}`).join(', ');
    for (let after: readonly unknown[] | undefined; ; ) {
      const where = after === undefined ? '' : `WHERE (${order}) > (${places})`;
      const sql = `SELECT * FROM ${name} ${where} ORDER BY ${order} LIMIT ${batchDocuments}`;
      const rows = await queries.all<TableRow>(sql, ...(after ?? []));
      if (rows.length > 0) yield { table: name, rows };
      const last = rows.at(-1);
      if (last === undefined || rows.length < batchDocuments) break;
      after = keys.map((key) => last[key]);
    }
  }
}
