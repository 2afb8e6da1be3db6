import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OcspAnswer } from './response.ts';
import { OcspCache } from './cache.ts';

function answer(status: OcspAnswer['status'], thisUpdate: number): OcspAnswer {
  return {
    status,
    thisUpdate,
    producedAt: thisUpdate,
    validUntil: thisUpdate + 1000,
    revokedAt: undefined,
    reason: undefined,
  };
}

/** What counts after the answers were put in, in this order. */
function after(...answers: readonly OcspAnswer[]): string {
  const cache = new OcspCache();
  for (const one of answers) cache.put('key', one, 0);
  const { answer: kept } = cache.find('key') ?? {};
  return `${kept?.status} ${kept?.thisUpdate}`;
}

test('the newest answer counts, whichever way they come', () => {
  assert.equal(after(answer('good', 1), answer('revoked', 2)), 'revoked 2');
  assert.equal(after(answer('revoked', 2), answer('good', 1)), 'revoked 2');
  assert.equal(after(answer('good', 2), answer('good', 1)), 'good 2');
  assert.equal(after(answer('unknown', 1), answer('good', 2)), 'good 2');
  assert.equal(after(answer('good', 2), answer('unknown', 1)), 'good 2');
});

test('a revocation is lifted by a newer good answer and by nothing else', () => {
  assert.equal(after(answer('revoked', 1), answer('good', 2)), 'good 2');
  assert.equal(after(answer('revoked', 1), answer('good', 1)), 'revoked 1');
  assert.equal(after(answer('good', 1), answer('revoked', 1)), 'revoked 1');
  assert.equal(after(answer('revoked', 1), answer('unknown', 5)), 'revoked 1');
  assert.equal(after(answer('revoked', 1), answer('revoked', 3)), 'revoked 3');
});

test('an older answer of the same kind says that the newer one still stands, one of another kind says nothing', () => {
  const cache = new OcspCache();
  cache.put('key', answer('good', 2), 10);
  assert.equal(cache.put('key', answer('good', 1), 20).receivedAt, 20);
  assert.equal(cache.put('key', answer('unknown', 1), 30).receivedAt, 20);
});

test('a flood of good certificates makes it forget no revocation, and neither grows without end', () => {
  const cache = new OcspCache(3);
  cache.put('revoked', answer('revoked', 1), 0);
  for (let n = 0; n < 100; n += 1) cache.put(`good ${n}`, answer('good', 1), 0);
  assert.equal(cache.find('revoked')?.answer.status, 'revoked');
  assert.equal(cache.size, 4);
  assert.equal(cache.find('good 99')?.answer.status, 'good');
  assert.equal(cache.find('good 96'), undefined);
  for (let n = 0; n < 100; n += 1) cache.put(`bad ${n}`, answer('revoked', 1), 0);
  assert.equal(cache.size, 6);
});
