// The opening key of a store, beside it or elsewhere: made once, where it is to stand; taken from the environment without ever being
// on a disk; and no other in its place.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { describe, it, type TestContext } from 'node:test';
import { openTempDir, type TempDir } from '../../test/support/temp.ts';
import { systemClock } from '../base/clock.ts';
import { mintCa } from '../certs/test-ca.ts';
import { openSqliteStore } from '../sqlite/sqlite-store.ts';
import { makeSealKey, seal } from '../store/seal.ts';
import { loadGateway } from './load.ts';
import { openSourceToRun } from './open-source.ts';
import { readOpener } from './read-opener.ts';

function open(t: TestContext): TempDir {
  const dir = openTempDir('seal-key');
  t.after(() => dir.remove());
  return dir;
}

const pemOfKey = (): string => makeSealKey().export({ format: 'pem', type: 'pkcs8' });
const config = (store: string): string => `gateway:\n  store: ${store}\n  tls: {defaultPolicy: none}\n`;

describe('an opening key', () => {
  it('from the environment opens what was sealed with it, and is on no disk', async (t) => {
    const dir = open(t);
    const pem = pemOfKey();
    const env = { SEAL_KEY: pem };
    const file = dir.write('gateway.yml', config('{url: "sqlite:store.db", sealKey: "${SEAL_KEY}"}'));
    const { source, location } = await openSourceToRun(file, { env, clock: systemClock });
    assert.ok(location !== undefined);
    const [key] = readOpener(location)?.publicParts() ?? [];
    assert.ok(key !== undefined);
    const pair = await (await mintCa({ cn: 'CA' })).issue({ kind: 'server', cn: 'a.test', sans: ['a.test'] });
    {
      await using store = await openSqliteStore({ path: location.path, access: 'write', clock: systemClock });
      const act = { actor: 'test' };
      const blob = seal(key, { kind: 'certificates', id: 'web' }, Buffer.from(pair.keyPem));
      await store.sealed.put(blob, act);
      const put = { cert: pair.chainPem, key: { sealed: blob.digest } };
      await store.revisions.append({ ...act, parent: 0, changes: [{ kind: 'certificates', id: 'web', put }] });
    }
    const { loaded, problems } = await loadGateway(source, { env, strict: true, clock: systemClock });
    assert.ok(loaded !== undefined, problems.map(({ message }) => message).join());
    assert.equal(loaded.named.certificates[0]?.pair.keyPem, pair.keyPem);
    assert.ok(!existsSync(`${location.path}.key`));
    const secret = pem.split('\n')[1] ?? pem;
    for (const name of readdirSync(dir.path)) assert.ok(!readFileSync(dir.file(name)).includes(secret), name);
  });

  it('under a path where nothing is yet is made there once, for its user alone', async (t) => {
    const dir = open(t);
    const file = dir.write('gateway.yml', config('{url: "sqlite:store.db", sealKey: elsewhere.key}'));
    const first = await openSourceToRun(file, { env: {}, clock: systemClock });
    const path = dir.file('elsewhere.key');
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.ok(!existsSync(dir.file('store.db.key')));
    const before = readFileSync(path, 'utf8');
    assert.ok(first.location !== undefined && readOpener(first.location) !== undefined);
    await openSourceToRun(file, { env: {}, clock: systemClock });
    assert.equal(readFileSync(path, 'utf8'), before);
  });

  it('that is another one is refused, as is one that is none', async (t) => {
    const dir = open(t);
    const file = dir.write('gateway.yml', config('{url: "sqlite:store.db", sealKey: "${SEAL_KEY}"}'));
    await openSourceToRun(file, { env: { SEAL_KEY: pemOfKey() }, clock: systemClock });
    const another = openSourceToRun(file, { env: { SEAL_KEY: pemOfKey() }, clock: systemClock });
    await assert.rejects(another, { code: 'seal_key_wrong' });
    const broken = { SEAL_KEY: '-----BEGIN PRIVATE KEY-----\nnone\n-----END PRIVATE KEY-----\n' };
    const none = openTempDir('seal-key-none');
    t.after(() => none.remove());
    const other = none.write('gateway.yml', config('{url: "sqlite:store.db", sealKey: "${SEAL_KEY}"}'));
    await assert.rejects(openSourceToRun(other, { env: broken, clock: systemClock }), { code: 'seal_key_wrong' });
  });

  it('is no matter of a store of an older schema, which a start brings up to date', async (t) => {
    const dir = open(t);
    const file = dir.write('gateway.yml', config('{url: "sqlite:store.db"}'));
    await openSourceToRun(file, { env: {}, clock: systemClock });
    const old = new DatabaseSync(dir.file('store.db'));
    old.exec(`DROP TABLE record; DROP INDEX user_by_provider; ALTER TABLE user DROP COLUMN provider;
      ALTER TABLE revision DROP COLUMN canary; PRAGMA user_version = 1`);
    old.close();
    const { source, store } = await openSourceToRun(file, { env: {}, clock: systemClock });
    const { loaded } = await loadGateway(source, { env: {}, strict: true, clock: systemClock });
    assert.ok(loaded !== undefined);
    assert.equal(store?.state.up, true);
  });
});
