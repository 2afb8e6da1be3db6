// Puts the rows of a store that is kept elsewhere into a database that holds none: all of them, or nothing.
import type { Clock } from '../base/clock.ts';
import type { PostgresAddress } from '../config/postgres-address.ts';
import { StoreProblem } from '../store/store-problem.ts';
import { storeTables, type TableRow, type TableRows } from '../store/tables.ts';
import { Connection } from './connection.ts';
import { type Queries, transact, writersLock } from './database.ts';
import { migrate } from './migrate.ts';

/** Somebody waits for it. */
const queryMs = 60_000;

/** Rejects with a StoreProblem; `duplicate` where it holds one already. */
export async function fillPostgresStore(
  { address }: { readonly address: PostgresAddress; readonly clock: Clock },
  tables: TableRows,
): Promise<void> {
  const connection = await Connection.open({
    address,
    access: 'write',
    applicationName: 'countersign restore',
    queryMs,
  });
  try {
    await migrate(connection, true);
    const begin = `BEGIN; SELECT pg_advisory_xact_lock(${writersLock})`;
    await transact(connection, begin, 'COMMIT', async (queries) => {
      if ((await queries.get('SELECT 1 FROM audit LIMIT 1')) !== undefined)
        throw new StoreProblem('duplicate', 'the database holds a store already');
      for await (const { table, rows } of tables) for (const row of rows) await insert(queries, table, row);
      for (const { name, numbered } of storeTables)
        if (numbered !== undefined)
          await queries.run(
            `SELECT setval(pg_get_serial_sequence('countersign.${name}', '${numbered}'),
               (SELECT coalesce(max(${numbered}), 0) + 1 FROM ${name}), false)`,
          );
    });
  } finally {
    await connection.end();
  }
}

async function insert(queries: Queries, table: string, row: TableRow): Promise<void> {
  const columns = Object.keys(row);
  const places = columns.map((_, at) => `$${at + 1}`).join(', ');
  const sql = `INSERT INTO ${table} (${columns.join(', ')}) OVERRIDING SYSTEM VALUE VALUES (${places})`;
  await queries.run(sql, ...Object.values(row));
}
