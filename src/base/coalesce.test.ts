import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coalesce } from './coalesce.ts';

test('what is asked for again and again runs once more after the run under way, never beside it', async () => {
  const ends: (() => void)[] = [];
  const run = coalesce(
    async () =>
      new Promise((resolve) => {
        ends.push(resolve);
      }),
  );
  const first = run();
  await new Promise(setImmediate);
  const later = Array.from({ length: 300 }, async () => run());
  assert.equal(ends.length, 1);
  ends[0]?.();
  await first;
  await new Promise(setImmediate);
  assert.equal(ends.length, 2);
  ends[1]?.();
  await Promise.all(later);
  assert.equal(ends.length, 2);
  const last = run();
  await new Promise(setImmediate);
  assert.equal(ends.length, 3);
  ends[2]?.();
  await last;
});
