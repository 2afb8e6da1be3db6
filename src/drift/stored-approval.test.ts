// Approvals in the audit log: read back as they were recorded, for the gateway that they are of, and none is made by who has the database only.
import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import { openTempDir } from '../../test/support/temp.ts';
import { systemClock } from '../base/clock.ts';
import { openSqliteStore } from '../sqlite/sqlite-store.ts';
import { makeSealKey, Opener } from '../store/seal.ts';
import type { Store } from '../store/store.ts';
import { NoApproval } from './approval-list.ts';
import { approvalSubject, approveAction, KeptApproval, readApproval, recordApproval } from './stored-approval.ts';

const act = { actor: 'local:root' };

async function open(t: TestContext): Promise<{ store: Store; opener: Opener; path: string }> {
  const dir = openTempDir('stored-approval');
  const store = await openSqliteStore({ path: dir.file('store.db'), access: 'write', clock: systemClock });
  t.after(async () => {
    await store.close();
    dir.remove();
  });
  return { store, opener: new Opener([makeSealKey()]), path: dir.file('kept') };
}

it('the newest is read back, in however many pieces, each gateway its own', async (t) => {
  const { store, opener } = await open(t);
  assert.equal(await readApproval(store.audit, opener, 'one'), undefined);
  for (const text of ['first', 'x'.repeat(100_000), 'third']) {
    await recordApproval(store.audit, opener, 'one', text, act);
    assert.equal(await readApproval(store.audit, opener, 'one'), text);
  }
  assert.equal(await readApproval(store.audit, opener, 'two'), undefined);
  assert.deepEqual(await store.verify(), []);
});

it('nothing is approved by who writes to the audit log without the opening key', async (t) => {
  const { store, opener } = await open(t);
  await recordApproval(store.audit, opener, 'two', 'for two', act);
  const [ofTwo] = (await store.audit.list({ subject: approvalSubject('two') })).items;
  const subject = approvalSubject('one');
  const forged = async (detail: object): Promise<void> => {
    await store.audit.note({ ...act, action: approveAction, subject, detail: detail as never });
    await assert.rejects(readApproval(store.audit, opener, 'one'), NoApproval);
  };
  await forged(ofTwo?.detail ?? {});
  await recordApproval(store.audit, new Opener([makeSealKey()]), 'one', 'by another key', act);
  await assert.rejects(readApproval(store.audit, opener, 'one'), NoApproval);
  for (const detail of [
    {},
    { list: 'a', part: 1, of: 2, sealed: '' },
    { list: 'a', part: 1, of: 1_000_000, sealed: '' },
  ])
    await forged(detail);
  await recordApproval(store.audit, opener, 'one', 'real', act);
  assert.equal(await readApproval(store.audit, opener, 'one'), 'real');
});

it('is kept on the disk for the day without a store, and is not believed when it was changed', async (t) => {
  const { opener, path } = await open(t);
  const kept = new KeptApproval(path, 'one');
  assert.equal(kept.read(opener), undefined);
  kept.write('list', opener);
  assert.equal(kept.read(opener), 'list');
  assert.throws(() => kept.read(undefined), NoApproval);
  assert.throws(() => new KeptApproval(path, 'two').read(opener), NoApproval);
  assert.throws(() => kept.read(new Opener([makeSealKey()])), NoApproval);
});
