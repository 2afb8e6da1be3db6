import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeExpiry, isNearExpiry } from './expiry.ts';

const dayMs = 86_400_000;

test('an expiry is near when a third of the lifetime is left, of hours as of months', () => {
  for (const lifetimeMs of [90 * dayMs, dayMs, 60_000]) {
    const lifetime = { notBefore: 1_000, notAfter: 1_000 + lifetimeMs };
    assert.equal(isNearExpiry(lifetime, 1_000 + (lifetimeMs * 2) / 3 - 1), false);
    assert.equal(isNearExpiry(lifetime, 1_000 + (lifetimeMs * 2) / 3), true);
    assert.equal(isNearExpiry(lifetime, lifetime.notAfter + 1), true);
  }
});

test('of a long lifetime it is near in the last 90 days, for a CA in the last 180', () => {
  for (const years of [3, 10, 30])
    for (const [isCa, days] of [
      [false, 90],
      [true, 180],
    ] as const) {
      const lifetime = { notBefore: 0, notAfter: years * 365 * dayMs, isCa };
      const near = lifetime.notAfter - days * dayMs;
      assert.deepEqual([isNearExpiry(lifetime, near - 1), isNearExpiry(lifetime, near)], [false, true]);
    }
});

test('dates in the wrong order are near only when the end is there', () => {
  assert.equal(isNearExpiry({ notBefore: 10, notAfter: 5 }, 4), false);
  assert.equal(isNearExpiry({ notBefore: 10, notAfter: 5 }, 5), true);
});

test('the time left is told in one unit, rounded down', () => {
  const now = 1_000 * dayMs;
  const told = [30 * dayMs + 1, 2 * dayMs, 2 * dayMs - 1, 7_200_000, 7_199_999, 60_000, 59_999, 0, -3 * dayMs];
  assert.deepEqual(
    told.map((ms) => describeExpiry(now + ms, now)),
    [
      'in 30 days',
      'in 2 days',
      'in 47 hours',
      'in 2 hours',
      'in 119 minutes',
      'in 1 minute',
      'in 0 minutes',
      'in 0 minutes',
      '3 days ago',
    ],
  );
});
