import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { describe, it, type TestContext } from 'node:test';
import { runHere } from '../../test/support/cli.ts';
import { openTempDir, type TempDir } from '../../test/support/temp.ts';
import { systemClock } from '../base/clock.ts';
import { openSqliteStore } from '../sqlite/sqlite-store.ts';
import { openingKeyPath, openOpener, writeOpeningKeys } from '../store/opening-key.ts';
import { makeSealKey, seal } from '../store/seal.ts';
import { storeCommand } from './store.ts';

const act = { actor: 'user:alice' };

async function makeStore(t: TestContext): Promise<{ readonly dir: TempDir; readonly path: string }> {
  const dir = openTempDir('store-command');
  t.after(() => dir.remove());
  const path = dir.file('store.db');
  await using store = await openSqliteStore({ path, access: 'write', clock: systemClock });
  const keep = (keys: Parameters<typeof writeOpeningKeys>[1]): void =>
    writeOpeningKeys(openingKeyPath(path), keys, true);
  const [key] = (await openOpener(store.sealed, undefined, keep, act)).publicParts();
  assert.ok(key !== undefined);
  const name = { kind: 'certificates', id: 'web' };
  const blob = seal(key, name, Buffer.from('the key'));
  await store.sealed.put(blob, act);
  const changes = [{ ...name, put: { key: { sealed: blob.digest } } }];
  await store.revisions.append({ ...act, parent: 0, changes });
  return { dir, path };
}

describe('countersign store', () => {
  it('verify says which revision there is and that all is well, keys included', async (t) => {
    const { path } = await makeStore(t);
    const run = await runHere(storeCommand, ['verify', path]);
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stdout, /^revision 1 [0-9a-f]{64}\naudit entry 3 [0-9a-f]{64}\nok\n$/);
    const json = await runHere(storeCommand, ['verify', path, '--json']);
    const { findings, keysOpened, revision } = JSON.parse(json.stdout);
    assert.deepEqual([findings, keysOpened, revision.number], [[], true, 1]);
  });

  it('verify names what was changed, ends with 1, and lets nothing of it reach the terminal as it is', async (t) => {
    const { path } = await makeStore(t);
    const db = new DatabaseSync(path);
    db.exec(`INSERT INTO user VALUES (char(27) || '[31m', 'eve', 'admin', NULL, 0, 0, 1, NULL)`);
    db.close();
    const run = await runHere(storeCommand, ['verify', path]);
    assert.equal(run.code, 1);
    assert.match(run.stdout, /^row_added: user\/\\u001b\[31m: the audit log knows nothing of it\n1 found: /);
    const json = await runHere(storeCommand, ['verify', path, '--json']);
    assert.equal(json.code, 1);
    assert.equal(JSON.parse(json.stdout).findings[0].code, 'row_added');
  });

  it('verify says where the keys were not opened, and which opening key does not open them', async (t) => {
    const { dir, path } = await makeStore(t);
    const copy = dir.file('copy.db');
    assert.equal((await runHere(storeCommand, ['backup', path, copy])).code, 0);
    const without = await runHere(storeCommand, ['verify', copy]);
    assert.equal(without.code, 0);
    assert.match(without.stdout, /ok, without the sealed keys: the opening key is not there\n$/);
    const given = await runHere(storeCommand, ['verify', copy, '--key', openingKeyPath(path)]);
    assert.match(given.stdout, /\nok\n$/);
    writeOpeningKeys(dir.file('other.key'), [makeSealKey()], true);
    const wrong = await runHere(storeCommand, ['verify', copy, '--key', dir.file('other.key')]);
    assert.equal(wrong.code, 1);
    assert.match(wrong.stdout, /^sealed_changed: sealed\//);
    const none = await runHere(storeCommand, ['verify', copy, '--key', dir.file('none.key')]);
    assert.equal(none.code, 1);
    assert.match(none.stderr, /^not_found: /);
  });

  it('backup copies a store that is in use, and overwrites nothing', async (t) => {
    const { dir, path } = await makeStore(t);
    await using store = await openSqliteStore({ path, access: 'write', clock: systemClock });
    await store.revisions.append({ ...act, parent: 1, changes: [{ kind: 'services', id: 'a', put: {} }] });
    const run = await runHere(storeCommand, ['backup', path, dir.file('copy.db')]);
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stdout, /copy\.db: revision 2 [0-9a-f]{64}\n$/);
    assert.equal(statSync(dir.file('copy.db')).mode & 0o777, 0o600);
    const again = await runHere(storeCommand, ['backup', path, dir.file('copy.db')]);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /^duplicate: .*\n {2}\S/);
  });

  it('rotate-key seals every key with a new opening key, and the old one opens none of them', async (t) => {
    const { dir, path } = await makeStore(t);
    const before = readFileSync(openingKeyPath(path));
    const run = await runHere(storeCommand, ['rotate-key', path]);
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stdout, /^every key is sealed with [0-9a-f]{16} now; /);
    assert.match((await runHere(storeCommand, ['verify', path])).stdout, /\nok\n$/);
    chmodSync(dir.write('old.key', before), 0o600);
    const old = await runHere(storeCommand, ['verify', path, '--key', dir.file('old.key')]);
    assert.match(old.stdout, /^sealed_changed: /);
    const again = await runHere(storeCommand, ['rotate-key', path, '--key', dir.file('old.key')]);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /^seal_key_wrong: /);
    assert.deepEqual(readFileSync(dir.file('old.key')), before);
    const none = await runHere(storeCommand, ['rotate-key', dir.file('none.db'), '--key', openingKeyPath(path)]);
    assert.match(none.stderr, /^not_found: /);
    assert.equal(existsSync(dir.file('none.db')), false);
  });

  it('says in a line what is wrong with a file that is no store, and makes none', async (t) => {
    const { dir } = await makeStore(t);
    const missing = await runHere(storeCommand, ['verify', dir.file('none.db')]);
    assert.equal(missing.code, 1);
    assert.match(
      missing.stderr,
      /^not_found: .*none\.db does not exist\n {2}Give the path of a store that exists\.\n$/,
    );
    chmodSync(dir.write('text.db', 'a text '.repeat(1000)), 0o600);
    const text = await runHere(storeCommand, ['backup', dir.file('text.db'), dir.file('copy.db')]);
    assert.match(text.stderr, /^not_a_store: /);
  });
});
