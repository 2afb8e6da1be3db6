import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DialTurns } from './dial-turns.ts';

test('one begins in a turn of the event loop, in the order of their coming; who comes alone does not wait', () => {
  const due: (() => void)[] = [];
  const turns = new DialTurns((act) => due.push(act));
  const begun: string[] = [];
  const turn = (): void => due.splice(0).forEach((act) => act());
  for (const name of ['a', 'b', 'c']) turns.take(() => void begun.push(name));
  assert.deepEqual(begun, ['a']);
  turn();
  assert.deepEqual(begun, ['a', 'b']);
  turns.take(() => void begun.push('d'));
  turn();
  turn();
  assert.deepEqual(begun, ['a', 'b', 'c', 'd']);
  turn();
  assert.deepEqual(due, [], 'and nothing is left to be done');
  turns.take(() => void begun.push('e'));
  assert.equal(begun.at(-1), 'e');
});
