import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SlowLane } from './slow-lane.ts';

function open(most?: number) {
  const due: (() => void)[] = [];
  const clock = { after: (_: number, act: () => void) => (due.push(act), (): void => {}) };
  const lane = new SlowLane(clock, most);
  const gone: string[] = [];
  const come = (client: string, name: string): { exchange: { isOver: boolean }; taken: boolean } => {
    const exchange = { isOver: false };
    return { exchange, taken: lane.take(client, exchange, () => void gone.push(name)) };
  };
  const turn = (): void => due.splice(0).forEach((act) => act());
  return { lane, come, turn, gone, due };
}

test('requests of one client go on one after the other, those of another beside them', () => {
  const { lane, come, turn, gone, due } = open();
  for (const name of ['a1', 'a2', 'a3']) come('a', name);
  come('b', 'b1');
  assert.deepEqual(gone, []);
  turn();
  assert.deepEqual(gone, ['a1', 'b1']);
  turn();
  turn();
  assert.deepEqual(gone, ['a1', 'b1', 'a2', 'a3']);
  turn();
  assert.deepEqual([lane.size, due.length], [0, 0]);
});

test('what was taken back meanwhile is passed over, and keeps nobody waiting', () => {
  const { come, turn, gone } = open();
  const taken = ['a1', 'a2', 'a3'].map((name) => come('a', name));
  for (const { exchange } of taken.slice(0, 2)) exchange.isOver = true;
  turn();
  assert.deepEqual(gone, ['a3']);
});

test('no more wait than may; those that were taken back give their places to others', () => {
  const { come, turn, gone } = open(2);
  const first = come('a', 'a1');
  assert.equal(come('a', 'a2').taken, true);
  assert.equal(come('a', 'a3').taken, false);
  assert.equal(come('b', 'b1').taken, true);
  first.exchange.isOver = true;
  assert.equal(come('a', 'a4').taken, true);
  turn();
  turn();
  assert.deepEqual(gone, ['a2', 'b1', 'a4']);
});
