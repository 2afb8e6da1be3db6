import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../base/clock.ts';
import { QuietLines } from './quiet-lines.ts';

function open() {
  const time = { ms: 0 };
  const clock: Clock = { now: () => time.ms, monotonic: () => time.ms, after: () => () => undefined };
  return { time, quiet: new QuietLines(clock) };
}

test('one line of a kind in a minute, the next one says how many were kept back', () => {
  const { time, quiet } = open();
  assert.deepEqual([quiet.admit('a'), quiet.admit('a'), quiet.admit('a')], [0, undefined, undefined]);
  time.ms = 60_000;
  assert.deepEqual([quiet.admit('a'), quiet.admit('a')], [2, undefined]);
});

test('another reason is another line at once, other times and ports of the same are none', () => {
  const { quiet } = open();
  assert.equal(quiet.admit('route b:443 expired', 'it expired on 2026-01-01T00:00:00Z'), 0);
  assert.equal(quiet.admit('route b:443 expired', 'it expired on 2026-02-02T10:11:12Z'), undefined);
  assert.equal(quiet.admit('route b:443 expired', 'its CA expired on 2026-01-01'), 1);
  assert.equal(quiet.admit('route b:443 revoked', 'it expired on 2026-01-01T00:00:00Z'), 0);
});

test('ever new reasons are bounded', () => {
  const { quiet } = open();
  const letters = Array.from({ length: 26 }, (_, at) => String.fromCodePoint(97 + at));
  const told = letters.filter((letter) => quiet.admit('kind', letter) !== undefined);
  assert.equal(told.length, 8);
});

test('a reload makes everything new', () => {
  const { quiet } = open();
  quiet.admit('a', 'why');
  quiet.reset();
  assert.equal(quiet.admit('a', 'why'), 0);
});
