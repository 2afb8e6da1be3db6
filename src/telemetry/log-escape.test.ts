import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { escapeInvisible, jsonText, printable } from './log-escape.ts';

test('Short text comes back whole, in ASCII, whatever it holds', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
      const json = jsonText(text, 1000);
      assert.match(json, /^[\x20-\x7e]*$/);
      assert.equal(JSON.parse(json), text);
    }),
  );
});

test('Long text is cut to its limit in encoded form and stays legal JSON', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), fc.integer({ min: 8, max: 30 }), (text, max) => {
      const json = jsonText(text, max);
      assert.ok(json.length <= max + 2);
      const shown = JSON.parse(json) as string;
      assert.ok(shown === text || (shown.endsWith('...') && text.startsWith(shown.slice(0, -3))));
    }),
  );
});

test('What ends a line, moves a cursor or turns text around is escaped', () => {
  assert.equal(printable('a\nb\r\u001b[2J\u0000\u007f\u009b'), 'a\\nb\\r\\x1b[2J\\x00\\u007f\\u009b');
  assert.equal(escapeInvisible('{"a":"x\u202ey\u2028z"}'), '{"a":"x\\u202ey\\u2028z"}');
  assert.equal(printable('Zo\u00eb \u65e5\u672c'), 'Zo\u00eb \u65e5\u672c');
});
