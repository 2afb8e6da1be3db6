import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff } from './backoff.ts';

test('the first restart comes at once, each further one later, none later than half a minute', () => {
  const backoff = new Backoff();
  const delays = Array.from({ length: 11 }, () => backoff.delayAfter(0));
  assert.deepEqual(delays, [0, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
});

test('a worker that lived ten seconds was healthy: its restart comes at once, however often that happens', () => {
  const backoff = new Backoff();
  for (let n = 0; n < 5; n++) backoff.delayAfter(9_999);
  for (let n = 0; n < 5; n++) assert.equal(backoff.delayAfter(10_000), 0);
  assert.equal(backoff.delayAfter(0), 200);
});
