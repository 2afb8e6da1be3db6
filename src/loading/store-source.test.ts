import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it, type TestContext } from 'node:test';
import { openStoreToWrite, type WrittenStore } from '../../test/support/stored-config.ts';
import { systemClock } from '../base/clock.ts';
import { type Issued, mintCa } from '../certs/test-ca.ts';
import { loadConfig } from '../config/load-config.ts';
import { sealBase } from '../store/hpke.ts';
import { openingKeyPath } from '../store/opening-key.ts';
import { problemsToJson, renderProblem } from '../yaml/problem.ts';
import { lastGoodPath } from './last-good.ts';
import { type LoadedResult, loadGateway } from './load.ts';
import { makeStoreOnce } from './open-store-source.ts';
import type { StoreSource } from './store-source.ts';

const fileText = `gateway:
  entryPoints: {webSecure: {enabled: false}}
  routes: [{name: of-file, path: /file, target: "http://127.0.0.1:1"}]
`;
const service = { address: 'localhost:1', tls: { mode: 'off' } };

let leaf: Issued;
let other: Issued;
before(async () => {
  const ca = await mintCa({ cn: 'Root' });
  leaf = await ca.issue({ kind: 'server', cn: 'localhost', sans: ['DNS:localhost'] });
  other = await ca.issue({ kind: 'server', cn: 'other', sans: ['DNS:localhost'] });
});

async function open(t: TestContext, text = fileText): Promise<WrittenStore & { readonly source: () => StoreSource }> {
  const store = await openStoreToWrite(t);
  const file = store.dir.write('gateway.yml', text);
  return { ...store, source: () => store.source(file) };
}

const load = async (source: StoreSource): Promise<LoadedResult> =>
  loadGateway(source, {
    env: {},
    strict: true,
    clock: systemClock,
    read: async (origin, options) => loadConfig(origin, options),
  });
const errorsOf = ({ problems }: LoadedResult): string[] =>
  problems.filter(({ severity }) => severity === 'error').map((problem) => renderProblem(problem));
const routesOf = ({ loaded }: LoadedResult): string[] => loaded?.config.routes.map(({ name }) => name) ?? [];

/** A source that has loaded and committed what is there; the store is as it was when it goes on. */
async function commit(source: StoreSource): Promise<void> {
  const result = await load(source);
  assert.deepEqual(errorsOf(result), []);
  source.committed();
  await source.close();
}

describe('a configuration of a file and a store', () => {
  it('has the objects of both, which refer to each other, and a key that only its opener can read', async (t) => {
    const text = `gateway:
  entryPoints: {webSecure: {enabled: false}}
  services: [{name: of-file, address: "localhost:1", tls: {mode: off}}]
  routes: [{name: of-file, path: /file, service: of-store}]
  tls: {certificateIds: [web]}
`;
    const { put, putSealed, source } = await open(t, text);
    put('services', 'of-store', service);
    put('routes', 'of-store', { path: '/store', service: 'of-file' });
    putSealed('certificates', 'web', { cert: leaf.chainPem }, leaf.keyPem);
    put('policies', 'edge', { hosts: ['localhost'], certificateIds: ['web'] });
    const result = await load(source());
    assert.deepEqual(errorsOf(result), []);
    assert.deepEqual(routesOf(result), ['of-file', 'of-store']);
    const [pair] = result.loaded?.policies.find(({ config }) => config.name === 'edge')?.certificates ?? [];
    assert.equal(pair?.keyPem.trim(), leaf.keyPem.trim());
    assert.deepEqual(result.materialIds, ['certificates/web/key']);
  });

  it('has its problems told with revision, object and pointer, in text and in JSON', async (t) => {
    const { put, source } = await open(t);
    put('services', 'orders', { address: 'localhost:1', tls: { mode: 'mutual' } });
    const { problems, loaded } = await load(source());
    assert.equal(loaded, undefined);
    const [problem] = problems.filter(({ severity }) => severity === 'error');
    assert.ok(problem !== undefined);
    assert.match(
      renderProblem(problem),
      /^store revision 1, service orders, \/tls\/mode: error: mode: expected one of/,
    );
    const { kind, id, pointer, code, line } = JSON.parse(problemsToJson([problem])).problems[0];
    assert.deepEqual([kind, id, pointer, code, line], ['services', 'orders', '/tls/mode', 'wrong_value', undefined]);
  });

  it('is refused where a name stands in both, with both places', async (t) => {
    const { put, source } = await open(t);
    put('routes', 'of-file', { path: '/other', target: 'http://127.0.0.1:1' });
    const [error] = errorsOf(await load(source()));
    assert.match(error ?? '', /^store revision 1, route of-file: error: two routes are called "of-file"/);
    assert.match(error ?? '', /The first stands in .*gateway\.yml, line 3\./);
  });

  for (const [what, kind, body, message] of [
    [
      'an unknown key',
      'services',
      { ...service, adress: 'x:1' },
      /\/adress: error: the key "adress" is not known here/,
    ],
    [
      'another name than its own',
      'services',
      { ...service, name: 'b' },
      /\/name: error: the name is not that of the object, "a"/,
    ],
    ['a kind that no configuration has', 'listeners', {}, /there are no objects of the kind "listeners"/],
    ['a path', 'caBundles', { ca: '/etc/hostname' }, /\/ca: error: .*an object of the store names no files/],
    ['a reference to nobody', 'routes', { path: '/', service: 'none' }, /\/service: error: there is no service "none"/],
  ] as const) {
    it(`is refused for an object with ${what}`, async (t) => {
      const { put, source } = await open(t);
      put(kind, 'a', body);
      const errors = errorsOf(await load(source()));
      assert.match(errors.join('\n'), message);
    });
  }

  it('takes no variable of the environment for what stands in the store', async (t) => {
    const { put, source } = await open(t);
    put('routes', 'a', { path: '/a', response: { statusCode: 200, body: '${HOME}' } });
    const result = await load(source());
    assert.deepEqual(errorsOf(result), []);
    assert.ok(JSON.stringify(result.loaded?.config.routes).includes('${HOME}'));
  });

  it('says which certificate and key do not belong together, and shows nothing of the key', async (t) => {
    const { putSealed, source } = await open(t);
    putSealed('certificates', 'web', { cert: leaf.chainPem }, other.keyPem);
    const errors = errorsOf(await load(source())).join('\n');
    assert.match(errors, /^store revision 1, certificate web, \/(?:key|cert): error: /);
    assert.ok(!errors.includes(other.keyPem.split('\n')[1] ?? 'none'));
  });
});

describe('a store that cannot be had', () => {
  const faults: readonly (readonly [string, (written: WrittenStore) => void, string])[] = [
    ['was removed', ({ path }) => removeStore(path), 'not_found'],
    ['was cut', ({ path }) => truncateSync(path, 5000), 'corrupt'],
    ['may be read by others', ({ path }) => chmodSync(path, 0o644), 'path_refused'],
    ['is another file', ({ path }) => writeFileSync(path, 'x'.repeat(9000)), 'not_a_store'],
    ['was emptied', ({ path }) => removeStore(path), 'another_store'],
    ['was changed by hand', ({ path }) => alter(path), 'altered'],
    ['is locked', ({ path }) => lock(path), 'locked'],
  ];
  for (const [how, damage, code] of faults) {
    it(`because it ${how} is stood in for by the last good revision, with an alarm`, async (t) => {
      const written = await open(t);
      written.put('services', 'orders', service);
      written.put('routes', 'orders', { path: '/orders', service: 'orders' });
      await commit(written.source());
      await written.close();
      damage(written);
      if (how === 'was emptied') {
        renameSync(openingKeyPath(written.path), `${written.path}.kept`);
        renameSync(lastGoodPath(written.path), `${written.path}.good`);
        await makeStoreOnce({ path: written.path }, systemClock);
        renameSync(`${written.path}.kept`, openingKeyPath(written.path));
        renameSync(`${written.path}.good`, lastGoodPath(written.path));
      }
      const source = written.source();
      const states: (string | undefined)[] = [];
      source.onState(({ up, problem }) => states.push(up ? 'up' : problem?.code));
      const result = await load(source);
      assert.deepEqual(errorsOf(result), []);
      assert.deepEqual(routesOf(result), ['of-file', 'orders']);
      assert.deepEqual(states, [code]);
      assert.equal(source.state.revision, 2);
    });
  }

  it('and nothing that stands in for it is an error, not a smaller configuration', async (t) => {
    const written = await open(t);
    written.put('services', 'orders', service);
    await written.close();
    removeStore(written.path);
    const [error] = errorsOf(await load(written.source()));
    assert.match(error ?? '', /the configuration could not be read: .*does not exist/);
  });

  it('is asked again, and what it has then is told', async (t) => {
    const written = await open(t);
    written.put('services', 'orders', service);
    const source = written.source();
    await commit(source);
    chmodSync(written.path, 0o644);
    const second = written.source();
    await load(second);
    assert.equal(second.state.up, false);
    chmodSync(written.path, 0o600);
    await new Promise<void>((resolve) => {
      second.onState(({ up }) => {
        if (up) resolve();
      });
      const watch = second.watch(
        { ...systemClock, after: (ms, act) => systemClock.after(Math.min(ms, 5), act) },
        async () => {
          await load(second);
        },
      );
      t.after(() => watch.close());
      void watch.set({ watch: [], materialIds: [] });
      const alive = setInterval(() => {}, 1000);
      t.after(() => clearInterval(alive));
    });
  });

  it('at the first start ever is made, with its key; where anything of it is there, nothing is', async (t) => {
    const written = await open(t);
    await written.close();
    assert.deepEqual(errorsOf(await load(written.source())), []);
    removeStore(written.path);
    await makeStoreOnce({ path: written.path }, systemClock);
    assert.equal(existsSync(written.path), false);
  });
});

describe('the last good revision', () => {
  it('is a file for its user alone, and holds nothing that could be read', async (t) => {
    const written = await open(t);
    written.putSealed('certificates', 'web', { cert: leaf.chainPem }, leaf.keyPem);
    await commit(written.source());
    const path = lastGoodPath(written.path);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const bytes = readFileSync(path).toString('latin1');
    for (const text of ['PRIVATE KEY', 'BEGIN', 'certificates', leaf.keyPem.split('\n')[1] ?? ''])
      assert.ok(!bytes.includes(text));
  });

  it('is not rewritten where nothing changed, and is where something did', async (t) => {
    const written = await open(t);
    written.put('services', 'orders', service);
    const source = written.source();
    await commit(source);
    const { ino } = statSync(lastGoodPath(written.path));
    await commit(source);
    assert.equal(statSync(lastGoodPath(written.path)).ino, ino);
    written.put('services', 'orders', { ...service, address: 'localhost:2' });
    await commit(source);
    assert.notEqual(statSync(lastGoodPath(written.path)).ino, ino);
  });

  for (const [what, change] of [
    ['changed', (path: string) => flip(path)],
    ['sealed with the public key alone', (path: string) => forge(path)],
    ['cut', (path: string) => truncateSync(path, 100)],
  ] as const) {
    it(`that was ${what} is not started from`, async (t) => {
      const written = await open(t);
      written.put('services', 'orders', service);
      await commit(written.source());
      await written.close();
      removeStore(written.path);
      change(lastGoodPath(written.path));
      const result = await load(written.source());
      assert.equal(result.loaded, undefined);
      assert.match(errorsOf(result).join('\n'), /nor can the last good revision be used: it was not sealed/);
    });
  }

  it('is what is started from where the newest one cannot be loaded', async (t) => {
    const written = await open(t);
    written.put('routes', 'a', { path: '/a', target: 'http://127.0.0.1:1' });
    await commit(written.source());
    written.put('routes', 'a', { path: '/a', service: 'gone' });
    const source = written.source();
    assert.equal((await load(source)).loaded, undefined);
    assert.equal(source.useLastGood(), true);
    const result = await load(source);
    assert.deepEqual(errorsOf(result), []);
    assert.deepEqual([source.state.revision, source.state.problem?.code], [1, 'revision_refused']);
  });

  it('does not hide that a backup was put in the place of the store', async (t) => {
    const written = await open(t);
    written.put('services', 'a', service);
    const copy = written.dir.file('copy.db');
    await written.store.backup(copy);
    written.put('services', 'a', { ...service, address: 'localhost:2' });
    await commit(written.source());
    await written.close();
    removeStore(written.path);
    renameSync(copy, written.path);
    const source = written.source();
    assert.deepEqual(errorsOf(await load(source)), []);
    assert.deepEqual([source.state.up, source.state.revision, source.state.rewound], [true, 1, true]);
  });
});

function removeStore(path: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
}

function alter(path: string): void {
  const db = new DatabaseSync(path);
  db.exec('DROP TRIGGER IF EXISTS revision_update');
  const triggers = db.prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'").all() as { name: string }[];
  for (const { name } of triggers) db.exec(`DROP TRIGGER "${name}"`);
  db.exec(`UPDATE object SET body = replace(body, 'orders', 'others')`);
  db.close();
}

/** Until the test process ends, or the collector takes it; nobody waits for it. */
function lock(path: string): void {
  const db = new DatabaseSync(path);
  db.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  locks.push(db);
}

const locks: DatabaseSync[] = [];
after(() => {
  for (const db of locks) db.close();
});

function flip(path: string): void {
  const bytes = readFileSync(path);
  const at = bytes.length - 20;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

/** The head as it is, and under it what anybody can make who has the public key. */
function forge(path: string): void {
  const bytes = readFileSync(path);
  const end = bytes.indexOf('\n', bytes.indexOf('\n') + 1) + 1;
  const publicKey = createPublicKey(readFileSync(openingKeyPath(path.replace(/\.last-good$/, ''))));
  const message = { info: Buffer.from('countersign own 1 last good revision'), aad: Buffer.alloc(0) };
  const content = Buffer.concat([Buffer.alloc(32), Buffer.from('{"revision":{},"objects":[],"sealed":[]}')]);
  writeFileSync(path, Buffer.concat([bytes.subarray(0, end), sealBase(publicKey, message, content)]));
}
