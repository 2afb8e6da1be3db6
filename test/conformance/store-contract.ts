// What every store must do, whatever it is kept in (src/store/store.ts): registers its tests for one implementation.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { dayMs } from '../../src/base/clock.ts';
import type { JsonObject } from '../../src/store/canonical-json.ts';
import { compareDocuments } from '../../src/store/difference.ts';
import { type Digest, digestOf } from '../../src/store/digest.ts';
import type { HandshakeFailure } from '../../src/store/handshake-failures.ts';
import { maxAuditDetailBytes, maxHandshakeFailures, maxSessionsPerUser, recordLimits } from '../../src/store/limits.ts';
import type { ObjectChange } from '../../src/store/object.ts';
import { openOpener } from '../../src/store/opening-key.ts';
import type { Page, PageRequest } from '../../src/store/page.ts';
import { noRevision, type Revision, type RevisionHead } from '../../src/store/revision.ts';
import type { RecordToPut } from '../../src/store/records.ts';
import { rotateSealKey } from '../../src/store/rotate-seal-key.ts';
import { makeSealKey, Opener, publicPart, seal } from '../../src/store/seal.ts';
import type { Store } from '../../src/store/store.ts';
import { StoreProblem, type StoreProblemCode } from '../../src/store/store-problem.ts';
import { Feed } from '../support/wait-for.ts';
import { HandClock } from './http1-harness.ts';

export type StoreUnderTest = {
  /** Of an empty store. */
  readonly store: Store;
  /** The same store once more, as another process would have it. */
  readonly another: () => Promise<Store>;
};

/** Opens an empty store that lives on `clock` and ends with the test. */
export type OpenStore = (t: TestContext, clock: HandClock) => Promise<StoreUnderTest>;

const act = { actor: 'user:alice' };
const service = (address: string): JsonObject => ({ name: 'orders', source: 'dns', address, tls: { mode: 'mtls' } });
const put = (id: string, body: JsonObject): ObjectChange => ({ kind: 'services', id, put: body });
const sha = (text: string): Digest => digestOf('row', text);

const problem =
  (code: StoreProblemCode) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof StoreProblem, String(error));
    assert.equal(error.code, code);
    assert.notEqual(error.help, '');
    return true;
  };

/** Appends to whatever is there; fails where it is not a new revision. */
async function append(store: Store, changes: readonly ObjectChange[], reason?: string): Promise<Revision> {
  const { number: parent } = await store.revisions.head();
  const appended = await store.revisions.append({ ...act, reason, parent, changes });
  assert.equal(appended.outcome, 'appended');
  return appended.revision;
}

async function readAll<T>(list: (request: PageRequest) => Promise<Page<T>>, limit: number): Promise<T[]> {
  const items: T[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await list({ cursor, limit });
    items.push(...page.items);
    assert.ok(page.items.length <= limit);
    if (page.next === undefined) return items;
    cursor = page.next;
  }
}

export function testStore(title: string, open: OpenStore): void {
  describe(`${title}: revisions`, () => testRevisions(open));
  describe(`${title}: versions and sealed keys`, () => testSealed(open));
  describe(`${title}: accounts`, () => testAccounts(open));
  describe(`${title}: what gateways report`, () => testReports(open));
  describe(`${title}: what gateways share`, () => testRecords(open));
  describe(`${title}: audit log, idempotency, backup`, () => testAudit(open));
}

function testRevisions(open: OpenStore): void {
  it('begin with none', async (t) => {
    const { store } = await open(t, new HandClock());
    assert.deepEqual(await store.revisions.head(), noRevision);
    assert.deepEqual(await store.revisions.list(), { items: [] });
    assert.equal(await store.revisions.read(1), undefined);
    assert.equal(await store.revisions.find(0), undefined);
  });

  it('keep who, why and when, what they hold, and the digest of the one before', async (t) => {
    const clock = new HandClock();
    const { store, another } = await open(t, clock);
    const first = await append(store, [put('b', service('b.test:443')), put('a', service('a.test:443'))], 'begin');
    clock.turn(1000);
    const second = await append(store, [put('a', service('a.test:8443'))]);
    assert.equal(second.parent, first.digest);
    assert.equal(first.reason, 'begin');
    assert.equal(second.at - first.at, 1000);
    for (const reader of [store, await another()]) {
      assert.deepEqual(await reader.revisions.head(), { number: 2, digest: second.digest });
      const read = await reader.revisions.read(1);
      assert.deepEqual(read?.revision, first);
      assert.deepEqual(
        read?.objects.map(({ id, body }) => [id, body['address']]),
        [
          ['a', 'a.test:443'],
          ['b', 'b.test:443'],
        ],
      );
      const found = await reader.revisions.findObject(2, { kind: 'services', id: 'a' });
      assert.deepEqual(found?.body, service('a.test:8443'));
      assert.equal(await reader.revisions.findObject(2, { kind: 'routes', id: 'a' }), undefined);
    }
  });

  it('say of each object which revision put it there, and list those of a kind in pages', async (t) => {
    const { store } = await open(t, new HandClock());
    const ids = ['a', 'b', 'c', 'd', 'e'];
    await append(store, [...ids.map((id) => put(id, service(`${id}.test:1`))), { kind: 'routes', id: 'a', put: {} }]);
    await append(store, [put('b', service('b.test:2')), { kind: 'services', id: 'd', remove: true }]);
    const list = (number: number) => readAll((request) => store.revisions.listObjects(number, 'services', request), 2);
    assert.deepEqual(
      (await list(1)).map(({ id, revision }) => [id, revision]),
      ids.map((id) => [id, 1]),
    );
    const second = await list(2);
    assert.deepEqual(
      second.map(({ id, revision, body }) => [id, revision, body['address']]),
      [
        ['a', 1, 'a.test:1'],
        ['b', 2, 'b.test:2'],
        ['c', 1, 'c.test:1'],
        ['e', 1, 'e.test:1'],
      ],
    );
    const services = (await store.revisions.read(2))?.objects.filter(({ kind }) => kind === 'services');
    assert.deepEqual(services, second);
    assert.deepEqual(await store.revisions.findObject(2, { kind: 'services', id: 'b' }), second[1]);
    assert.deepEqual(await list(3), []);
  });

  it('are appended to the head only: who planned on an older one is told of the newer, and changes nothing', async (t) => {
    const { store, another } = await open(t, new HandClock());
    const first = await append(store, [put('a', service('a.test:1'))]);
    const late = await (await another()).revisions.append({
      ...act,
      parent: 0,
      changes: [put('b', service('b.test:1'))],
    });
    assert.deepEqual(late, { outcome: 'behind', head: first });
    const early = await store.revisions.append({ ...act, parent: 7, changes: [put('b', service('b.test:1'))] });
    assert.equal(early.outcome, 'behind');
    assert.equal((await store.revisions.head()).number, 1);
    assert.equal((await store.audit.list()).items.length, 1);
  });

  it('are not made by a change that changes nothing', async (t) => {
    const { store } = await open(t, new HandClock());
    const first = await append(store, [put('a', service('a.test:1'))]);
    const changes = [put('a', service('a.test:1')), { kind: 'services', id: 'no', remove: true as const }];
    const again = await store.revisions.append({ ...act, parent: 1, changes });
    assert.deepEqual(again, { outcome: 'unchanged', head: first });
  });

  it('have the same content digest where they hold the same, in whichever way it came there', async (t) => {
    const { store } = await open(t, new HandClock());
    const first = await append(store, [put('a', service('a.test:1'))]);
    await append(store, [put('b', service('b.test:1'))]);
    const third = await append(store, [{ kind: 'services', id: 'b', remove: true }]);
    assert.equal(third.content, first.content);
    assert.notEqual(third.digest, first.digest);
    assert.equal((await store.revisions.read(3))?.objects.length, 1);
    assert.equal(await store.revisions.findObject(3, { kind: 'services', id: 'b' }), undefined);
  });

  it('are listed newest first, in pages, also while more are appended', async (t) => {
    const { store } = await open(t, new HandClock());
    for (let at = 1; at <= 7; at += 1) await append(store, [put('a', service(`a.test:${at}`))]);
    const page = await store.revisions.list({ limit: 3 });
    assert.deepEqual(
      page.items.map(({ number }) => number),
      [7, 6, 5],
    );
    await append(store, [put('a', service('a.test:8'))]);
    const rest = await readAll((request) => store.revisions.list({ cursor: page.next, ...request }), 3);
    assert.deepEqual(rest.map(({ number }) => number).slice(-1), [1]);
    const cursor = 'x';
    await assert.rejects(store.revisions.list({ cursor }), problem('invalid'));
  });

  it('are compared by object and field, in both directions and from the beginning', async (t) => {
    const { store } = await open(t, new HandClock());
    await append(store, [put('a', service('a.test:1')), put('b', service('b.test:1')), put('c', service('c.test:1'))]);
    await append(store, [
      put('a', service('a.test:2')),
      { kind: 'services', id: 'b', remove: true },
      { kind: 'routes', id: 'a', put: { name: 'a' } },
    ]);
    assert.deepEqual(await store.revisions.difference(1, 2), [
      { kind: 'routes', id: 'a', change: 'added', fields: [], more: false },
      {
        kind: 'services',
        id: 'a',
        change: 'changed',
        more: false,
        fields: [{ pointer: '/address', before: 'a.test:1', after: 'a.test:2' }],
      },
      { kind: 'services', id: 'b', change: 'removed', fields: [], more: false },
    ]);
    assert.deepEqual(
      (await store.revisions.difference(2, 1))?.map(({ change }) => change),
      ['removed', 'changed', 'added'],
    );
    assert.equal((await store.revisions.difference(0, 2))?.length, 3);
    assert.deepEqual(await store.revisions.difference(2, 2), []);
    assert.equal(await store.revisions.difference(1, 3), undefined);
  });

  it('hold what was appended, whatever it was', async (t) => {
    const { store } = await open(t, new HandClock());
    const body = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4 });
    const change = fc.record({ id: fc.constantFrom('a', 'ä', '😀', '\ufb33'), body: fc.option(body) });
    const model = new Map<string, JsonObject>();
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(change, { selector: ({ id }) => id, maxLength: 4 }), async (changes) => {
        const before = new Map(model);
        for (const { id, body } of changes) {
          if (body === null) model.delete(id);
          else model.set(id, JSON.parse(JSON.stringify(body)) as JsonObject);
        }
        const { number: parent } = await store.revisions.head();
        const asked = changes.map(({ id, body }): ObjectChange => {
          const name = { kind: 'services', id };
          return body === null ? { ...name, remove: true } : { ...name, put: body as JsonObject };
        });
        const { outcome } = await store.revisions.append({ ...act, parent, changes: asked });
        const head = outcome === 'appended' ? parent + 1 : parent;
        if (head === 0) return;
        const objects = (await store.revisions.read(head))?.objects ?? [];
        assert.deepEqual(new Map(objects.map(({ id, body }) => [id, body])), model);
        const difference = (await store.revisions.difference(parent, head)) ?? [];
        for (const { id, change, fields } of difference) {
          const [was, is] = [before.get(id), model.get(id)];
          assert.equal(change, was === undefined ? 'added' : is === undefined ? 'removed' : 'changed');
          if (was !== undefined && is !== undefined) assert.deepEqual(fields, compareDocuments(was, is).fields);
        }
      }),
      // A run depends on those before it: a smaller one would not show the same.
      { numRuns: 40, endOnFailure: true },
    );
    assert.deepEqual(await store.verify(), []);
  });

  it('are refused with a private key, a name twice, or a name that nobody could read', async (t) => {
    const { store } = await open(t, new HandClock());
    const pem = '-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----\n';
    const refusals: [readonly ObjectChange[], StoreProblemCode][] = [
      [[put('a', { key: pem })], 'object_refused'],
      [[put('a', {}), put('a', { name: 'x' })], 'invalid'],
      [[put('a\0b', {})], 'invalid'],
      [[put('a', { key: { sealed: sha('nothing') } })], 'sealed_unknown'],
      [[{ kind: 'services', id: 'a', version: 1 }], 'version_unknown'],
    ];
    for (const [changes, code] of refusals) {
      await assert.rejects(store.revisions.append({ ...act, parent: 0, changes }), problem(code));
    }
    const nameless = { actor: '', parent: 0, changes: [put('a', {})] };
    await assert.rejects(store.revisions.append(nameless), problem('invalid'));
    assert.equal((await store.revisions.head()).number, 0);
    assert.deepEqual(await store.verify(), []);
  });

  it('are for some gateways first, then for all or for none', async (t) => {
    const { store, another } = await open(t, new HandClock());
    const { revisions } = store;
    const first = await append(store, [put('orders', service('a:1'))]);
    const only = { ...act, parent: 1, changes: [put('orders', service('b:1'))], canary: ['edge-2', 'edge-1'] };
    for (const canary of [[], ['x', 'x'], [''], Array.from({ length: 101 }, (_, at) => `g${at}`)]) {
      await assert.rejects(revisions.append({ ...only, canary }), problem('invalid'), String(canary));
    }
    const appended = await revisions.append(only);
    assert.equal(appended.outcome, 'appended');
    assert.deepEqual(appended.revision.canary, ['edge-1', 'edge-2']);
    const reader = await another();
    assert.equal((await reader.revisions.head()).number, 2);
    assert.deepEqual(await reader.revisions.head('edge-1'), { number: 2, digest: appended.revision.digest });
    for (const other of ['edge-3', 'edge', 'edge-1"', '']) {
      assert.deepEqual(await reader.revisions.head(other), { number: 1, digest: first.digest }, other);
    }
    // The same once more is nothing new; the same for other gateways is.
    const again = { ...act, parent: 2, changes: [] };
    assert.equal((await revisions.append({ ...again, canary: ['edge-1', 'edge-2'] })).outcome, 'unchanged');
    assert.equal((await revisions.append(again)).outcome, 'appended');
    for (const name of ['edge-1', 'edge-3']) assert.equal((await reader.revisions.head(name)).number, 3);
    assert.equal((await revisions.find(3))?.content, appended.revision.content);
    assert.deepEqual((await revisions.list()).items[1], appended.revision);
    assert.deepEqual(await store.verify(), []);
  });

  it('none is in force for a gateway whose store began with one for others', async (t) => {
    const { store } = await open(t, new HandClock());
    await store.revisions.append({ ...act, parent: 0, changes: [put('a', {})], canary: ['edge-1'] });
    assert.deepEqual(await store.revisions.head('edge-2'), noRevision);
  });

  it('are told to who watches: those of this process and of others, until he stops', async (t) => {
    const clock = new HandClock();
    const { store, another } = await open(t, clock);
    const other = await another();
    await append(store, [put('a', service('a.test:1'))]);
    const heads = new Feed<RevisionHead>('heads');
    // The head of the beginning may be told or not.
    const stop = store.revisions.onRevision((head) => void (head.number > 1 && heads.push(head)));
    const broken: string[] = [];
    const stopBroken = store.revisions.onRevision(
      () => {
        throw new Error('a mistake of the listener');
      },
      ({ message }) => broken.push(message),
    );
    const own = await append(store, [put('a', service('a.test:2'))]);
    assert.deepEqual([...new Set(broken)], ['a mistake of the listener']);
    stopBroken();
    assert.deepEqual(heads.items, [{ number: 2, digest: own.digest }]);
    const foreign = await append(other, [put('a', service('a.test:3'))]);
    clock.turn(1000);
    const told = await heads.waitFor(({ number }) => number === 3);
    assert.equal(told.digest, foreign.digest);
    assert.equal(heads.length, 2);
    stop();
    await append(other, [put('a', service('a.test:4'))]);
    clock.turn(1000);
    await append(store, [put('a', service('a.test:5'))]);
    assert.equal(heads.length, 2);
  });
}

function testSealed(open: OpenStore): void {
  const certificate = (serial: number, key?: Digest): JsonObject => ({
    id: 'web',
    cert: `certificate ${serial}`,
    ...(key === undefined ? {} : { key: { sealed: key } }),
  });
  const name = { kind: 'certificates', id: 'web' };

  it('a certificate has versions under its id, and an earlier one is made current again by a new revision', async (t) => {
    const { store } = await open(t, new HandClock());
    const opener = await openOpener(store.sealed, undefined, () => {}, act);
    const [key] = opener.publicParts();
    assert.ok(key !== undefined);
    const blobs = [seal(key, name, Buffer.from('key 1')), seal(key, name, Buffer.from('key 2'))] as const;
    for (const blob of blobs) await store.sealed.put(blob, act);
    await append(store, [{ ...name, put: certificate(1, blobs[0].digest) }]);
    await append(store, [put('orders', { certificateId: 'web' })]);
    await append(store, [{ ...name, put: certificate(2, blobs[1].digest) }]);
    await append(store, [{ ...name, version: 1 }], 'the new one does not work');
    const versions = await store.revisions.versions(name);
    assert.deepEqual(
      versions.map(({ version, since, current }) => [version, since, current]),
      [
        [1, 1, true],
        [2, 3, false],
      ],
    );
    assert.deepEqual((await store.revisions.findObject(4, name))?.body, certificate(1, blobs[0].digest));
    assert.deepEqual((await store.revisions.readVersion(name, 2))?.body, certificate(2, blobs[1].digest));
    assert.equal(await store.revisions.readVersion(name, 3), undefined);
    const back = await store.sealed.get(blobs[0].digest);
    assert.deepEqual(back && opener.open(back), Buffer.from('key 1'));
    await append(store, [{ ...name, remove: true }]);
    assert.equal(
      (await store.revisions.versions(name)).some(({ current }) => current),
      false,
    );
    assert.deepEqual(await store.verify(opener), []);
  });

  it('a sealed key is referred to by the object that it was sealed for, and by no other', async (t) => {
    const { store } = await open(t, new HandClock());
    const opener = await openOpener(store.sealed, undefined, () => {}, act);
    const [key] = opener.publicParts();
    assert.ok(key !== undefined);
    const blob = seal(key, name, Buffer.from('key'));
    await store.sealed.put(blob, act);
    await assert.rejects(store.sealed.put(blob, act), problem('duplicate'));
    const other = { ...name, id: 'other', put: certificate(1, blob.digest) };
    await assert.rejects(store.revisions.append({ ...act, parent: 0, changes: [other] }), problem('sealed_unknown'));
    await append(store, [{ ...name, put: certificate(1, blob.digest) }]);
  });

  it('a sealed key that no revision refers to goes after a while, one that any does stays', async (t) => {
    const clock = new HandClock();
    const { store } = await open(t, clock);
    const opener = await openOpener(store.sealed, undefined, () => {}, act);
    const [key] = opener.publicParts();
    assert.ok(key !== undefined);
    const [used, unused] = [seal(key, name, Buffer.from('1')), seal(key, name, Buffer.from('2'))];
    for (const blob of [used, unused]) await store.sealed.put(blob, act);
    await append(store, [{ ...name, put: certificate(1, used.digest) }]);
    await append(store, [{ ...name, remove: true }]);
    assert.equal(await store.sealed.prune(clock.now(), act), 0);
    clock.turn(1000);
    assert.equal(await store.sealed.prune(clock.now(), act), 1);
    assert.equal(await store.sealed.get(unused.digest), undefined);
    assert.notEqual(await store.sealed.get(used.digest), undefined);
    assert.deepEqual(await store.verify(opener), []);
  });

  it('keys are sealed anew with a new opening key, also where that was interrupted', async (t) => {
    const { store } = await open(t, new HandClock());
    const first = makeSealKey();
    const opener = await openOpener(store.sealed, [first], () => {}, act);
    const [key] = opener.publicParts();
    assert.ok(key !== undefined);
    const blobs = Array.from({ length: 5 }, (_, at) =>
      seal(key, { ...name, id: `web${at}` }, Buffer.from(`key ${at}`)),
    );
    for (const blob of blobs) await store.sealed.put(blob, act);
    await assert.rejects(store.sealed.removeKey(key.id, act), problem('in_use'));

    // It ends after two of them; the keys that were kept by then are what it begins with again.
    let kept: Parameters<typeof rotateSealKey>[1] = [first];
    await assert.rejects(
      rotateSealKey(endingAfter(2, store.sealed), [first], (keys) => (kept = keys), act),
      /the power went/,
    );
    assert.equal(kept.length, 2);
    assert.deepEqual(await store.verify(new Opener(kept)), []);

    const left = await rotateSealKey(store.sealed, kept, (keys) => (kept = keys), act);
    assert.equal(left.length, 1);
    assert.deepEqual(kept, left);
    assert.equal((await store.sealed.keys()).length, 1);
    const next = new Opener(left);
    for (const [at, { digest }] of blobs.entries()) {
      const blob = await store.sealed.get(digest);
      assert.deepEqual(blob && next.open(blob), Buffer.from(`key ${at}`));
    }
    assert.deepEqual(await store.verify(next), []);
    await assert.rejects(store.sealed.put(seal(key, name, Buffer.from('x')), act), problem('seal_key_wrong'));
  });

  it('the opening key is made at the first start, and must be there at each later one', async (t) => {
    const { store } = await open(t, new HandClock());
    const kept: unknown[] = [];
    const opener = await openOpener(store.sealed, undefined, (keys) => kept.push(keys), act);
    assert.equal(kept.length, 1);
    assert.deepEqual(
      (await store.sealed.keys()).map(({ id, publicKey }) => ({ id, publicKey })),
      opener.publicParts(),
    );
    await assert.rejects(
      openOpener(store.sealed, undefined, () => {}, act),
      problem('seal_key_missing'),
    );
    await assert.rejects(
      openOpener(store.sealed, [makeSealKey()], () => {}, act),
      problem('seal_key_wrong'),
    );
    const id = publicPart(makeSealKey()).id;
    assert.equal(
      (await store.sealed.keys()).some((key) => key.id === id),
      false,
    );
  });
}

/** The same, and no secret after the first `count` can be replaced. */
function endingAfter(count: number, sealed: Store['sealed']): Store['sealed'] {
  let left = count;
  return {
    keys: () => sealed.keys(),
    addKey: (...args) => sealed.addKey(...args),
    removeKey: (...args) => sealed.removeKey(...args),
    put: (...args) => sealed.put(...args),
    get: (...args) => sealed.get(...args),
    list: (...args) => sealed.list(...args),
    prune: (...args) => sealed.prune(...args),
    async replace(...args) {
      if (left === 0) throw new Error('the power went');
      left -= 1;
      await sealed.replace(...args);
    },
  };
}

function testAccounts(open: OpenStore): void {
  const alice = {
    id: 'u1',
    name: 'alice',
    role: 'admin',
    passwordDigest: '$argon2id$v=19$m=65536$c2FsdA$aGFzaA',
  } as const;

  it('users have unique names, and are changed from the state that was seen only', async (t) => {
    const { store } = await open(t, new HandClock());
    const user = await store.users.create(alice, act);
    assert.deepEqual(await store.users.find('u1'), user);
    assert.deepEqual(await store.users.findByName('alice'), user);
    await assert.rejects(store.users.create({ ...alice, id: 'u2' }, act), problem('duplicate'));
    await assert.rejects(store.users.create({ ...alice, name: 'bob' }, act), problem('duplicate'));
    const updated = await store.users.update('u1', 1, { name: 'alicia' }, act);
    assert.deepEqual(updated, { outcome: 'updated', user: { ...user, name: 'alicia', version: 2 } });
    const stale = await store.users.update('u1', 1, { role: 'viewer' }, act);
    assert.deepEqual(stale, { outcome: 'stale', user: { ...user, name: 'alicia', version: 2 } });
    assert.deepEqual(await store.users.update('u9', 1, {}, act), { outcome: 'absent' });
    assert.deepEqual(await store.verify(), []);
  });

  it('a user of an identity provider is known by issuer and subject, and by both only', async (t) => {
    const { store } = await open(t, new HandClock());
    const provider = { issuer: 'https://id.example', subject: '42' };
    const user = await store.users.create({ ...alice, passwordDigest: null, provider }, act);
    assert.deepEqual(user.provider, provider);
    assert.deepEqual(await store.users.findByProvider(provider), user);
    assert.equal(await store.users.findByProvider({ ...provider, issuer: 'https://id.example/' }), undefined);
    assert.equal(await store.users.findByProvider({ ...provider, subject: '4' }), undefined);
    const bob = { ...alice, id: 'u2', name: 'bob' };
    await assert.rejects(store.users.create({ ...bob, provider }, act), problem('duplicate'));
    await assert.rejects(
      store.users.create({ ...bob, provider: { ...provider, subject: '' } }, act),
      problem('invalid'),
    );
    assert.equal((await store.users.create(bob, act)).provider, null);
    const updated = await store.users.update('u1', 1, { role: 'viewer' }, act);
    assert.deepEqual(updated, { outcome: 'updated', user: { ...user, role: 'viewer', version: 2 } });
    assert.deepEqual(await store.verify(), []);
  });

  it('users are listed by name, in pages', async (t) => {
    const { store } = await open(t, new HandClock());
    for (const name of ['c', 'a', 'e', 'b', 'd']) await store.users.create({ ...alice, id: name, name }, act);
    const all = await readAll((request) => store.users.list(request), 2);
    assert.deepEqual(
      all.map(({ name }) => name),
      ['a', 'b', 'c', 'd', 'e'],
    );
  });

  it('no session begins for what was verified of a user before he changed', async (t) => {
    const clock = new HandClock();
    const { store } = await open(t, clock);
    const { version } = await store.users.create(alice, act);
    const begin = async (digest: string, userVersion: number) =>
      store.sessions.create({ digest: sha(digest), userId: 'u1', expiresAt: clock.now() + 1000, userVersion }, act);
    await begin('before', version);
    const changed = await store.users.update(
      'u1',
      version,
      { passwordDigest: '$argon2id$v=19$m=65536$c2FsdA$b3RoZXI' },
      act,
    );
    assert.equal(changed.outcome, 'updated');
    await assert.rejects(begin('late', version), problem('invalid'));
    await begin('after', version + 1);
    assert.deepEqual(
      (await store.sessions.list('u1')).map(({ digest }) => digest),
      [sha('after')],
    );
  });

  it('a password is not taken for its digest, a token not for its own, and neither is shown', async (t) => {
    const { store } = await open(t, new HandClock());
    const hidden = (code: StoreProblemCode) => (error: unknown) =>
      problem(code)(error) && !(error as Error).message.includes('secret');
    const careless = { ...alice, passwordDigest: 'secret password' };
    await assert.rejects(store.users.create(careless, act), hidden('invalid'));
    await store.users.create(alice, act);
    const session = { digest: 'secret cookie' as Digest, userId: 'u1', expiresAt: Date.UTC(2030, 0) };
    await assert.rejects(store.sessions.create(session, act), hidden('invalid'));
    const token = { ...session, digest: 'secret token' as Digest, id: 't1', name: 'ci', scopes: [] };
    await assert.rejects(store.tokens.create(token, act), hidden('invalid'));
    const role = 'root' as 'admin';
    await assert.rejects(store.users.create({ ...alice, id: 'u2', name: 'b', role }, act), problem('invalid'));
  });

  for (const [what, change] of [
    ['another role', { role: 'viewer' }],
    ['another password', { passwordDigest: '$argon2id$v=19$m=65536$c2FsdA$b3RoZXI' }],
    ['being disabled', { disabled: true }],
  ] as const) {
    it(`sessions end with ${what}`, async (t) => {
      const clock = new HandClock();
      const { store } = await open(t, clock);
      await store.users.create(alice, act);
      await store.sessions.create({ digest: sha('s'), userId: 'u1', expiresAt: clock.now() + 1000 }, act);
      await store.users.update('u1', 1, { name: 'al' }, act);
      assert.notEqual(await store.sessions.find(sha('s')), undefined);
      await store.users.update('u1', 2, change, act);
      assert.equal(await store.sessions.find(sha('s')), undefined);
      assert.deepEqual(await store.verify(), []);
    });
  }

  it('sessions end at their time, and where there are too many the one that was not used for longest', async (t) => {
    const clock = new HandClock();
    const { store } = await open(t, clock);
    await store.users.create(alice, act);
    const begin = (at: number, lifeMs: number) =>
      store.sessions.create({ digest: sha(`s${at}`), userId: 'u1', expiresAt: clock.now() + lifeMs }, act);
    await begin(0, 1000);
    assert.notEqual(await store.sessions.find(sha('s0')), undefined);
    clock.turn(1000);
    assert.equal(await store.sessions.find(sha('s0')), undefined);
    for (let at = 1; at <= maxSessionsPerUser; at += 1) {
      await begin(at, dayMs);
      clock.turn(100);
    }
    await store.sessions.touch(sha('s1'));
    await begin(99, dayMs);
    const left = (await store.sessions.list('u1')).map(({ digest }) => digest);
    assert.equal(left.length, maxSessionsPerUser);
    assert.equal(left.includes(sha('s1')), true);
    assert.equal(left.includes(sha('s2')), false);
    assert.equal(await store.sessions.remove(sha('s1'), act), true);
    assert.equal(await store.sessions.remove(sha('s1'), act), false);
    assert.equal(await store.sessions.removeOfUser('u1', act), maxSessionsPerUser - 1);
    assert.deepEqual(await store.verify(), []);
  });

  it('a user who is disabled or not there gets no session', async (t) => {
    const { store } = await open(t, new HandClock());
    const session = { digest: sha('s'), userId: 'u1', expiresAt: Date.UTC(2030, 0) };
    await assert.rejects(store.sessions.create(session, act), problem('invalid'));
    await store.users.create(alice, act);
    await store.users.update('u1', 1, { disabled: true }, act);
    await assert.rejects(store.sessions.create(session, act), problem('invalid'));
  });

  it('tokens are found by their digest until they end, and go with their user', async (t) => {
    const clock = new HandClock();
    const { store } = await open(t, clock);
    await store.users.create(alice, act);
    const token = { id: 't1', digest: sha('t'), userId: 'u1', name: 'ci', scopes: ['read', 'apply'] };
    const made = await store.tokens.create({ ...token, expiresAt: clock.now() + 1000 }, act);
    assert.deepEqual(await store.tokens.find(sha('t')), made);
    await store.tokens.touch(sha('t'));
    assert.equal((await store.tokens.find(sha('t')))?.usedAt, clock.now());
    await assert.rejects(store.tokens.create(made, act), problem('duplicate'));
    const orphan = { ...token, id: 't2', digest: sha('t2'), userId: 'u9', expiresAt: clock.now() + 1000 };
    await assert.rejects(store.tokens.create(orphan, act), problem('invalid'));
    clock.turn(1000);
    assert.equal(await store.tokens.find(sha('t')), undefined);
    assert.equal((await store.tokens.list()).items.length, 1);
    await store.sessions.create({ digest: sha('s'), userId: 'u1', expiresAt: clock.now() + 1000 }, act);
    assert.equal(await store.users.remove('u1', act), true);
    assert.equal(await store.users.remove('u1', act), false);
    assert.equal((await store.tokens.list()).items.length, 0);
    assert.equal(await store.sessions.find(sha('s')), undefined);
    assert.deepEqual(await store.verify(), []);
  });
}

function testReports(open: OpenStore): void {
  it('a gateway is known by its last report', async (t) => {
    const clock = new HandClock();
    const { store } = await open(t, clock);
    const joinedAt = clock.now();
    await store.gateways.report({ name: 'g1', revision: 0, content: null, report: {} });
    clock.turn(1000);
    const report = { workers: 2, serials: ['1A'] };
    await store.gateways.report({ name: 'g1', revision: 3, content: sha('c'), report });
    await store.gateways.report({ name: 'g0', revision: 0, content: null, report: {} });
    const known = { name: 'g1', joinedAt, reportedAt: clock.now(), revision: 3, content: sha('c'), report };
    assert.deepEqual(await store.gateways.find('g1'), known);
    assert.deepEqual(
      (await store.gateways.list()).map(({ name }) => name),
      ['g0', 'g1'],
    );
    assert.equal(await store.gateways.remove('g0', act), true);
    assert.equal(await store.gateways.find('g0'), undefined);
    const large = { name: 'g1', revision: 0, content: null, report: { x: 'x'.repeat(2 ** 20) } };
    await assert.rejects(store.gateways.report(large), problem('invalid'));
  });

  const failure = (over: Partial<HandshakeFailure>): HandshakeFailure => ({
    gateway: 'g1',
    side: 'client',
    code: 'expired',
    peer: 'CN=a',
    count: 1,
    firstAt: 0,
    lastAt: 0,
    sample: {},
    ...over,
  });

  it('failed handshakes of one kind are one row, with the newest example', async (t) => {
    const clock = new HandClock();
    const { store } = await open(t, clock);
    const now = clock.now();
    await store.handshakeFailures.record([
      failure({ count: 2, firstAt: now - 50, lastAt: now - 10, sample: { serial: 'new' } }),
      failure({ peer: 'CN=b', firstAt: now, lastAt: now }),
    ]);
    await store.handshakeFailures.record([
      failure({ count: 3, firstAt: now - 90, lastAt: now - 20, sample: { serial: 'old' } }),
      failure({ gateway: 'g2', side: 'backend', code: 'refused', firstAt: now - 5, lastAt: now - 5 }),
    ]);
    const all = await readAll((request) => store.handshakeFailures.list(request), 1);
    assert.deepEqual(
      all.map(({ peer, count }) => [peer, count]),
      [
        ['CN=b', 1],
        ['CN=a', 1],
        ['CN=a', 5],
      ],
    );
    assert.deepEqual(all[2], failure({ count: 5, firstAt: now - 90, lastAt: now - 10, sample: { serial: 'new' } }));
    const count = async (filter: Parameters<Store['handshakeFailures']['list']>[0]) =>
      (await store.handshakeFailures.list(filter)).items.length;
    assert.deepEqual(
      [
        await count({ side: 'backend' }),
        await count({ code: 'expired' }),
        await count({ gateway: 'g1', since: now }),
        await count({ gateway: 'g3' }),
        await count({ peer: 'CN=b', code: 'expired' }),
      ],
      [1, 2, 1, 0, 1],
    );
  });

  it('failed handshakes are bounded in age and number: what was not seen for longest goes', async (t) => {
    const clock = new HandClock();
    const { store } = await open(t, clock);
    const now = clock.now();
    await store.handshakeFailures.record([
      failure({ peer: 'too old', lastAt: now - 15 * dayMs }),
      failure({ peer: 'from a clock that is ahead', lastAt: now + 99 * dayMs }),
      failure({ peer: 'old', lastAt: now - 13 * dayMs }),
    ]);
    assert.deepEqual(
      (await store.handshakeFailures.list()).items.map(({ peer, lastAt }) => [peer, now - lastAt]),
      [
        ['from a clock that is ahead', 0],
        ['old', 13 * dayMs],
      ],
    );
    const many = Array.from({ length: maxHandshakeFailures }, (_, at) => failure({ peer: `p${at}`, lastAt: now }));
    await store.handshakeFailures.record(many);
    const rows = await readAll((request) => store.handshakeFailures.list(request), 1000);
    assert.equal(rows.length, maxHandshakeFailures);
    assert.equal(
      rows.some(({ peer }) => peer === 'old'),
      false,
    );
  });
}

function testRecords(open: OpenStore): void {
  const lease = (over: Partial<RecordToPut> = {}): RecordToPut => ({
    kind: 'lease',
    key: 'crl/a',
    gateway: 'g1',
    bytes: Buffer.from('one'),
    lastsMs: 1_000,
    ...over,
  });
  const found = async (store: Store): Promise<string | undefined> => {
    const record = await store.records.find('lease', 'crl/a');
    return record && Buffer.from(record.bytes).toString();
  };

  it('a record is found by everybody until it ends', async (t) => {
    const clock = new HandClock();
    const { store, another } = await open(t, clock);
    const put = await store.records.put(lease());
    assert.equal(put.outcome, 'put');
    const other = await another();
    const record = await other.records.find('lease', 'crl/a');
    assert.deepEqual(
      { ...record, bytes: Buffer.from(record?.bytes ?? []) },
      { ...put.record, bytes: Buffer.from('one') },
    );
    assert.equal(record?.version, 1);
    assert.equal(record.expiresAt - record.at, 1_000);
    assert.equal(await other.records.find('crl', 'crl/a'), undefined);
    clock.turn(1_000);
    assert.equal(await found(other), undefined);
    assert.deepEqual(await other.records.list('lease'), { items: [] });
    const next = await other.records.put(lease({ version: 0, bytes: Buffer.from('two') }));
    assert.equal(next.outcome, 'put');
    assert.equal(next.record.version, 1);
  });

  it('of two who put at once in the place of the same, one does', async (t) => {
    const { store, another } = await open(t, new HandClock());
    const other = await another();
    const both = await Promise.all([
      store.records.put(lease({ version: 0 })),
      other.records.put(lease({ version: 0, gateway: 'g2' })),
    ]);
    assert.deepEqual(both.map(({ outcome }) => outcome).sort(), ['put', 'stale']);
    assert.equal(both[0].record?.gateway, both[1].record?.gateway);
    assert.equal((await store.records.put(lease({ version: 7 }))).outcome, 'stale');
    assert.equal((await store.records.put(lease({ version: 1, bytes: Buffer.from('new') }))).outcome, 'put');
    assert.equal((await store.records.put(lease({ bytes: Buffer.from('any') }))).outcome, 'put');
    assert.equal(await found(other), 'any');
    assert.equal(await store.records.remove('lease', 'crl/a', 2), false);
    assert.equal(await store.records.remove('lease', 'crl/a', 3), true);
    assert.equal(await store.records.remove('lease', 'crl/a'), false);
    assert.equal(await found(store), undefined);
  });

  it('records are listed by key, in pages, and bounded in number and size', async (t) => {
    const { store } = await open(t, new HandClock());
    const { maxRows, maxBytes } = recordLimits.lease;
    const record = (key: string, lastsMs = 60_000): RecordToPut => lease({ key, lastsMs });
    for (const key of ['c', 'a', 'b']) await store.records.put(record(key));
    const keys = await readAll((request) => store.records.list('lease', request), 2);
    assert.deepEqual(
      keys.map(({ key }) => key),
      ['a', 'b', 'c'],
    );
    for (let at = 3; at < maxRows; at++) await store.records.put(record(`d${at}`));
    await store.records.put(record('early', 59_000));
    await store.records.put(record('late', 61_000));
    assert.equal(await store.records.find('lease', 'early'), undefined, 'the one that ends first gives way');
    assert.equal((await readAll((request) => store.records.list('lease', request), 1_000)).length, maxRows);
    for (const wrong of [
      lease({ bytes: Buffer.alloc(maxBytes + 1) }),
      lease({ key: '' }),
      lease({ kind: 'toString' as 'lease' }),
      lease({ lastsMs: -1 }),
      lease({ lastsMs: Number.NaN }),
    ]) {
      await assert.rejects(store.records.put(wrong), problem('invalid'));
    }
    assert.deepEqual(await store.verify(), []);
  });
}

function testAudit(open: OpenStore): void {
  it('the audit log has an entry for each act, in a chain, and is listed by subject and actor', async (t) => {
    const { store } = await open(t, new HandClock());
    await append(store, [put('a', service('a.test:1'))], 'because');
    const noted = await store.audit.note({
      actor: 'user:bob',
      action: 'login.refused',
      subject: 'user/bob',
      detail: { from: '::1' },
    });
    await store.users.create({ id: 'u1', name: 'bob', role: 'viewer', passwordDigest: null }, act);
    const { items } = await store.audit.list();
    assert.deepEqual(
      items.map(({ seq, actor, action, reason }) => [seq, actor, action, reason]),
      [
        [3, 'user:alice', 'user.create', null],
        [2, 'user:bob', 'login.refused', null],
        [1, 'user:alice', 'revision.append', 'because'],
      ],
    );
    assert.deepEqual((await store.audit.list({ actor: 'user:bob' })).items, [noted]);
    assert.equal((await store.audit.list({ subject: 'revision/1' })).items.length, 1);
    assert.deepEqual(await store.audit.head(), { seq: 3, hash: items[0]?.hash });
    assert.equal((await readAll((request) => store.audit.list(request), 2)).length, 3);
    const large = { ...act, action: 'x', subject: 'x', detail: { x: 'x'.repeat(maxAuditDetailBytes) } };
    await assert.rejects(store.audit.note(large), problem('invalid'));
    assert.deepEqual(await store.verify(), []);
  });

  it('a request that is sent again is answered as before, another one under its key is not', async (t) => {
    const clock = new HandClock();
    const { store, another } = await open(t, clock);
    const { idempotencyKeys: keys } = store;
    const end = clock.now() + 1000;
    assert.deepEqual(await keys.begin(sha('k'), sha('r'), end), { outcome: 'new' });
    assert.deepEqual(await (await another()).idempotencyKeys.begin(sha('k'), sha('r'), end), { outcome: 'running' });
    await keys.finish(sha('k'), { status: 201 });
    await keys.release(sha('k'));
    assert.deepEqual(await keys.begin(sha('k'), sha('r'), end), { outcome: 'done', answer: { status: 201 } });
    assert.deepEqual(await keys.begin(sha('k'), sha('other'), end), { outcome: 'mismatch' });
    clock.turn(1000);
    assert.deepEqual(await keys.begin(sha('k'), sha('other'), clock.now() + 1000), { outcome: 'new' });
    await keys.release(sha('k'));
    assert.deepEqual(await keys.begin(sha('k'), sha('r'), clock.now() + 1000), { outcome: 'new' });
  });

  it('what is closed answers with a problem', async (t) => {
    const { store } = await open(t, new HandClock());
    await store.close();
    await store.close();
    await assert.rejects(store.revisions.head(), problem('closed'));
    await assert.rejects(append(store, [put('a', {})]), problem('closed'));
  });
}
