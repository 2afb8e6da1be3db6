// Issuers of clients that were let in: the first of a policy is learned, a later one is told for a day, by every gateway alike, and a stranger's
// is nobody's business.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { HandClock } from '../../test/conformance/http1-harness.ts';
import { sampleClients } from '../../test/support/sample-evidence.ts';
import { openTempDir } from '../../test/support/temp.ts';
import { dayMs } from '../base/clock.ts';
import { makeStoreOnce } from '../loading/open-store-source.ts';
import { openSqliteStore } from '../sqlite/sqlite-store.ts';
import type { ClientsSeen } from './clients-seen.ts';
import { IssuerWatch } from './issuer-watch.ts';

it('tells an issuer that is new at a policy, over all gateways and restarts', async (t) => {
  const dir = openTempDir('issuers');
  const clock = new HandClock();
  const path = dir.file('store.db');
  await makeStoreOnce({ path }, clock);
  const store = await openSqliteStore({ path, access: 'write', clock });
  t.after(async () => {
    await store.close();
    dir.remove();
  });
  const clients = sampleClients(clock.now());
  const [alice] = clients.identities;
  assert.ok(alice !== undefined);
  const from = (...issuers: string[]): ClientsSeen => ({
    ...clients,
    identities: [...issuers.map((issuer) => ({ ...alice, issuer })), ...clients.identities.slice(1)],
  });
  let isThere = true;
  const records = () => (isThere ? store.records : undefined);
  const one = new IssuerWatch('one', records);
  const look = async (watch: IssuerWatch, ...issuers: string[]): Promise<string[]> =>
    (await watch.look(from(...issuers), clock.now())).map(({ sentence, happened }) => {
      assert.equal(happened, true);
      return /: (.*?) \(/.exec(sentence)?.[1] ?? '';
    });
  assert.deepEqual(await look(one, 'CN=first'), []);
  clock.turn(1_000);
  assert.deepEqual(await look(one, 'CN=first', 'CN=second'), ['CN=second']);
  const two = new IssuerWatch('two', records);
  assert.deepEqual(await look(two, 'CN=second'), ['CN=second'], 'another gateway says the same');
  isThere = false;
  assert.deepEqual(await look(two, 'CN=third'), [], 'not known yet whether it is new');
  isThere = true;
  assert.deepEqual(await look(two, 'CN=third'), ['CN=third']);
  const later = await one.look(from('CN=second'), clock.now() + dayMs + 2_000);
  assert.deepEqual(later, [], 'after a day it is no news');
});
