import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HandshakeLimits } from './handshake-limits.ts';

function open() {
  const time = { ms: 0 };
  const clock = { now: () => 0, monotonic: () => time.ms, after: () => () => {} };
  return { time, limits: new HandshakeLimits(clock) };
}

function takeMany(limits: HandshakeLimits, count: number): number {
  return Array.from({ length: count }, () => limits.takeHandshake()).filter(Boolean).length;
}

test('without a rate every handshake may start', () => {
  assert.equal(takeMany(open().limits, 10_000), 10_000);
});

test('with a rate a second holds no more than that, and unused seconds do not add up', () => {
  const { limits, time } = open();
  limits.setRate(100);
  assert.equal(takeMany(limits, 500), 100);
  time.ms += 500;
  assert.equal(takeMany(limits, 500), 50);
  time.ms += 60_000;
  assert.equal(takeMany(limits, 500), 100);
});

test('setting the same rate again, as every connection does, gives nothing away', () => {
  const { limits } = open();
  limits.setRate(5);
  assert.equal(takeMany(limits, 5), 5);
  limits.setRate(5);
  assert.equal(takeMany(limits, 1), 0);
  limits.setRate(7);
  assert.equal(takeMany(limits, 10), 7);
});
