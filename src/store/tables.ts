// The tables of a store, for copies from one database to another: what they are called in SQLite and in PostgreSQL, in an order in which no row
// comes before one that it refers to.

export type TableRow = Readonly<Record<string, unknown>>;
/** By the names of PostgreSQL. */
export type TableRows = AsyncIterable<{ readonly table: string; readonly rows: readonly TableRow[] }>;

export type StoreTable = {
  /** In PostgreSQL, where `user` is a word of the language. */
  readonly name: string;
  /** In SQLite, where that is another. */
  readonly sqlite?: string;
  /** The columns that tell rows apart, in their order. */
  readonly keys: readonly string[];
  /** Columns that are called otherwise in SQLite. */
  readonly columns?: Readonly<Record<string, string>>;
  /** Columns that are a boolean in PostgreSQL. */
  readonly booleans?: readonly string[];
  /** The column that PostgreSQL numbers by itself. */
  readonly numbered?: string;
};

export const storeTables: readonly StoreTable[] = [
  { name: 'object', keys: ['id'], numbered: 'id' },
  { name: 'revision', keys: ['number'] },
  { name: 'revision_change', keys: ['kind', 'id', 'revision'] },
  { name: 'seal_key', keys: ['id'], columns: { ordinal: 'position' } },
  { name: 'sealed', keys: ['digest'] },
  { name: 'object_sealed', keys: ['object_id', 'sealed'] },
  { name: 'audit', keys: ['seq'], columns: { row_digest: 'row' } },
  { name: 'audit_head', keys: ['one'] },
  { name: 'account', sqlite: 'user', keys: ['id'], booleans: ['disabled'] },
  { name: 'session', keys: ['digest'] },
  { name: 'token', keys: ['id'] },
  { name: 'gateway', keys: ['name'] },
  { name: 'handshake_failure', keys: ['id'], numbered: 'id' },
  { name: 'idempotency_key', keys: ['key'] },
  { name: 'record', keys: ['kind', 'key'] },
];
