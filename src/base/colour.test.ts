import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mayHaveColours, paint, wantsColours } from './colour.ts';

test('colours are for terminals that show them, and for nobody who said no', () => {
  assert.ok(wantsColours({ TERM: 'xterm' }));
  assert.ok(wantsColours({ NO_COLOR: '' }));
  assert.ok(!wantsColours({ NO_COLOR: '1' }));
  assert.ok(!wantsColours({ TERM: 'dumb' }));
  assert.ok(!mayHaveColours(-1, {}), 'a file or a pipe is no terminal');
  assert.deepEqual([paint('x', '31', true), paint('x', '31', false)], ['\u001b[31mx\u001b[0m', 'x']);
});
