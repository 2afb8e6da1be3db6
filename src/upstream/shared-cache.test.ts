import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedCache } from './shared-cache.ts';

type Thing = { readonly name: string; closed: number; close(): void };

function thing(name: string): Thing {
  const made = {
    name,
    closed: 0,
    close: () => {
      made.closed += 1;
    },
  };
  return made;
}

test('a key has one value within a generation and across the next', () => {
  const old = new SharedCache<Thing>();
  const a = old.take('a', () => thing('a'));
  assert.equal(
    old.take('a', () => thing('another')),
    a,
  );
  const next = new SharedCache<Thing>(old);
  assert.equal(
    next.take('a', () => thing('another')),
    a,
  );
  old.close();
  assert.equal(a.closed, 0);
  next.close();
  assert.equal(a.closed, 1);
});

test('what the next generation does not take is closed with the old one', () => {
  const old = new SharedCache<Thing>();
  const [kept, dropped] = [old.take('kept', () => thing('kept')), old.take('dropped', () => thing('dropped'))];
  const next = new SharedCache<Thing>(old);
  next.take('kept', () => thing('never'));
  old.close();
  assert.deepEqual([kept.closed, dropped.closed], [0, 1]);
});

test('a generation that is thrown away closes only what is its own', () => {
  const running = new SharedCache<Thing>();
  const shared = running.take('shared', () => thing('shared'));
  const failed = new SharedCache<Thing>(running);
  failed.take('shared', () => thing('never'));
  const own = failed.take('own', () => thing('own'));
  failed.close();
  failed.close();
  assert.deepEqual([shared.closed, own.closed], [0, 1]);
  running.close();
  assert.equal(shared.closed, 1);
});

test('what the old generation has closed is made anew', () => {
  const old = new SharedCache<Thing>();
  const first = old.take('a', () => thing('first'));
  const next = new SharedCache<Thing>(old);
  old.close();
  const second = next.take('a', () => thing('second'));
  assert.notEqual(first, second);
  next.close();
  assert.deepEqual([first.closed, second.closed], [1, 1]);
});
