// The rows of the file of a store as of one moment, for a database that takes them all.
import { storeTables, type TableRow, type TableRows } from '../store/tables.ts';
import { openDatabase } from './open-database.ts';

const batchRows = 100;

/** Rejects with a StoreProblem. */
export async function* readTables(path: string): TableRows {
  const db = openDatabase({ path, access: 'read' });
  try {
    db.connection.exec('BEGIN');
    for (const { name, sqlite, columns = {}, booleans = [] } of storeTables) {
      const names = new Map(Object.entries(columns).map(([there, here]) => [here, there]));
      const convert = (row: TableRow): TableRow =>
        Object.fromEntries(
          Object.entries(row).map(([column, value]) => {
            const there = names.get(column) ?? column;
            return [there, booleans.includes(there) ? value !== 0 : value];
          }),
        );
      let rows: TableRow[] = [];
      for (const row of db.each<TableRow>(`SELECT * FROM ${sqlite ?? name}`)) {
        rows.push(convert(row));
        if (rows.length < batchRows) continue;
        yield { table: name, rows };
        rows = [];
      }
      if (rows.length > 0) yield { table: name, rows };
    }
  } finally {
    db.close();
  }
}
