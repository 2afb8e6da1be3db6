// The store in a bad state while somebody changes something: a problem that says which, and nothing half.
import assert from 'node:assert/strict';
import { openSync, writeSync, closeSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { type ApiAnswer, openApi } from '../../test/support/control-api.ts';

const value = { address: 'a.test:8443', tls: { mode: 'tls', caBundle: 'internal' } };
const codeOf = ({ status, body, headers }: ApiAnswer): unknown[] => [
  status,
  body['code'],
  body['store'],
  headers.get('retry-after'),
];

describe('a change while the store', () => {
  it('is locked by another process is refused with 503, and works when that has ended', async (t) => {
    const api = await openApi(t);
    const { store, dir } = api;
    const { cookie } = await api.enter('operator');
    const other = new DatabaseSync(dir.file('store.db'));
    other.exec('BEGIN IMMEDIATE');
    const refused = await api.ask('POST', '/services', { cookie, body: { id: 'shop', value } });
    assert.deepEqual(codeOf(refused), [503, 'store_unavailable', 'locked', '5']);
    assert.match(String(refused.body['detail']), /another process/i);
    // What is only read is there.
    assert.equal((await api.ask('GET', '/services', { cookie })).status, 200);
    other.exec('ROLLBACK');
    other.close();
    assert.equal((await api.ask('POST', '/services', { cookie, body: { id: 'shop', value } })).status, 201);
    assert.equal((await store.revisions.head()).number, 1);
  });

  it('has no room left is refused with 503, leaves no revision, and is good as before', async (t) => {
    const size = 420 * 1024;
    const api = await openApi(t, { maxBytes: size });
    const { store } = api;
    const { cookie } = await api.enter('operator');
    let refused: ApiAnswer | undefined;
    let made = 0;
    // Long values, so that few are enough.
    for (let i = 0; i < 20 && refused === undefined; i++) {
      const long = { ...value, tls: { ...value.tls, allowedSPKI: pins(i) } };
      const answer = await api.ask('POST', '/services', { cookie, body: { id: `service-${i}`, value: long } });
      if (answer.status === 201) made++;
      else refused = answer;
    }
    assert.ok(refused !== undefined);
    assert.deepEqual(codeOf(refused), [503, 'store_unavailable', 'disk_full', '5']);
    assert.equal((await store.revisions.head()).number, made);
    assert.deepEqual(await store.verify(), []);
    assert.equal((await api.ask('GET', '/services', { cookie })).status, 200);
  });

  it('is damaged is refused with 503, and says to put a backup in its place', async (t) => {
    const api = await openApi(t);
    const { dir, store } = api;
    const { cookie } = await api.enter('operator');
    assert.equal((await api.ask('POST', '/services', { cookie, body: { id: 'shop', value } })).status, 201);
    const path = dir.file('store.db');
    const db = new DatabaseSync(path);
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    db.close();
    const file = openSync(path, 'r+');
    for (let at = 4096; at < statSync(path).size; at += 4096) writeSync(file, Buffer.alloc(4096, 0xa5), 0, 4096, at);
    closeSync(file);
    const refused = await api.ask('POST', '/services', { cookie, body: { id: 'more', value } });
    assert.equal(refused.status, 503, refused.text);
    assert.ok(['corrupt', 'altered'].includes(String(refused.body['store'])), refused.text);
    assert.match(String(refused.body['detail']), /store verify|backup/);
    await assert.rejects(store.revisions.head());
  });
});

/** Different ones for each, so that no document is the same. */
function pins(seed: number): string[] {
  return Array.from({ length: 400 }, (_, i) => Buffer.alloc(32, `${seed}-${i}`).toString('base64'));
}
