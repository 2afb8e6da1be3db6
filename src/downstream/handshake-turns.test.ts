import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FutileHandshakes } from './futile-handshakes.ts';
import { HandshakeTurns, type TurnTaker } from './handshake-turns.ts';

function open(perTurn = 1) {
  const time = { ms: 0 };
  const clock = { now: () => 0, monotonic: () => time.ms, after: () => () => {} };
  const due: (() => void)[] = [];
  const futile = new FutileHandshakes(clock);
  const turns = new HandshakeTurns({ perTurn, later: (act) => due.push(act), futile });
  const started: string[] = [];
  const come = (name: string, remoteAddress: string): TurnTaker => {
    const taker = { remoteAddress, takeTurn: () => void started.push(name) };
    turns.take(taker);
    return taker;
  };
  /** Another turn of the event loop; whom it started. */
  const turn = (): string[] => {
    const before = started.length;
    for (const act of due.splice(0)) act();
    return started.slice(before);
  };
  return { turns, futile, started, come, turn, due };
}

test('who comes alone starts at once, and leaves nothing to be done', () => {
  const { come, started, turn, due } = open();
  come('a', '192.0.2.1');
  assert.deepEqual(started, ['a']);
  turn();
  assert.deepEqual(due, []);
  come('b', '192.0.2.1');
  assert.deepEqual(started, ['a', 'b']);
});

test('a turn starts no more than its share; those of one address in the order of their coming', () => {
  const { come, started, turn, turns } = open(2);
  for (const name of ['a', 'b', 'c', 'd', 'e']) come(name, '192.0.2.1');
  assert.deepEqual([started, turns.waiting], [['a', 'b'], 3]);
  assert.deepEqual(turn(), ['c', 'd']);
  assert.deepEqual(turn(), ['e']);
  assert.deepEqual([turn(), turns.waiting], [[], 0]);
});

test('an address of which a hundred wait keeps another waiting for one turn', () => {
  const { come, turn } = open();
  for (let at = 0; at < 101; at += 1) come(`flood ${at}`, '192.0.2.1');
  assert.deepEqual(turn(), ['flood 1']);
  come('good', '192.0.2.2');
  assert.deepEqual([...turn(), ...turn()], ['flood 2', 'good']);
  assert.deepEqual(turn(), ['flood 3']);
});

test('nobody who comes later overtakes those who wait', () => {
  const { come, started, turn } = open();
  for (const name of ['a', 'b']) come(name, '192.0.2.1');
  turn();
  come('c', '192.0.2.1');
  assert.deepEqual(started, ['a', 'b'], 'the turn has started its share');
  assert.deepEqual(turn(), ['c']);
});

test('all addresses of one IPv6 network are one client', () => {
  const { come, turn } = open();
  come('now', '2001:db8::1');
  for (let at = 0; at < 9; at += 1) come(`flood ${at}`, `2001:db8::${at}`);
  come('good', '2001:db8:0:1::1');
  assert.deepEqual([...turn(), ...turn()], ['flood 0', 'good']);
});

test('who dies while it waits leaves no trace, whenever that is', () => {
  const { come, turn, turns } = open();
  const first = come('now', '192.0.2.1');
  const waiting = ['a', 'b', 'c'].map((name) => come(name, '192.0.2.1'));
  const other = come('d', '192.0.2.2');
  turns.leave(first);
  assert.equal(turns.waiting, 4);
  for (const one of [waiting[0], waiting[0], other]) if (one !== undefined) turns.leave(one);
  assert.equal(turns.waiting, 2);
  assert.deepEqual([turn(), turn(), turn()], [['b'], ['c'], []]);
  for (const one of waiting) turns.leave(one);
  assert.equal(turns.waiting, 0);
});

test('whose handshakes come to nothing waits for the others, but gets every fourth turn', () => {
  const { come, turn, turns, futile } = open();
  for (let at = 0; at < 40; at += 1) futile.note('192.0.2.1');
  come('now', '192.0.2.2');
  for (let at = 0; at < 5; at += 1) come(`futile ${at}`, '192.0.2.1');
  for (let at = 0; at < 7; at += 1) come(`good ${at}`, `192.0.2.${10 + at}`);
  const order = Array.from({ length: 12 }, turn).flat();
  const expected = ['good 0', 'good 1', 'good 2', 'futile 0', 'good 3', 'good 4', 'good 5', 'futile 1', 'good 6'];
  assert.deepEqual(order, [...expected, 'futile 2', 'futile 3', 'futile 4']);
  assert.equal(turns.waiting, 0);
});

test('one that starts another while it starts itself does not jump the queue', () => {
  const { turns, come, turn, started } = open();
  come('now', '192.0.2.1');
  turns.take({ remoteAddress: '192.0.2.1', takeTurn: () => void come('inner', '192.0.2.1') });
  come('outer', '192.0.2.1');
  turn();
  assert.deepEqual(started, ['now']);
  assert.deepEqual([...turn(), ...turn()], ['outer', 'inner']);
});
