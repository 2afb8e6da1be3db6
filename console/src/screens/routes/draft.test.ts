import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mergePatch } from '../../api/merge-patch.ts';
import { draftOf, newRoute, valueOf } from './draft.ts';

const stored = {
  hosts: ['a.test', 'b.test'],
  path: '/orders',
  methods: ['GET'],
  service: 'orders',
  match: { query: [] },
};

describe('a route in the form', () => {
  it('is stored as it was where nothing is changed', () => {
    assert.equal(mergePatch(stored, valueOf(draftOf(stored), stored)), undefined);
    const off = { path: '/', service: 'orders', enabled: false, priority: 3 };
    assert.equal(mergePatch(off, valueOf(draftOf(off), off)), undefined);
  });

  it('leaves out what is every host, every method and the default', () => {
    const value = JSON.parse(JSON.stringify(valueOf({ ...newRoute, service: 'orders' }))) as unknown;
    assert.deepEqual(value, { path: '/', service: 'orders' });
  });

  it('takes hosts line by line or between commas, methods in any case, and clears what was cleared', () => {
    const draft = { ...draftOf(stored), hosts: 'a.test, c.test\nd.test', methods: 'get post', service: '' };
    assert.deepEqual(mergePatch(stored, valueOf(draft, stored)), {
      hosts: ['a.test', 'c.test', 'd.test'],
      methods: ['GET', 'POST'],
      service: null,
    });
  });

  it('leaves to the server what is no number', () => {
    assert.equal(valueOf({ ...newRoute, priority: '12' })['priority'], 12);
    assert.equal(valueOf({ ...newRoute, priority: 'first' })['priority'], 'first');
  });
});
