import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { plainHostile, showHostile } from './hostile-text.ts';

describe('foreign text', () => {
  it('is shown as it is where it is harmless, in any script', () => {
    assert.deepEqual(showHostile('CN=Ünïcödé 例え, O=<b>Acme</b>', 100), {
      pieces: [{ text: 'CN=Ünïcödé 例え, O=<b>Acme</b>', isCode: false }],
      cut: 0,
    });
  });

  it('has its control, turning and invisible characters shown as codes', () => {
    assert.equal(
      plainHostile('a\u0000b\n\u202Egnp.exe\u200B\u00A0\uD800'),
      'a‹U+0000›b‹U+000A›‹U+202E›gnp.exe‹U+200B›‹U+00A0›‹U+D800›',
    );
  });

  it('is cut by characters, never through one', () => {
    const { pieces, cut } = showHostile('😀'.repeat(10), 4);
    assert.deepEqual(pieces, [{ text: '😀'.repeat(4), isCode: false }]);
    assert.equal(cut, 6);
  });
});
