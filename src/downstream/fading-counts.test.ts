import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FadingCounts } from './fading-counts.ts';

function open(maxKeys = 100) {
  const time = { ms: 0 };
  const clock = { now: () => 0, monotonic: () => time.ms, after: () => () => {} };
  return { time, counts: new FadingCounts(clock, { most: 10, fadingPerSecond: 5, maxKeys }) };
}

test('what happens too often is known, and forgiven in time', () => {
  const { counts, time } = open();
  for (let at = 0; at < 10; at += 1) counts.note('a');
  assert.equal(counts.isOver('a'), false);
  counts.note('a');
  assert.deepEqual([counts.isOver('a'), counts.isOver('b')], [true, false]);
  time.ms = 1_000;
  assert.equal(counts.isOver('a'), false);
  for (let at = 0; at < 1_000; at += 1) counts.note('a');
  time.ms = 3_100;
  assert.equal(counts.isOver('a'), false, 'no count grows without an end');
});

test('few keys are remembered, and those that faded make room', () => {
  const { counts, time } = open(3);
  for (const key of ['a', 'b', 'c', 'd']) counts.note(key);
  assert.equal(counts.size, 3);
  time.ms = 1_000;
  counts.note('e');
  assert.equal(counts.size, 2);
});
