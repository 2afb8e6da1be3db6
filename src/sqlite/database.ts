// One connection to the file: statements that are prepared once, transactions that happen whole or not at all, errors as
// problems of a store. What is asked in which order is its callers' business.
import { statSync } from 'node:fs';
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { showPath } from '../base/secret-text.ts';
import { StoreProblem } from '../store/store-problem.ts';
import { asStoreProblem } from './sqlite-problem.ts';

/**
 * `full`: on the disk when it returns, whatever happens to the power. `normal`: the last of these may be lost with the power,
 * never half of one, and never the order.
 */
export type Durability = 'full' | 'normal';

/** The first row, where there is one. */
type Found<Row> = Row | undefined;

export class Database {
  readonly path: string;
  /** For what takes a connection as it is: backups. */
  readonly connection: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #inode: number;
  #durability: Durability = 'full';

  /** `connection`: open, with `synchronous` FULL. */
  constructor(path: string, connection: DatabaseSync) {
    this.path = path;
    this.connection = connection;
    this.#inode = statSync(path).ino;
  }

  all<Row>(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#guard(() => this.#prepare(sql).all(...values) as Row[]);
  }

  get<Row>(sql: string, ...values: SQLInputValue[]): Found<Row> {
    return this.#guard(() => this.#prepare(sql).get(...values) as Found<Row>);
  }

  /** How many rows were changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return this.#guard(() => Number(this.#prepare(sql).run(...values).changes));
  }

  /** Row by row: for what is too much to hold. A statement of its own, so that it may be nested. */
  *each<Row>(sql: string, ...values: SQLInputValue[]): Generator<Row, void, undefined> {
    const rows = this.#guard(() => this.connection.prepare(sql).iterate(...values) as Iterator<Row>);
    for (;;) {
      const next = this.#guard(() => rows.next());
      if (next.done === true) return;
      yield next.value;
    }
  }

  /** A number that changes whenever another connection has written. Throws `replaced` where they write to another file. */
  dataVersion(): number {
    this.#refuseReplaced();
    return this.get<{ data_version: number }>('PRAGMA data_version')?.data_version ?? 0;
  }

  /** Everything that `act` writes, or nothing where it throws. Nobody else writes in between. */
  write<Result>(durability: Durability, act: () => Result): Result {
    return this.#guard(() => {
      this.#refuseReplaced();
      if (durability !== this.#durability) {
        this.connection.exec(`PRAGMA synchronous = ${durability.toUpperCase()}`);
        this.#durability = durability;
      }
      this.connection.exec('BEGIN IMMEDIATE');
      try {
        const result = act();
        this.connection.exec('COMMIT');
        return result;
      } finally {
        this.#rollBack();
      }
    });
  }

  /** What `act` reads is of one moment. */
  read<Result>(act: () => Result): Result {
    return this.#guard(() => {
      this.connection.exec('BEGIN');
      try {
        return act();
      } finally {
        // Nothing was written; to commit would fail where a page could not be read.
        this.#rollBack();
      }
    });
  }

  close(): void {
    this.#statements.clear();
    if (this.connection.isOpen) this.#guard(() => this.connection.close());
  }

  /** What is not committed. SQLite rolls some failures back by itself. */
  #rollBack(): void {
    if (this.connection.isTransaction) this.connection.exec('ROLLBACK');
  }

  /** Another file under the name (a backup that was moved there): what is written here would be in no file any more. */
  #refuseReplaced(): void {
    const inode = statSync(this.path, { throwIfNoEntry: false })?.ino;
    if (inode !== this.#inode)
      throw new StoreProblem('replaced', `${showPath(this.path)} was replaced while it was open`);
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.connection.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #guard<Result>(act: () => Result): Result {
    try {
      return act();
    } catch (error) {
      throw asStoreProblem(error, this.path);
    }
  }
}
