// Rows of a store that were changed by another way than the store: each is found, and said where it is. Written in the SQL of SQLite; another
// database translates the few words that are its own.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { digestOf, parseDigest } from '../../src/store/digest.ts';
import { openOpener } from '../../src/store/opening-key.ts';
import { type Opener, seal } from '../../src/store/seal.ts';
import type { Store } from '../../src/store/store.ts';
import type { StoreFinding } from '../../src/store/verify.ts';

const act = { actor: 'user:alice' };
const name = { kind: 'certificates', id: 'web' };

export type Tampered = {
  readonly opener: Opener;
  /** As somebody with a shell: what keeps our own mistakes out keeps nobody else out. */
  readonly tamper: (sql: string) => Promise<void>;
  readonly open: (access: 'read' | 'write') => Promise<Store>;
  readonly verify: (opener?: Opener) => Promise<readonly StoreFinding[]>;
};

/** Each test has a copy of its own of what `fillStore` made. */
export type OpenCopy = (t: TestContext) => Promise<Tampered>;

/** Some of everything. */
export async function fillStore(store: Store): Promise<Opener> {
  const opener = await openOpener(store.sealed, undefined, () => {}, act);
  const [key] = opener.publicParts();
  assert.ok(key !== undefined);
  const blob = seal(key, name, Buffer.from('the key'));
  await store.sealed.put(blob, act);
  const put = { cert: 'certificate', key: { sealed: blob.digest } };
  await store.revisions.append({ ...act, parent: 0, changes: [{ ...name, put }] });
  for (const parent of [1, 2, 3, 4]) {
    const changes = [{ kind: 'services', id: 'orders', put: { address: `orders.test:${parent}` } }];
    await store.revisions.append({ ...act, reason: `the ${parent}th`, parent, changes });
  }
  await store.users.create({ id: 'u1', name: 'alice', role: 'viewer', passwordDigest: null }, act);
  await store.users.create({ id: 'u2', name: 'bob', role: 'viewer', passwordDigest: null }, act);
  await store.users.remove('u2', act);
  const expiresAt = systemClock.now() + 1_000_000;
  await store.sessions.create({ digest: digestOf('row', 's'), userId: 'u1', expiresAt }, act);
  const token = { id: 't1', digest: digestOf('row', 't'), userId: 'u1', name: 'ci', scopes: ['read'], expiresAt };
  await store.tokens.create(token, act);
  assert.deepEqual(await store.verify(opener), []);
  return opener;
}

const hex64 = 'a'.repeat(64);

/** What is done, in SQL; a finding that must be among those made of it. */
const cases: readonly (readonly [string, string, StoreFinding['code'], string])[] = [
  [
    'a document that was changed',
    `UPDATE object SET body = replace(body, 'orders.test:2', 'evil.test:2')`,
    'object_changed',
    'object ',
  ],
  [
    'an object that points to another document',
    'UPDATE revision_change SET object_id = 2 WHERE revision = 4',
    'revision_changed',
    'revision 4',
  ],
  [
    'an object that was added to a revision',
    `INSERT INTO revision_change (kind, id, revision, object_id) VALUES ('routes', 'evil', 5, 1)`,
    'revision_changed',
    'revision 5',
  ],
  ['an object that was taken away', 'DELETE FROM revision_change WHERE revision = 2', 'revision_changed', 'revision 2'],
  ['who made a revision', `UPDATE revision SET actor = 'user:bob' WHERE number = 3`, 'revision_changed', 'revision 3'],
  ['why', `UPDATE revision SET reason = NULL WHERE number = 3`, 'revision_changed', 'revision 3'],
  [
    'which gateways it is for',
    `UPDATE revision SET canary = '["evil"]' WHERE number = 3`,
    'revision_changed',
    'revision 3',
  ],
  ['that it is for none', `UPDATE revision SET canary = '{}' WHERE number = 3`, 'revision_changed', 'revision 3'],
  ['gateways that cannot be read', `UPDATE revision SET canary = '[' WHERE number = 3`, 'unreadable', 'the revisions'],
  ['when', `UPDATE revision SET at = at + 1 WHERE number = 3`, 'revision_changed', 'revision 3'],
  ['a time that no store writes', 'UPDATE revision SET at = 9007199254740993', 'unreadable', 'the revisions'],
  [
    'a document of great depth',
    `UPDATE audit SET detail = '${'['.repeat(9000)}${']'.repeat(9000)}'`,
    'unreadable',
    'the audit',
  ],
  ['a digest of a revision', `UPDATE revision SET digest = '${hex64}' WHERE number = 5`, 'row_changed', 'revision/5'],
  [
    'a revision that was taken out',
    'DELETE FROM revision_change WHERE revision = 3; DELETE FROM revision WHERE number = 3',
    'revision_missing',
    'revision 3',
  ],
  [
    'the last revision, taken away',
    'DELETE FROM revision_change WHERE revision = 5; DELETE FROM revision WHERE number = 5',
    'row_missing',
    'revision/5',
  ],
  [
    'two revisions that changed places',
    `UPDATE revision SET number = 99 WHERE number = 3; UPDATE revision SET number = 3 WHERE number = 4;
     UPDATE revision SET number = 4 WHERE number = 99`,
    'revision_changed',
    'revision 3',
  ],
  [
    'a revision that nobody appended',
    `INSERT INTO revision VALUES (6, '${hex64}', '${hex64}', '${hex64}', 'user:alice', NULL, 0, NULL)`,
    'row_added',
    'revision/6',
  ],
  [
    'an audit entry that was changed',
    `UPDATE audit SET actor = 'user:bob' WHERE seq = 3`,
    'audit_changed',
    'audit entry 3',
  ],
  [
    'the detail of one',
    `UPDATE audit SET detail = 'no json' WHERE detail IS NOT NULL`,
    'audit_changed',
    'audit entry ',
  ],
  ['an audit entry that was taken out', 'DELETE FROM audit WHERE seq = 4', 'audit_missing', 'audit entry 4'],
  [
    'audit entries cut off the end',
    'DELETE FROM audit WHERE seq > (SELECT max(seq) - 2 FROM audit)',
    'audit_missing',
    'end of the audit log',
  ],
  [
    'two audit entries that changed places',
    `UPDATE audit SET seq = 99 WHERE seq = 4; UPDATE audit SET seq = 4 WHERE seq = 5; UPDATE audit SET seq = 5 WHERE seq = 99`,
    'audit_changed',
    'audit entry 4',
  ],
  ['a role', `UPDATE user SET role = 'admin'`, 'row_changed', 'user/u1'],
  [
    'who says who a user is',
    `UPDATE user SET provider = '{"issuer":"https://evil.example","subject":"1"}'`,
    'row_changed',
    'user/u1',
  ],
  [
    'a user who was added',
    `INSERT INTO user (id, name, role, password_digest, disabled, created_at, version) VALUES ('u3', 'eve', 'admin', NULL, FALSE, 0, 1)`,
    'row_added',
    'user/u3',
  ],
  [
    'a user who is back',
    `INSERT INTO user (id, name, role, password_digest, disabled, created_at, version) VALUES ('u2', 'bob', 'viewer', NULL, FALSE, 0, 1)`,
    'row_added',
    'user/u2',
  ],
  ['a user who was taken away', 'DELETE FROM user', 'row_missing', 'user/u1'],
  ['the scopes of a token', `UPDATE token SET scopes = '["admin"]'`, 'row_changed', 'token/t1'],
  ['a token that was taken away', 'DELETE FROM token', 'row_missing', 'token/t1'],
  [
    'a session that was added',
    `INSERT INTO session VALUES ('${hex64}', 'u1', 0, 9000000000000, 0)`,
    'row_added',
    `session/${hex64}`,
  ],
  ['a session that lives longer', 'UPDATE session SET expires_at = 9000000000000', 'row_changed', 'session/'],
  ['a sealed key', `UPDATE sealed SET bytes = x'01'`, 'row_changed', 'sealed/'],
  ['a key to seal with', `UPDATE seal_key SET public_key = 'AAAA'`, 'row_changed', 'seal-key/'],
];

/** Registers the tests for one kind of store. */
export function testTampering(title: string, openCopy: OpenCopy): void {
  describe(`${title}: verify finds`, () => registerTests(openCopy));
}

function registerTests(openCopy: OpenCopy): void {
  for (const [what, sql, code, where] of cases) {
    it(what, async (t) => {
      const { tamper, verify } = await openCopy(t);
      await tamper(sql);
      const findings = await verify();
      assert.ok(
        findings.some((finding) => finding.code === code && finding.where.startsWith(where)),
        JSON.stringify(findings, null, 1),
      );
    });
  }

  it('what the content of a revision was made into, before anything is loaded of it', async (t) => {
    const { tamper, open } = await openCopy(t);
    await tamper(`UPDATE object SET body = replace(body, 'orders.test:4', 'evil.test:4')`);
    await using store = await open('read');
    const altered = { name: 'StoreProblem', code: 'altered' };
    await assert.rejects(store.revisions.read(5), altered);
    await assert.rejects(store.revisions.findObject(5, { kind: 'services', id: 'orders' }), altered);
    await assert.rejects(store.revisions.difference(4, 5), altered);
    assert.equal((await store.revisions.read(4))?.objects.length, 2);
    await tamper('UPDATE revision_change SET object_id = 2 WHERE revision = 4');
    await assert.rejects(store.revisions.read(4), altered);
    assert.equal((await store.revisions.read(3))?.objects.length, 2);
  });

  it('whom a revision is for, before an older one is taken for the newest', async (t) => {
    const { tamper, open } = await openCopy(t);
    await using store = await open('write');
    const changes = [{ kind: 'services', id: 'tried', put: {} }];
    for (const parent of [5, 6]) await store.revisions.append({ ...act, parent, changes, canary: [`edge-${parent}`] });
    assert.equal((await store.revisions.head('edge-1')).number, 5);
    assert.equal((await store.revisions.head('edge-5')).number, 6);
    const altered = { name: 'StoreProblem', code: 'altered' };
    await tamper(`UPDATE revision SET canary = '["edge-2"]' WHERE number = 5`);
    await assert.rejects(store.revisions.head('edge-1'), altered);
    assert.equal((await store.revisions.head('edge-6')).number, 7);
    await tamper(`DELETE FROM revision_change WHERE revision = 5; DELETE FROM revision WHERE number = 5`);
    await assert.rejects(store.revisions.head('edge-1'), altered);
  });

  for (const [what, sql, use] of [
    ['a role', `UPDATE user SET role = 'admin'`, (store) => store.users.findByName('alice')],
    [
      'a user',
      `INSERT INTO user (id, name, role, password_digest, disabled, created_at, version) VALUES ('u3', 'eve', 'admin', NULL, FALSE, 0, 1)`,
      (store) => store.users.find('u3'),
    ],
    [
      'a role, before another change would put it into the log',
      `UPDATE user SET role = 'admin'`,
      (store) => store.users.update('u1', 1, { name: 'al' }, act),
    ],
    [
      'a session',
      `INSERT INTO session VALUES ('${hex64}', 'u1', 0, 9000000000000, 0)`,
      (store) => store.sessions.find(parseDigest(hex64, 'a digest')),
    ],
    ['what a token may', `UPDATE token SET scopes = '["admin"]'`, (store) => store.tokens.find(digestOf('row', 't'))],
    ['a key to seal with', `INSERT INTO seal_key VALUES ('${hex64}', 9, 'AAAA', 0)`, (store) => store.sealed.keys()],
    [
      'an object, before the next revision would have it in its digest',
      `INSERT INTO revision_change (kind, id, revision, object_id) VALUES ('routes', 'evil', 5, 1)`,
      (store) => store.revisions.append({ ...act, parent: 5, changes: [{ kind: 'services', id: 'new', put: {} }] }),
    ],
  ] as [string, string, (store: Store) => Promise<unknown>][]) {
    it(`${what}, when it is used`, async (t) => {
      const { tamper, open } = await openCopy(t);
      await using store = await open('write');
      await tamper(sql);
      await assert.rejects(use(store), { name: 'StoreProblem', code: 'altered' });
    });
  }

  it('nothing where sessions ended by themselves or the use of something was noted', async (t) => {
    const { tamper, verify, opener } = await openCopy(t);
    await tamper('DELETE FROM session; UPDATE token SET used_at = 7');
    assert.deepEqual(await verify(opener), []);
  });

  it('a sealed key that was put in place of another, and written into the log: by opening it', async (t) => {
    const { open, verify, opener } = await openCopy(t);
    {
      await using store = await open('write');
      const { items } = await store.sealed.list();
      const [key] = await store.sealed.keys();
      assert.ok(items[0] !== undefined && key !== undefined);
      // Whoever has the store has the public key.
      await store.sealed.replace({ ...seal(key, name, Buffer.from('another')), digest: items[0].digest }, act);
    }
    assert.deepEqual(await verify(), []);
    const [finding] = await verify(opener);
    assert.equal(finding?.code, 'sealed_changed');
  });
}
