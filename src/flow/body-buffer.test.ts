import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BodyBudget, BodyBuffer } from './body-buffer.ts';

test('pieces come back in order as one, and the budget with them', () => {
  const budget = new BodyBudget(1000, 100);
  const buffer = new BodyBuffer(budget);
  for (const letter of 'slowly') buffer.add(Buffer.from(letter));
  assert.equal(buffer.length, 6);
  assert.ok(budget.used >= 6 && budget.used <= 100);
  assert.equal(buffer.take()?.toString(), 'slowly');
  assert.equal(budget.used, 0);
  assert.equal(buffer.take(), undefined);
});

test('a body in one piece is not copied', () => {
  const buffer = new BodyBuffer(new BodyBudget(1000, 100));
  const piece = Buffer.from('at once');
  buffer.add(piece);
  assert.equal(buffer.take()?.buffer, piece.buffer);
});

test('many tiny pieces take no more memory than their bytes are worth', () => {
  const budget = new BodyBudget(1_000_000, 65_536);
  const buffer = new BodyBuffer(budget);
  for (let i = 0; i < 65_536; i += 1) buffer.add(Buffer.from([i & 255]));
  assert.equal(buffer.isFull, true);
  assert.equal(budget.used, 65_536);
  const kept = buffer.take();
  assert.equal(kept?.length, 65_536);
  assert.ok(kept.every((byte, i) => byte === (i & 255)));
});

test('is full at its own limit and at that of all', () => {
  const budget = new BodyBudget(10, 8);
  const [one, other] = [new BodyBuffer(budget), new BodyBuffer(budget)];
  one.add(Buffer.from('12345'));
  assert.deepEqual([one.isFull, other.isFull], [false, false]);
  other.add(Buffer.from('12345'));
  assert.deepEqual([one.isFull, other.isFull], [true, true]);
  other.take();
  assert.equal(one.isFull, false);
  one.add(Buffer.from('678'));
  assert.equal(one.isFull, true);
});
