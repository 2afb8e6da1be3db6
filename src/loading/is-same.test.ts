import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSame } from './is-same.ts';

const place = (line: number) => ({ file: 'g.yml', line, col: 1 });

test('places apart, everything counts: values, what is missing, order of a list', () => {
  const one = { name: 'a', place: place(1), list: [{ x: 1, place: place(2) }], bytes: new Uint8Array([1]) };
  assert.equal(isSame(one, structuredClone({ ...one, place: place(7) })), true);
  assert.equal(isSame(one, { ...one, list: [{ x: 1, place: place(9) }] }), true);
  assert.equal(isSame(one, { ...one, other: undefined }), true);
  for (const change of [
    { name: 'b' },
    { list: [{ x: 2 }] },
    { list: [] },
    { list: [{ x: 1 }, { x: 1 }] },
    { list: { 0: { x: 1 } } },
    { bytes: new Uint8Array([2]) },
    { bytes: [1] },
    { more: null },
  ]) {
    assert.equal(isSame(one, { ...one, ...change }), false, JSON.stringify(change));
    assert.equal(isSame({ ...one, ...change }, one), false, JSON.stringify(change));
  }
});

test('what is no plain data is only the same as itself', () => {
  const map = new Map([[1, 2]]);
  assert.equal(isSame({ map }, { map }), true);
  assert.equal(isSame({ map }, { map: new Map([[1, 2]]) }), false);
  assert.equal(isSame(new Date(1), new Date(1)), false);
  assert.equal(isSame(null, {}), false);
  assert.equal(isSame(NaN, NaN), true);
});

test('what somebody has called place himself counts', () => {
  assert.equal(isSame({ place: 'Berlin' }, { place: 'Paris' }), false);
  assert.equal(isSame({ place: 'Berlin' }, { place: place(1) }), false);
  assert.equal(isSame({ place: place(1) }, {}), false);
  assert.equal(isSame({ place: { file: 'a' } }, { place: { file: 'b' } }), false);
});
