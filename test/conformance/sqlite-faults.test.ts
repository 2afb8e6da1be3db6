// What can go wrong with the file of a store: each is a problem with a code and a sentence, and never half a revision.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/base/clock.ts';
import type { OpenOptions } from '../../src/sqlite/open-database.ts';
import { openSqliteStore } from '../../src/sqlite/sqlite-store.ts';
import type { ObjectChange } from '../../src/store/object.ts';
import type { Store } from '../../src/store/store.ts';
import { StoreProblem, type StoreProblemCode } from '../../src/store/store-problem.ts';
import { startProcess } from '../support/owned-process.ts';
import { openTempDir, type TempDir } from '../support/temp.ts';
import { SAFETY_NET_MS } from '../support/wait-for.ts';

const writer = fileURLToPath(new URL('store-writer.ts', import.meta.url));
const act = { actor: 'user:alice' };

function tempDir(t: TestContext): TempDir {
  const dir = openTempDir('sqlite');
  t.after(() => dir.remove());
  return dir;
}

const open = (path: string, over: Partial<OpenOptions> = {}): Promise<Store> =>
  openSqliteStore({ path, access: 'write', clock: systemClock, ...over });

/** All objects of a revision that say which one they are of. */
const generation = (of: number, count = 20): ObjectChange[] =>
  Array.from({ length: count }, (_, at) => ({
    kind: 'services',
    id: `s${at}`,
    put: { of, at, text: 'x'.repeat(500) },
  }));

async function fill(path: string, revisions: number): Promise<void> {
  await using store = await open(path);
  for (let parent = 0; parent < revisions; parent += 1) {
    await store.revisions.append({ ...act, parent, changes: generation(parent + 1) });
  }
}

/** Without giving way, so that what comes next comes at once. */
function spinUntilChanged(path: string): void {
  const { size, mtimeNs } = statSync(path, { bigint: true });
  const until = performance.now() + SAFETY_NET_MS;
  for (;;) {
    const now = statSync(path, { bigint: true });
    if (now.size !== size || now.mtimeNs !== mtimeNs || performance.now() > until) return;
  }
}

/** The store opens, everything in it fits, and the last revision is whole. Returns its number. */
async function assertWhole(path: string): Promise<number> {
  await using store = await open(path);
  assert.deepEqual(await store.verify(), []);
  const { number } = await store.revisions.head();
  const read = await store.revisions.read(number);
  assert.deepEqual([...new Set(read?.objects.map(({ body }) => body['of']))], number === 0 ? [] : [number]);
  return number;
}

const problem =
  (code: StoreProblemCode) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof StoreProblem, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  };

describe('the file of a store', () => {
  it('is readable for its user only, with everything beside it', async (t) => {
    const dir = tempDir(t);
    const path = dir.file('store.db');
    await using store = await open(path);
    await store.revisions.append({ ...act, parent: 0, changes: generation(1) });
    for (const file of [path, `${path}-wal`, `${path}-shm`]) assert.equal(statSync(file).mode & 0o777, 0o600, file);
  });

  it('is refused where others could read it, write to its folder, or where it is a link or a folder', async (t) => {
    const dir = tempDir(t);
    const path = dir.file('store.db');
    await fill(path, 1);
    for (const mode of [0o640, 0o604, 0o660]) {
      chmodSync(path, mode);
      await assert.rejects(open(path), problem('path_refused'));
    }
    chmodSync(path, 0o600);
    symlinkSync(path, dir.file('link.db'));
    await assert.rejects(open(dir.file('link.db')), problem('path_refused'));
    dir.write('folder/x', '');
    await assert.rejects(open(dir.file('folder')), problem('path_refused'));
    await assert.rejects(open(dir.file('none/store.db')), problem('cannot_open'));
    for (const mode of [0o770, 0o707, 0o1777]) {
      chmodSync(dir.path, mode);
      await assert.rejects(open(path), problem('path_refused'));
    }
    chmodSync(dir.path, 0o755);
    assert.equal(await assertWhole(path), 1);
  });

  it('is left alone where it is of something else, of a newer version, or none at all', async (t) => {
    const dir = tempDir(t);
    const path = dir.file('store.db');
    await fill(path, 1);
    const change = (sql: string): void => {
      const db = new DatabaseSync(path);
      db.exec(sql);
      db.close();
    };
    change('PRAGMA user_version = 99');
    await assert.rejects(open(path), problem('newer'));
    change('PRAGMA user_version = 0');
    await assert.rejects(open(path, { access: 'read' }), problem('older'));
    change('PRAGMA user_version = 1; PRAGMA application_id = 7');
    await assert.rejects(open(path), problem('not_a_store'));
    const text = 'this is a text and no database at all, however long it is. '.repeat(200);
    writeFileSync(path, text, { mode: 0o600 });
    await assert.rejects(open(path), problem('not_a_store'));
    assert.equal(readFileSync(path, 'utf8'), text);
    await assert.rejects(open(dir.file('no.db'), { access: 'read' }), problem('not_found'));
    assert.equal(existsSync(dir.file('no.db')), false);
  });

  it('is brought to the present schema with all that is in it, by a writer and not by a reader', async (t) => {
    const path = tempDir(t).file('store.db');
    await fill(path, 2);
    const old = new DatabaseSync(path);
    // What the first version of the file did not have.
    old.exec(`DROP TABLE record; DROP INDEX user_by_provider; ALTER TABLE user DROP COLUMN provider;
      ALTER TABLE revision DROP COLUMN canary; PRAGMA user_version = 1`);
    old.close();
    await assert.rejects(open(path, { access: 'read' }), { code: 'older' });
    await using store = await open(path);
    assert.deepEqual(await store.verify(), []);
    const read = await store.revisions.read(2);
    assert.equal(read?.revision.canary, null);
    assert.equal(read.objects.length, 20);
    await using reader = await open(path, { access: 'read' });
    assert.equal((await reader.revisions.head('edge-1')).number, 2);
  });

  it('is not changed by who only reads it', async (t) => {
    const path = tempDir(t).file('store.db');
    await fill(path, 1);
    await using store = await open(path, { access: 'read' });
    assert.equal((await store.revisions.head()).number, 1);
    const request = { ...act, parent: 1, changes: generation(2) };
    await assert.rejects(store.revisions.append(request), problem('read_only'));
    assert.deepEqual(await store.verify(), []);
  });

  it('is not written to any more when another file stands under its name', async (t) => {
    const dir = tempDir(t);
    const path = dir.file('store.db');
    await fill(path, 1);
    await using store = await open(path);
    await store.backup(dir.file('backup.db'));
    renameSync(dir.file('backup.db'), path);
    const request = { ...act, parent: 1, changes: generation(2) };
    await assert.rejects(store.revisions.append(request), problem('replaced'));
  });

  it('is waited for while another process writes, and not for ever', async (t) => {
    const path = tempDir(t).file('store.db');
    await fill(path, 1);
    const other = new DatabaseSync(path);
    await using store = await open(path, { busyMs: 20 });
    other.exec('BEGIN IMMEDIATE');
    const request = { ...act, parent: 1, changes: generation(2) };
    await assert.rejects(store.revisions.append(request), problem('locked'));
    // Who reads does not wait.
    assert.equal((await store.revisions.read(1))?.objects.length, 20);
    other.exec('ROLLBACK');
    assert.equal((await store.revisions.append(request)).outcome, 'appended');
    other.close();
  });

  it('is full at its limit: the revision that does not fit is not there, and the next that does is', async (t) => {
    const path = tempDir(t).file('store.db');
    await using store = await open(path, { maxBytes: 500_000 });
    await store.revisions.append({ ...act, parent: 0, changes: generation(1) });
    const large = { ...act, parent: 1, changes: generation(2, 2000) };
    await assert.rejects(store.revisions.append(large), problem('disk_full'));
    assert.equal((await store.revisions.head()).number, 1);
    const small = await store.revisions.append({ ...act, parent: 1, changes: generation(2) });
    assert.equal(small.outcome, 'appended');
    assert.deepEqual(await store.verify(), []);
  });

  it('cannot grow where the system does not let it: no half of a revision', async (t) => {
    const path = tempDir(t).file('store.db');
    await fill(path, 1);
    // Blocks of 1024 bytes for the largest file that the process may write.
    const command = `ulimit -f 300; exec "$0" "$@"`;
    const run = spawnSync('bash', ['-c', command, process.execPath, writer, path, 'grow', '200'], {
      timeout: SAFETY_NET_MS,
    });
    assert.match(String(run.stdout), /problem (io|disk_full)\n$/, String(run.stderr));
    assert.ok((await assertWhole(path)) >= 1);
  });
});

describe('the file of a store that is damaged', () => {
  it('is found out by verify wherever a page is overwritten, and never makes it fail', async (t) => {
    const dir = tempDir(t);
    const path = dir.file('store.db');
    await fill(path, 12);
    const bytes = readFileSync(path);
    const pages = bytes.length / 4096;
    const seen = new Set<string>();
    for (let page = 1; page < pages; page += 1) {
      const damaged = Buffer.from(bytes);
      damaged.fill(0x5a, page * 4096, (page + 1) * 4096);
      writeFileSync(dir.file('damaged.db'), damaged, { mode: 0o600 });
      const store = await open(dir.file('damaged.db'), { access: 'read' }).catch((error: unknown) => {
        assert.ok(problem('corrupt')(error));
      });
      if (store === undefined) continue;
      const findings = await store.verify();
      assert.notDeepEqual(findings, [], `page ${page}`);
      for (const { code } of findings) seen.add(code);
      await store.revisions.read(12).catch((error: unknown) => {
        assert.ok(error instanceof StoreProblem && ['corrupt', 'altered'].includes(error.code), String(error));
      });
      await store.close();
    }
    assert.ok(seen.has('unreadable'));
  });

  it('is a whole one of before where its log is cut anywhere', async (t) => {
    const dir = tempDir(t);
    const path = dir.file('store.db');
    const revisions = 8;
    const store = await open(path);
    for (let parent = 0; parent < revisions; parent += 1) {
      await store.revisions.append({ ...act, parent, changes: generation(parent + 1) });
    }
    // As a crash leaves them: a log that nobody has taken into the file.
    for (const suffix of ['', '-wal']) copyFileSync(`${path}${suffix}`, dir.file(`crashed.db${suffix}`));
    await store.close();
    const whole = statSync(dir.file('crashed.db-wal')).size;
    const found = new Set<number>();
    for (let step = 0; step <= 12; step += 1) {
      for (const suffix of ['', '-wal']) {
        copyFileSync(dir.file(`crashed.db${suffix}`), dir.file(`cut.db${suffix}`));
        chmodSync(dir.file(`cut.db${suffix}`), 0o600);
      }
      truncateSync(dir.file('cut.db-wal'), Math.floor((whole * step) / 12));
      found.add(await assertWhole(dir.file('cut.db')));
    }
    assert.ok(found.has(0) && found.has(revisions) && found.size > 2, [...found].join());
  });
});

describe('writers of a store', () => {
  it('that are killed in the middle of an append leave the old revision or the new one', async (t) => {
    const path = tempDir(t).file('store.db');
    for (let round = 0; round < 6; round += 1) {
      await using child = await startProcess(process.execPath, [writer, path, 'grow', '1500']);
      await child.lines.waitFor(({ text }) => text.startsWith('begin'));
      // Half of them as soon as it begins, half while it writes to the disk.
      if (round % 2 === 1) spinUntilChanged(`${path}-wal`);
      await child.stop('SIGKILL');
      const said = child.lines.items.map(({ text }) => text.split(' '));
      const numbers = (word: string): number[] => said.filter(([first]) => first === word).map(([, n]) => Number(n));
      const confirmed = Math.max(Math.min(...numbers('begin')) - 1, ...numbers('done'));
      const head = await assertWhole(path);
      assert.ok(head >= confirmed && head <= Math.max(...numbers('begin')), `${head} of ${said.join(' | ')}`);
    }
  });

  it('that append at once, in two processes that also make the store: each change is in it, in one chain', async (t) => {
    const path = tempDir(t).file('store.db');
    const each = 40;
    const start = () => startProcess(process.execPath, [writer, path, 'race', String(each)]);
    await using one = await start();
    await using other = await start();
    for (const child of [one, other]) {
      const { code } = await child.exited;
      assert.equal(code, 0, child.lines.tail());
      assert.equal(
        child.lines.items.some(({ text }) => text.startsWith('problem')),
        false,
        child.lines.tail(),
      );
    }
    await using store = await open(path);
    assert.deepEqual(await store.verify(), []);
    assert.equal((await store.revisions.head()).number, 2 * each);
    assert.equal((await store.revisions.read(2 * each))?.objects.length, 2 * each);
    const actors = new Set((await store.revisions.list({ limit: 1000 })).items.map(({ actor }) => actor));
    assert.equal(actors.size, 2);
  });
});

describe('a backup of a store', () => {
  it('is a whole store of mode 0600, made while others write, and overwrites nothing', async (t) => {
    const dir = tempDir(t);
    const path = dir.file('store.db');
    await fill(path, 3);
    await using store = await open(path);
    await using other = await open(path);
    const backup = store.backup(dir.file('backup.db'));
    await other.revisions.append({ ...act, parent: 3, changes: generation(4) });
    await backup;
    assert.equal(statSync(dir.file('backup.db')).mode & 0o777, 0o600);
    assert.equal(existsSync(dir.file('backup.db-wal')), false);
    assert.ok((await assertWhole(dir.file('backup.db'))) >= 3);
    await assert.rejects(store.backup(dir.file('backup.db')), problem('duplicate'));
    await assert.rejects(store.backup(dir.file('none/backup.db')), problem('cannot_open'));
  });
});
