import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff } from './backoff.ts';

test('the first restart comes almost at once, each further one later, none later than half a minute', () => {
  const backoff = new Backoff();
  const delays = Array.from({ length: 10 }, () => backoff.delayAfter(0));
  assert.deepEqual(delays, [200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
});

test('a worker that lived a minute was healthy: its restart comes almost at once again', () => {
  const backoff = new Backoff();
  for (let n = 0; n < 5; n++) backoff.delayAfter(59_999);
  assert.equal(backoff.delayAfter(60_000), 200);
  assert.equal(backoff.delayAfter(0), 400);
});
