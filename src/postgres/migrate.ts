// Brings the schema of a store to the present version: numbered steps, forward only, all that are missing in one transaction
// under the lock for writers, so that of two gateways that start at once one does it and the other finds it done.
import { StoreProblem } from '../store/store-problem.ts';
import type { Connection } from './connection.ts';
import { type Queries, transact, writersLock } from './database.ts';
import { schema1 } from './schema-1.ts';

/** Step n brings a schema of version n to version n + 1. Strings of TypeScript, so that a built package holds them. */
const migrations: readonly string[] = [schema1];
export const schemaVersion = migrations.length;

/** Rejects with `not_found` and `older` where it may not be changed, `newer`, `not_a_store`. */
export async function migrate(connection: Connection, mayWrite: boolean): Promise<void> {
  const version = await transact(connection, 'BEGIN READ ONLY', 'ROLLBACK', readVersion);
  if (version === schemaVersion) return;
  if (!mayWrite) {
    if (version === 0)
      throw new StoreProblem('not_found', 'the database holds no store: there is no schema countersign');
    throw new StoreProblem('older', 'the store was written by an older version of Countersign');
  }
  const begin = `BEGIN; SELECT pg_advisory_xact_lock(${writersLock})`;
  await transact(connection, begin, 'COMMIT', async (queries) => {
    // Once more under the lock: somebody else may have been quicker.
    const present = await readVersion(queries);
    if (present === schemaVersion) return;
    if (present === 0) await queries.run('CREATE SCHEMA IF NOT EXISTS countersign');
    // Without values: a step is many statements.
    for (const step of migrations.slice(present)) await connection.query(step);
    await queries.run('UPDATE countersign.store SET version = $1', schemaVersion);
  });
}

/** 0 where there is none. */
async function readVersion(queries: Queries): Promise<number> {
  const found = await queries.get<{ schemas: number; tables: number; store: boolean }>(
    `SELECT (SELECT count(*) FROM pg_namespace WHERE nspname = 'countersign') AS schemas,
       (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'countersign' AND c.relkind IN ('r', 'p', 'v')) AS tables,
       EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'countersign' AND c.relname = 'store' AND c.relkind = 'r') AS store`,
  );
  if (found === undefined || found.tables === 0) return 0;
  if (!found.store)
    throw new StoreProblem('not_a_store', 'the schema countersign of the database is of something else');
  const version = (await queries.get<{ version: number }>('SELECT version FROM countersign.store'))?.version ?? 0;
  if (version > schemaVersion) {
    const detail = `schema ${version}, this one knows ${schemaVersion}`;
    throw new StoreProblem('newer', `the store was written by a newer version of Countersign (${detail})`);
  }
  return version;
}
