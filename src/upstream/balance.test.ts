import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FieldNames, Fields } from '../http/field.ts';
import { type Candidate, chooseBalance, pickByRules, pickWeighted } from './balance.ts';

function candidate(weight: number, more: Partial<Candidate> = {}): Candidate {
  return { weight, matches: undefined, exclusive: false, priority: 0, ...more };
}

/** Deterministic numbers in [0, 1) (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const anything = { fields: new Fields(), target: '/', remoteAddress: '' };

test('weights 80 and 20 share requests 80 to 20 within statistical bounds', () => {
  const random = seeded(42);
  const [a, b] = [candidate(80), candidate(20)];
  let first = 0;
  for (let i = 0; i < 10_000; i += 1) if (pickWeighted([a, b], random()) === a) first += 1;
  // Five standard deviations of a binomial distribution: sqrt(10000 * 0.8 * 0.2) = 40.
  assert.ok(Math.abs(first - 8000) < 200, String(first));
});

test('weight 0 is never picked, not even at the edges of chance', () => {
  const [zero, one, last] = [candidate(0), candidate(1), candidate(0)];
  for (const random of [0, 0.5, 0.999_999_999_999_999_9]) assert.equal(pickWeighted([zero, one, last], random), one);
  assert.equal(pickWeighted([zero], 0.3), undefined);
  assert.equal(pickWeighted([], 0.3), undefined);
});

test('rules decide as soon as one backend has any, weights only where asked for and given', () => {
  const ruled = candidate(0, { matches: () => true });
  assert.equal(chooseBalance('weighted', [candidate(1), ruled]), 'rules');
  assert.equal(chooseBalance('weighted', [candidate(1), candidate(0)]), 'weighted');
  assert.equal(chooseBalance('weighted', [candidate(0), candidate(0)]), 'roundRobin');
  assert.equal(chooseBalance('roundRobin', [candidate(9), candidate(1)]), 'roundRobin');
});

test('an exclusive backend that matches takes everything; of several the highest priority', () => {
  const stable = candidate(100);
  const low = candidate(0, { matches: () => true, exclusive: true, priority: 1 });
  const high = candidate(0, { matches: () => true, exclusive: true, priority: 5 });
  const never = candidate(0, { matches: () => false, exclusive: true, priority: 9 });
  for (const random of [0, 0.99]) {
    assert.equal(pickByRules([stable, low, high, never], false, random, anything), high);
  }
});

test('a matching backend that is not exclusive shares by weight, one that does not match gets nothing', () => {
  const stable = candidate(90);
  const canary = candidate(10, { matches: ({ target }) => target === '/beta' });
  const at = (target: string, random: number) => pickByRules([stable, canary], false, random, { ...anything, target });
  assert.equal(at('/', 0.95), stable);
  assert.equal(at('/beta', 0.5), stable);
  assert.equal(at('/beta', 0.95), canary);
});

test('where nobody matches and nobody is without rules, there is no backend', () => {
  const canary = candidate(10, { matches: () => false });
  assert.equal(pickByRules([canary], false, 0.5, anything), undefined);
});

test('without any weight in the route all that match count the same', () => {
  const [a, b] = [candidate(0), candidate(0, { matches: () => true })];
  assert.equal(pickByRules([a, b], true, 0.2, anything), a);
  assert.equal(pickByRules([a, b], true, 0.7, anything), b);
});

test('rules see the request as it is', () => {
  const names = new FieldNames();
  const fields = new Fields();
  const name = names.find('X-Group');
  assert.ok(name !== undefined);
  fields.push(name, 'beta');
  const canary = candidate(1, { matches: (request) => request.fields.find('x-group') === 'beta' });
  assert.equal(pickByRules([canary], false, 0, { ...anything, fields }), canary);
});
