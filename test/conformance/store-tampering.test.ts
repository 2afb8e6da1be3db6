// Stores that somebody wrote to by another way: in a file, and in a database.
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { after, it } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { openPostgresStore } from '../../src/postgres/postgres-store.ts';
import { openSqliteStore } from '../../src/sqlite/sqlite-store.ts';
import type { Opener } from '../../src/store/seal.ts';
import type { Store } from '../../src/store/store.ts';
import type { StoreFinding } from '../../src/store/verify.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { addressOf } from '../support/stored-database.ts';
import { openTempDir } from '../support/temp.ts';
import { fillStore, type OpenCopy, testTampering } from './tampering-contract.ts';

type Open = (access: 'read' | 'write') => Promise<Store>;

const verifyWith =
  (open: Open) =>
  async (opener?: Opener): Promise<readonly StoreFinding[]> => {
    await using store = await open('read');
    return await store.verify(opener);
  };

const templateDir = openTempDir('tampering');
after(() => templateDir.remove());
let inFile: Promise<Opener> | undefined;

const openFile =
  (path: string): Open =>
  async (access) =>
    openSqliteStore({ path, access, clock: systemClock });

async function makeFile(): Promise<Opener> {
  await using store = await openFile(templateDir.file('store.db'))('write');
  return await fillStore(store);
}

const copyFile: OpenCopy = async (t) => {
  inFile ??= makeFile();
  const opener = await inFile;
  const dir = openTempDir('tampering');
  t.after(() => dir.remove());
  const path = dir.file('store.db');
  copyFileSync(templateDir.file('store.db'), path);
  chmodSync(path, 0o600);
  const open = openFile(path);
  const tamper = async (sql: string): Promise<void> => {
    const db = new DatabaseSync(path, { enableForeignKeyConstraints: false });
    const triggers = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'").all();
    for (const { name } of triggers) db.exec(`DROP TRIGGER ${String(name)}`);
    db.exec(sql);
    db.close();
  };
  return { opener, open, tamper, verify: verifyWith(open) };
};

testTampering('SQLite', copyFile);

it('SQLite: verify finds a text that is none', async (t) => {
  const { tamper, verify } = await copyFile(t);
  await tamper(`UPDATE object SET body = CAST(x'7b22ff' AS TEXT) WHERE id = 3`);
  assert.ok((await verify()).some(({ code }) => code === 'object_changed'));
});

let server: Promise<{ readonly postgres: Postgres; readonly opener: Opener }> | undefined;
after(async () => (await server)?.postgres[Symbol.asyncDispose]());

const openDatabase =
  (url: string): Open =>
  async (access) =>
    openPostgresStore({ address: addressOf(url), access, clock: systemClock });

async function makeDatabase(): Promise<{ readonly postgres: Postgres; readonly opener: Opener }> {
  const postgres = await startPostgres();
  await using store = await openDatabase(await postgres.createDatabase('template'))('write');
  return { postgres, opener: await fillStore(store) };
}

let made = 0;
testTampering('PostgreSQL', async () => {
  server ??= makeDatabase();
  const { postgres, opener } = await server;
  const database = `copy${++made}`;
  await postgres.psql(`CREATE DATABASE ${database} TEMPLATE template OWNER countersign`, 'postgres');
  const open = openDatabase(postgres.urlOf({ database }));
  const tamper = async (sql: string): Promise<void> => {
    const own = sql.replaceAll(/\b(INTO|UPDATE|FROM) user\b/g, '$1 account').replaceAll(/\bx'([0-9a-f]+)'/g, `'\\x$1'`);
    await postgres.psql(
      `SET session_replication_role = replica; SET standard_conforming_strings = on; SET search_path = countersign; ${own}`,
      database,
    );
  };
  return { opener, open, tamper, verify: verifyWith(open) };
});
