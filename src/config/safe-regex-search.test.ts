import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseSearchRegex } from './safe-regex.ts';

describe('a pattern whose matches are replaced', () => {
  for (const [pattern, groups, isAnchored, maxInput] of [
    ['^/old/(.*)$', 1, true, 8_192],
    ['/old/(.*)', 1, false, 512],
    ['_', 0, false, 8_192],
    ['^/a|/b', 0, false, 8_192],
    ['^/(.*)/x/(.*)$', 2, true, 512],
  ] as const)
    it(`is read whole: ${pattern}`, () =>
      assert.deepEqual(parseSearchRegex(pattern), { pattern, groups, isAnchored, maxInput }));

  for (const pattern of ['(a+)+$', '/(.*)/x/(.*)/y', '(?=a)', '(', '(a)\\1'])
    it(`is refused: ${pattern}`, () => assert.ok('problem' in parseSearchRegex(pattern)));

  it('takes no long time for the worst value that it is given', () => {
    const read = parseSearchRegex('^[a-z]*[0-9]x');
    assert.ok('pattern' in read);
    const value = 'a'.repeat(read.maxInput);
    assert.equal([...value.matchAll(new RegExp(read.pattern, 'g'))].length, 0);
  });
});
