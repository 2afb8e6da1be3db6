import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from './clock.ts';

test('a delay over what a timer of Node can take is waited for, and can be taken back', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const dayMs = 86_400_000;
  let calls = 0;
  systemClock.after(40 * dayMs, () => (calls += 1));
  const cancel = systemClock.after(45 * dayMs, () => (calls += 100));
  for (let day = 0; day < 39; day++) t.mock.timers.tick(dayMs);
  assert.equal(calls, 0);
  cancel();
  for (let day = 0; day < 20; day++) t.mock.timers.tick(dayMs);
  assert.equal(calls, 1);
});
