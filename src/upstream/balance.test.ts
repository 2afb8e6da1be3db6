import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FieldNames, Fields } from '../http/field.ts';
import {
  areEqual,
  type Candidate,
  chooseBalance,
  findAllowed,
  findExclusive,
  pickByHash,
  pickLeastLoaded,
  pickRandom,
  pickWeighted,
} from './balance.ts';
import { hashText } from './text-hash.ts';

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

test('weights count only where asked for and given, and rules are never a matter of turns', () => {
  const ruled = candidate(0, { matches: () => true });
  assert.equal(chooseBalance('roundRobin', [candidate(1), ruled]), 'weighted');
  assert.equal(chooseBalance('weighted', [candidate(1), candidate(0)]), 'weighted');
  assert.equal(chooseBalance('weighted', [candidate(0), candidate(0)]), 'roundRobin');
  assert.equal(chooseBalance('roundRobin', [candidate(9), candidate(1)]), 'roundRobin');
  assert.equal(chooseBalance('hash', [candidate(9), ruled]), 'hash');
  assert.equal(chooseBalance('leastRequest', [candidate(0), candidate(0)]), 'leastRequest');
});

test('an exclusive backend that matches takes everything; of several the highest priority', () => {
  const stable = candidate(100);
  const low = candidate(0, { matches: () => true, exclusive: true, priority: 1 });
  const high = candidate(0, { matches: () => true, exclusive: true, priority: 5 });
  const never = candidate(0, { matches: () => false, exclusive: true, priority: 9 });
  const unruled = candidate(0, { exclusive: true, priority: 99 });
  assert.equal(findExclusive([stable, low, high, never, unruled], anything), high);
  assert.equal(findExclusive([stable, never, unruled], anything), undefined);
});

test('what no exclusive one takes is for those without rules and for matching ones', () => {
  const stable = candidate(90);
  const canary = candidate(10, { matches: ({ target }) => target === '/beta' });
  const exclusive = candidate(10, { matches: () => true, exclusive: true });
  assert.deepEqual(findAllowed([stable, canary, exclusive], { ...anything, target: '/' }), [stable]);
  assert.deepEqual(findAllowed([stable, canary], { ...anything, target: '/beta' }), [stable, canary]);
  assert.deepEqual(findAllowed([canary], anything), []);
});

test('without any weight in the route all count the same', () => {
  const [a, b] = [candidate(0), candidate(0)];
  assert.equal(pickRandom([a, b], areEqual([a, b]), 0.2), a);
  assert.equal(pickRandom([a, b], true, 0.7), b);
  assert.equal(pickRandom([], true, 0.7), undefined);
  assert.equal(pickRandom([a], true, 0.7, a), undefined);
});

test('a second draw never takes the first again, and has the odds of the rest', () => {
  const [a, b, c] = [candidate(8), candidate(1), candidate(1)];
  assert.deepEqual(
    [0, 0.49, 0.5, 0.99].map((random) => pickWeighted([a, b, c], random, a)),
    [b, b, c, c],
  );
  assert.deepEqual(
    [0, 0.49, 0.5, 0.99].map((random) => pickRandom([a, b, c], true, random, b)),
    [a, a, c, c],
  );
});

test('rules see the request as it is', () => {
  const names = new FieldNames();
  const fields = new Fields();
  const name = names.find('X-Group');
  assert.ok(name !== undefined);
  fields.push(name, 'beta');
  const canary = candidate(1, { matches: (request) => request.fields.find('x-group') === 'beta' });
  assert.deepEqual(findAllowed([canary], { ...anything, fields }), [canary]);
});

/** As pickLeastLoaded sees it, with the requests that it was given. */
function loaded(weight: number, load = 0) {
  return { ...candidate(weight), load };
}

test('the one of two with fewer requests is taken, whichever was drawn first', () => {
  const [busy, free] = [loaded(0, 7), loaded(0, 3)];
  for (const random of [() => 0, () => 0.99]) assert.equal(pickLeastLoaded([busy, free], true, random), free);
  assert.equal(
    pickLeastLoaded([busy], true, () => 0),
    busy,
  );
  assert.equal(
    pickLeastLoaded([], true, () => 0),
    undefined,
  );
});

test('with weights as many requests for each unit of weight are meant, and weight 0 gets none', () => {
  const [big, small, none] = [loaded(4, 7), loaded(1, 2), loaded(0, 0)];
  // 8/4 of the big one are less than 3/1 of the small one.
  for (const random of [() => 0, () => 0.99]) assert.equal(pickLeastLoaded([big, small, none], false, random), big);
  assert.equal(
    pickLeastLoaded([loaded(4, 12), small, none], false, () => 0),
    small,
  );
  assert.equal(
    pickLeastLoaded([none], false, () => 0),
    undefined,
  );
});

test('requests that never end are shared to within a few, where chance alone would be off by dozens', () => {
  const random = seeded(7);
  const backends = Array.from({ length: 10 }, () => loaded(0));
  for (let i = 0; i < 10_000; i += 1) {
    const picked = pickLeastLoaded(backends, true, random);
    assert.ok(picked !== undefined);
    picked.load += 1;
  }
  const loads = backends.map(({ load }) => load);
  // The gap of two choices is ln ln n / ln 2 + O(1), whatever the number of requests; that of one is near 100 here.
  assert.ok(Math.max(...loads) - Math.min(...loads) <= 6, String(loads));
});

test('requests that never end are shared by weight', () => {
  const random = seeded(8);
  const [big, small] = [loaded(3), loaded(1)];
  for (let i = 0; i < 4000; i += 1) {
    const picked = pickLeastLoaded([big, small], false, random);
    assert.ok(picked !== undefined);
    picked.load += 1;
  }
  assert.ok(Math.abs(big.load - 3000) <= 2, String(big.load));
});

/** Ten of one route, as they are named. */
function hashed(weights: readonly number[]) {
  return weights.map((weight, at) => ({ ...candidate(weight), hash: hashText(`http://10.0.0.${at}:8080`), at }));
}
const equalTen = hashed([0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
const keys = Array.from({ length: 20_000 }, (_, at) => hashText(`spiffe://example.org/client/${at}`));

test('keys are spread evenly over equal backends', () => {
  const counts = equalTen.map(() => 0);
  for (const key of keys) {
    const at = pickByHash(equalTen, true, key)?.at ?? 0;
    counts[at] = (counts[at] ?? 0) + 1;
  }
  // Five standard deviations of a binomial distribution: sqrt(20000 * 0.1 * 0.9) = 42.
  for (const count of counts) assert.ok(Math.abs(count - 2000) < 212, String(counts));
});

test('keys are spread in proportion to weights, and weight 0 gets none', () => {
  const backends = hashed([6, 3, 1, 0]);
  const counts = [0, 0, 0, 0];
  for (const key of keys) {
    const at = pickByHash(backends, false, key)?.at ?? 0;
    counts[at] = (counts[at] ?? 0) + 1;
  }
  for (const [at, share] of [0.6, 0.3, 0.1, 0].entries()) {
    const sigma = Math.sqrt(keys.length * share * (1 - share));
    assert.ok(Math.abs((counts[at] ?? 0) - keys.length * share) <= 5 * sigma, String(counts));
  }
});

test('a backend that leaves moves its own keys and no others; when it returns it has exactly those', () => {
  const gone = equalTen[3];
  const others = equalTen.filter((backend) => backend !== gone);
  let moved = 0;
  for (const key of keys) {
    const before = pickByHash(equalTen, true, key);
    const after = pickByHash(others, true, key);
    if (before === gone) moved += 1;
    else assert.equal(after, before);
  }
  assert.ok(moved > 0);
});

test('a backend that gets more weight takes keys from others, and no other moves', () => {
  const before = hashed([2, 2, 2]);
  const after = hashed([2, 3, 2]);
  for (const key of keys.slice(0, 5000)) {
    const [was, is] = [pickByHash(before, false, key)?.at, pickByHash(after, false, key)?.at];
    assert.ok(is === was || is === 1, `${was} to ${is}`);
  }
});

test('the order of the backends in the file decides nothing', () => {
  const turned = [...equalTen].reverse();
  for (const key of keys.slice(0, 1000)) assert.equal(pickByHash(turned, true, key), pickByHash(equalTen, true, key));
  assert.equal(pickByHash([], true, 1), undefined);
});

test('a key goes where it went in every version and on every machine', () => {
  assert.equal(hashText(''), 2_872_998_923);
  assert.equal(pickByHash(equalTen, true, hashText('spiffe://example.org/client/0'))?.at, 3);
});
