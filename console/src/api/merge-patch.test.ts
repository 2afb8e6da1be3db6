import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mergePatch } from './merge-patch.ts';

describe('a merge patch', () => {
  it('has what is different and nothing else, as deep as it stands', () => {
    const before = { name: 'orders', tls: { mode: 'tls', serverName: 'a', min: '1.2' }, tags: ['a', 'b'] };
    const after = { name: 'orders', tls: { mode: 'mtls', min: '1.2' }, tags: ['b'] };
    assert.deepEqual(mergePatch(before, after), { tls: { mode: 'mtls', serverName: null }, tags: ['b'] });
  });

  it('is none where nothing is different: null and absent are the same', () => {
    const before = { name: 'orders', note: null, list: [{ a: 1, b: null }] };
    assert.equal(mergePatch(before, { name: 'orders', list: [{ a: 1 }] }), undefined);
  });

  it('replaces what changes its kind', () => {
    assert.deepEqual(mergePatch({ a: { b: 1 } }, { a: [1] }), { a: [1] });
    assert.deepEqual(mergePatch({ a: [1] }, { a: { b: 1 } }), { a: { b: 1 } });
  });
});
