// Statements and transactions on the database. Writers wait for each other under one advisory lock; each statement after it sees
// what was committed before (READ COMMITTED on purpose: a snapshot of REPEATABLE READ would be from before the wait). Readers of more
// than one statement see one moment.
import { StoreProblem } from '../store/store-problem.ts';
import type { Connection } from './connection.ts';
import { endsConnection } from './postgres-problem.ts';
import type { Pool } from './pool.ts';

/**
 * `full`: on the disk of the server when it resolves, with the one before it in order. `normal`: the last of these may be lost with the
 * power, and they wait for no other writer.
 */
export type Durability = 'full' | 'normal';

/** `CSTR`, and which lock of ours. */
export const writersLock = '1129534546, 1';

/** Statements on one connection, or on any. */
export interface Queries {
  all<Row>(sql: string, ...values: unknown[]): Promise<Row[]>;
  get<Row>(sql: string, ...values: unknown[]): Promise<Row | undefined>;
  /** How many rows were changed. */
  run(sql: string, ...values: unknown[]): Promise<number>;
}

class OnConnection implements Queries {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async all<Row>(sql: string, ...values: unknown[]): Promise<Row[]> {
    return (await this.#connection.query(sql, values)).rows as Row[];
  }

  async get<Row>(sql: string, ...values: unknown[]): Promise<Row | undefined> {
    return (await this.all<Row>(sql, ...values))[0];
  }

  async run(sql: string, ...values: unknown[]): Promise<number> {
    return (await this.#connection.query(sql, values)).count;
  }
}

export class Database implements Queries {
  readonly #pool: Pool;
  readonly #mayWrite: boolean;

  constructor(pool: Pool, mayWrite: boolean) {
    this.#pool = pool;
    this.#mayWrite = mayWrite;
  }

  async all<Row>(sql: string, ...values: unknown[]): Promise<Row[]> {
    return this.#pool.use(async (connection) => new OnConnection(connection).all<Row>(sql, ...values));
  }

  async get<Row>(sql: string, ...values: unknown[]): Promise<Row | undefined> {
    return (await this.all<Row>(sql, ...values))[0];
  }

  /** A statement that is a transaction of its own, and may be lost with the power. */
  async run(sql: string, ...values: unknown[]): Promise<number> {
    return this.write('normal', async (queries) => queries.run(sql, ...values));
  }

  /** Everything that `act` writes, or nothing where it rejects. With `full` nobody else writes so in between. */
  async write<Result>(durability: Durability, act: (queries: Queries) => Promise<Result>): Promise<Result> {
    if (!this.#mayWrite) throw new StoreProblem('read_only', 'the store was opened to be read only');
    const begin =
      durability === 'normal'
        ? 'BEGIN; SET LOCAL synchronous_commit = off'
        : // A server that is set to forget the last moments keeps these all the same.
          `BEGIN; SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off';
           SELECT pg_advisory_xact_lock(${writersLock})`;
    return this.#pool.use((connection) => transact(connection, begin, 'COMMIT', act));
  }

  /** What `act` reads is of one moment. */
  async read<Result>(act: (queries: Queries) => Promise<Result>): Promise<Result> {
    const begin = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';
    return this.#pool.use((connection) => transact(connection, begin, 'ROLLBACK', act));
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }
}

export async function transact<Result>(
  connection: Connection,
  begin: string,
  end: string,
  act: (queries: Queries) => Promise<Result>,
): Promise<Result> {
  try {
    await connection.query(begin);
    const result = await act(new OnConnection(connection));
    await connection.query(end);
    return result;
  } catch (error) {
    if (endsConnection(error)) connection.destroy();
    else await connection.query('ROLLBACK').catch(() => connection.destroy());
    throw error;
  }
}
