// What can go wrong between a gateway and its database: each is a problem with a code and a sentence, and the password is in none. And what several
// processes do to one database at once.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/base/clock.ts';
import type { PostgresAddress } from '../../src/config/postgres-address.ts';
import { copyIntoDatabase, openStore } from '../../src/loading/open-store.ts';
import { openPostgresStore, type OpenOptions } from '../../src/postgres/postgres-store.ts';
import type { VerifiedSoFar } from '../../src/postgres/verify-database.ts';
import { openSqliteStore } from '../../src/sqlite/sqlite-store.ts';
import type { RevisionHead } from '../../src/store/revision.ts';
import type { Store } from '../../src/store/store.ts';
import { StoreProblem, type StoreProblemCode } from '../../src/store/store-problem.ts';
import { findFreePort } from '../support/free-port.ts';
import { startProcess } from '../support/owned-process.ts';
import { openAuthority } from '../support/pki.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { addressOf, appendTo, patient, put } from '../support/stored-database.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { openTempDir } from '../support/temp.ts';
import { eventually, Feed } from '../support/wait-for.ts';
import { fillStore } from './tampering-contract.ts';

const writer = fileURLToPath(new URL('store-writer.ts', import.meta.url));
const act = { actor: 'user:alice' };
let postgres: Postgres;
before(async () => {
  postgres = await startPostgres({
    tls: 'server',
    settings: ['max_connections = 12', 'superuser_reserved_connections = 3'],
  });
});
after(async () => postgres[Symbol.asyncDispose]());

const open = async (address: PostgresAddress | string, over: Partial<OpenOptions> = {}): Promise<Store> =>
  openPostgresStore({
    address: typeof address === 'string' ? addressOf(address) : address,
    access: 'write',
    clock: systemClock,
    ...patient,
    ...over,
  });

async function refuses(
  address: PostgresAddress | string,
  code: StoreProblemCode,
  over: Partial<OpenOptions> = {},
): Promise<void> {
  await assert.rejects(open(address, over), (error: unknown) => {
    assert.ok(error instanceof StoreProblem, String(error));
    assert.equal(error.code, code, error.message);
    assert.notEqual(error.help, '');
    assert.ok(!`${error.message} ${error.stack}`.includes(postgres.password));
    return true;
  });
}

describe('a database that cannot be had', () => {
  it('says why: no server, no database, no way in', async () => {
    await refuses(postgres.urlOf({ port: await findFreePort() }), 'unreachable');
    await refuses(postgres.urlOf({ host: 'no-such-host.invalid' }), 'unreachable');
    await refuses(postgres.urlOf({ database: 'none' }), 'no_database');
    await refuses(postgres.urlOf({ password: 'wrong' }), 'login_refused');
    await refuses({ ...addressOf(postgres.url), password: undefined }, 'login_refused');
    await refuses(postgres.urlOf({ user: 'nobody' }), 'login_refused');
    await refuses(postgres.url, 'not_found', { access: 'read' });
  });

  it('is believed with a certificate of its CA for its name only, and never without TLS', async () => {
    const { authority } = postgres.tls ?? assert.fail();
    using dir = openTempDir('other-ca');
    const other = await openAuthority(dir, 'other');
    await refuses(postgres.urlOf({ parameters: { sslrootcert: other.file } }), 'tls_failed');
    await refuses(postgres.urlOf({ parameters: { sslrootcert: dir.file('none.crt') } }), 'tls_failed');
    await refuses(postgres.urlOf({ parameters: { sslrootcert: 'system' } }), 'tls_failed');
    await refuses(postgres.urlOf({ host: '127.0.0.2' }), 'unreachable');
    const plain = { ...addressOf(postgres.url), tls: { mode: 'disable' } as const };
    await refuses(plain, 'login_refused');
    await using without = await startPostgres();
    const asked = without.urlOf({ parameters: { sslmode: 'verify-full', sslrootcert: authority.file } });
    await assert.rejects(open(asked), { code: 'tls_failed' });
    await (await open(await postgres.createDatabase())).close();
  });

  it('is refused without rights, full of connections, and of another encoding', async () => {
    await postgres.psql(`CREATE ROLE guest LOGIN PASSWORD '${postgres.password}'`, 'postgres');
    const database = new URL(await postgres.createDatabase()).pathname.slice(1);
    await refuses(postgres.urlOf({ database, user: 'guest' }), 'denied');
    await (await open(postgres.urlOf({ database }))).close();
    await refuses(postgres.urlOf({ database, user: 'guest' }), 'denied');
    await postgres.psql(
      `CREATE DATABASE latin OWNER countersign ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`,
      'postgres',
    );
    await refuses(postgres.urlOf({ database: 'latin' }), 'cannot_open');
    const url = await postgres.createDatabase();
    const stores: Store[] = [];
    try {
      await assert.rejects(
        async () => {
          for (let i = 0; i < 12; i++) stores.push(await open(url));
        },
        { code: 'too_many_connections' },
      );
    } finally {
      await Promise.all(stores.map((store) => store.close()));
    }
  });

  it('is left alone where it is of something else, or of a newer version', async () => {
    const foreign = await postgres.createDatabase('foreign1');
    await postgres.psql(
      'CREATE SCHEMA countersign CREATE TABLE other (n int); GRANT USAGE ON SCHEMA countersign TO countersign',
      'foreign1',
    );
    await refuses(foreign, 'not_a_store');
    const url = await postgres.createDatabase('newer');
    await (await open(url)).close();
    await postgres.psql('UPDATE countersign.store SET version = 99', 'newer');
    await refuses(url, 'newer');
  });

  it('is not changed by who only reads it, nor where it takes no writes', async () => {
    const url = await postgres.createDatabase('readers');
    await using store = await open(url);
    await appendTo(store, [put('services', 'a', {})]);
    await using reader = await open(url, { access: 'read' });
    const request = { ...act, parent: 1, changes: [put('services', 'b', {})] };
    await assert.rejects(reader.revisions.append(request), { code: 'read_only' });
    await assert.rejects(postgres.psql('UPDATE countersign.revision SET number = 2', 'readers'), /append-only/);
    await assert.rejects(postgres.psql('TRUNCATE countersign.audit', 'readers'), /append-only/);
    await postgres.psql('ALTER DATABASE readers SET default_transaction_read_only = on', 'postgres');
    await refuses(url, 'standby');
  });

  it('that says nothing is waited for, and not for ever; what comes next is told at once', async () => {
    const url = await postgres.createDatabase();
    await using proxy = await startTcpProxy(postgres.port);
    const address = { ...addressOf(url), hosts: [{ host: '127.0.0.1', port: proxy.port }] };
    await using store = await open(address, { queryMs: 1500, connectMs: 1500 });
    proxy.swallow();
    await assert.rejects(store.revisions.head(), { code: 'timed_out' });
    const several = await Promise.allSettled(Array.from({ length: 8 }, async () => store.revisions.head()));
    for (const one of several)
      assert.ok(one.status === 'rejected' && (one.reason as StoreProblem).code === 'timed_out', JSON.stringify(one));
    proxy.restore();
    await eventually(async () => (await store.revisions.head()).number >= 0, { what: 'the database' });
    await using other = await open(url, { lockMs: 300 });
    await using holder = await open(url);
    // Whoever holds the lock for writers is waited for, and not for ever.
    const database = new URL(url).pathname.slice(1);
    const held = startHolding(database);
    await held.begun;
    await assert.rejects(appendTo(other, [put('services', 'a', {})]), { code: 'locked' });
    assert.equal((await holder.revisions.head()).number, 0);
    await held.end();
    assert.equal(await appendTo(other, [put('services', 'a', {})]), 1);
  });
});

/** Another process that holds the lock for writers. */
function startHolding(database: string): { readonly begun: Promise<void>; readonly end: () => Promise<void> } {
  const done = postgres.psql('SELECT pg_advisory_lock(1129534546, 1); SELECT pg_sleep(600)', database).catch(() => '');
  const isHeld = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted";
  const begun = (async () => {
    await eventually(async () => (await postgres.psql(isHeld, database)) !== '0', { what: 'the lock to be held' });
  })();
  return {
    begun,
    end: async () => {
      await postgres.psql(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()`,
        database,
      );
      await done;
    },
  };
}

describe('several hosts', () => {
  it('the one that takes writes is used, also after it has become another', async () => {
    await using first = await startPostgres();
    await using standby = await first.startStandby();
    const hosts = [first, standby].map(({ host, port }) => ({ host, port }));
    // The standby first: that it answers is not enough.
    const address = { ...addressOf(first.url), hosts: hosts.toReversed() };
    await using store = await open(address);
    const heads = new Feed<RevisionHead>('heads');
    const stop = store.revisions.onRevision((head) => heads.push(head));
    assert.equal(await appendTo(store, [put('services', 'a', {})]), 1);
    const alone = { ...addressOf(first.url), hosts: [{ host: standby.host, port: standby.port }] };
    await assert.rejects(open(alone), { code: 'standby' });
    // What was committed is there: the standby has it before the first is gone.
    await eventually(async () => (await standby.psql('SELECT count(*) FROM countersign.revision')) === '1', {
      what: 'the standby to have it',
    });
    await first.kill();
    await assert.rejects(store.revisions.head());
    await standby.promote();
    await eventually(async () => (await appendTo(store, [put('services', 'a', { after: 'failover' })])) > 0, {
      what: 'the promoted one to take it',
    });
    await using other = await open(alone);
    assert.equal(await appendTo(other, [put('services', 'b', {})]), 3);
    await heads.waitFor(({ number }) => number === 3);
    stop();
    assert.deepEqual(await store.verify(), []);
  });
});

describe('writers of a database', () => {
  it('that make the store and append at once: each change is in it, in one chain', async () => {
    const url = await postgres.createDatabase();
    const each = 20;
    const start = () =>
      startProcess(process.execPath, [writer, 'env', 'race', String(each)], { env: { STORE_URL: url } });
    await using one = await start();
    await using other = await start();
    for (const child of [one, other]) {
      const { code } = await child.exited;
      assert.equal(code, 0, child.lines.tail());
      assert.ok(!child.lines.items.some(({ text }) => text.startsWith('problem')), child.lines.tail());
    }
    await using store = await open(url);
    assert.deepEqual(await store.verify(), []);
    assert.equal((await store.revisions.head()).number, 2 * each);
    assert.equal((await store.revisions.read(2 * each))?.objects.length, 2 * each);
  });

  it('that are killed in the middle of an append leave the old revision or the new one', async () => {
    const url = await postgres.createDatabase();
    for (let round = 0; round < 4; round++) {
      await using child = await startProcess(process.execPath, [writer, 'env', 'grow', '800'], {
        env: { STORE_URL: url },
      });
      await child.lines.waitFor(({ text }) => text.startsWith('begin'));
      await new Promise((resolve) => setTimeout(resolve, round * 40));
      await child.stop('SIGKILL');
      await using store = await open(url, { lockMs: 20_000, queryMs: 30_000 });
      assert.deepEqual(await store.verify(), []);
      const { number } = await store.revisions.head();
      const read = await store.revisions.read(number);
      assert.deepEqual([...new Set(read?.objects.map(({ body }) => body['of']))], number === 0 ? [] : [number]);
    }
  });
});

describe('verify of a process that has verified before', () => {
  it('goes on from there, and finds what was done to the chains since and under it', async () => {
    const url = await postgres.createDatabase('so_far');
    const soFar: VerifiedSoFar = { state: undefined };
    await using store = await open(url, { soFar });
    await fillStore(store);
    assert.deepEqual(await store.verify(), []);
    assert.notEqual(soFar.state, undefined);
    await appendTo(store, [put('services', 'new', {})]);
    assert.deepEqual(await store.verify(), []);
    const tamper = (sql: string) =>
      postgres.psql(`SET session_replication_role = replica; SET search_path = countersign; ${sql}`, 'so_far');
    await appendTo(store, [put('services', 'newer', {})]);
    await tamper(`UPDATE revision SET actor = 'user:eve' WHERE number = (SELECT max(number) FROM revision)`);
    assert.equal((await store.verify())[0]?.code, 'revision_changed');
    // From then on all of it is looked at, until nothing is found.
    assert.equal((await store.verify())[0]?.code, 'revision_changed');
  });
});

describe('a backup of a database', () => {
  it('is the file of a store with all that is in it, and goes into an empty database again', async (t) => {
    const url = await postgres.createDatabase();
    await using store = await openStore(
      { path: '/none', postgres: addressOf(url) },
      { access: 'write', clock: systemClock, as: 'command' },
    );
    const opener = await fillStore(store);
    await store.gateways.report({ name: 'g1', revision: 3, content: null, report: { a: 1 } });
    await store.records.put({ kind: 'lease', key: 'k', gateway: 'g1', bytes: Buffer.from('x'), lastsMs: 60_000 });
    const dir = openTempDir('backup');
    t.after(() => dir.remove());
    const path = dir.file('backup.db');
    await store.backup(path);
    await assert.rejects(store.backup(path), { code: 'duplicate' });
    assert.ok(!existsSync(`${path}-wal`));
    const restored = await postgres.createDatabase();
    await copyIntoDatabase(path, addressOf(restored), systemClock);
    await assert.rejects(copyIntoDatabase(path, addressOf(restored), systemClock), { code: 'duplicate' });
    await using file = await openSqliteStore({ path, access: 'write', clock: systemClock });
    await using back = await open(restored);
    for (const copy of [file, back]) {
      assert.deepEqual(await copy.verify(opener), []);
      assert.deepEqual(await copy.revisions.head(), await store.revisions.head());
      assert.deepEqual(await copy.audit.head(), await store.audit.head());
      assert.deepEqual((await copy.users.list()).items, (await store.users.list()).items);
      assert.deepEqual(await copy.gateways.find('g1'), await store.gateways.find('g1'));
    }
    await appendTo(back, [put('services', 'after', { restoring: true })]);
    assert.deepEqual(await back.verify(opener), []);
  });
});
