import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SessionStore } from './session-store.ts';

function open(max?: number) {
  const clock = { ms: 0, monotonic: () => clock.ms };
  const store = new SessionStore(clock, max);
  const session = (letter: string, bytes = 4): Buffer => Buffer.alloc(bytes, letter);
  return { clock, store, session };
}

test('a session is found under its policy and number, as often as it is asked for, until it is taken back', () => {
  const { store, session } = open();
  store.add('p', 'one', session('a'), 60);
  assert.equal(store.find('p', 'one')?.toString(), 'aaaa');
  assert.equal(store.find('p', 'one')?.toString(), 'aaaa');
  assert.equal(store.find('q', 'one'), undefined);
  assert.equal(store.find('p', 'two'), undefined);
  store.delete('q', 'one');
  store.delete('p', 'one');
  assert.deepEqual([store.find('p', 'one'), store.size], [undefined, 0]);
});

test('a session ends with its lifetime, and what goes is overwritten', () => {
  const { store, session, clock } = open();
  const bytes = session('a');
  store.add('p', 'one', bytes, 60);
  clock.ms = 59_999;
  assert.equal(store.find('p', 'one'), bytes);
  clock.ms = 60_000;
  assert.equal(store.find('p', 'one'), undefined);
  assert.deepEqual([store.size, bytes.toString('hex')], [0, '00000000']);
});

test('a session that goes on with another ends no later than that', () => {
  const { store, session, clock } = open();
  store.add('p', 'one', session('a'), 60);
  clock.ms = 30_000;
  store.add('p', 'two', session('b'), 60, store.findEnd('p', 'one'));
  store.add('p', 'short', session('c'), 10, store.findEnd('p', 'one'));
  assert.deepEqual(
    ['one', 'two', 'short', 'none'].map((number) => store.findEnd('p', number)),
    [60_000, 60_000, 40_000, undefined],
  );
});

test('where there is no room the oldest goes, and one that is too large does not come', () => {
  const { store, session } = open(2);
  const first = session('a');
  store.add('p', '1', first, 60);
  store.add('p', '2', session('b'), 60);
  store.add('p', '3', session('c'), 60);
  store.add('p', '4', session('d', 4097), 60);
  assert.deepEqual(
    ['1', '2', '3', '4'].map((number) => store.find('p', number)?.toString()),
    [undefined, 'bbbb', 'cccc', undefined],
  );
  assert.deepEqual([store.size, first.toString('hex')], [2, '00000000']);
});

test('a flood of sessions keeps no more than there is room for, whatever is taken back meanwhile', () => {
  const { store, session } = open(8);
  for (let at = 0; at < 1000; at += 1) {
    store.add('p', String(at), session('x'), 60);
    if (at % 3 === 0) store.delete('p', String(at - 2));
  }
  assert.ok(store.size <= 8);
  assert.equal(store.find('p', '999')?.length, 4);
  store.add('p', '999', session('y'), 60);
  assert.equal(store.find('p', '999')?.toString(), 'yyyy');
});
