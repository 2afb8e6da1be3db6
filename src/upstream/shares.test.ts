import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Caller } from './caller.ts';
import { Shares } from './shares.ts';

const caller = (client: string, address = '192.0.2.1', route = 'r'): Caller => new Caller(address, client, route);

test('who uses least comes first, among equals who has waited longest since his last call', () => {
  const shares = new Shares();
  const [one, two] = [shares.find(caller('one')), shares.find(caller('two'))];
  one.onCallBegin();
  assert.ok(two.compare(one) < 0);
  two.onCallBegin();
  assert.ok(one.compare(two) < 0);
  one.onCallOver();
  two.onCallOver();
  assert.ok(one.compare(two) < 0);
});

test('a share is by the clients that use or want something, not by all that ever came', () => {
  const shares = new Shares();
  const [one, two] = [shares.find(caller('one')), shares.find(caller('two'))];
  for (let i = 0; i < 5; i += 1) one.onCallBegin();
  assert.equal(shares.isClientOver(one, 8), false);
  assert.equal(shares.isContended, false);
  two.onWaitBegin();
  assert.equal(shares.isClientOver(one, 8), true);
  assert.equal(shares.isContended, true);
  two.onWaitOver();
  assert.equal(shares.isClientOver(one, 8), false);
});

test('the reserve is for clients below their share, half of it where their address or route is above', () => {
  const shares = new Shares();
  const greedy = shares.find(caller('greedy'));
  for (let i = 0; i < 8; i += 1) greedy.onCallBegin();
  const neighbour = shares.find(caller('neighbour'));
  const elsewhere = shares.find(caller('elsewhere', '192.0.2.2', 'other'));
  neighbour.onWaitBegin();
  elsewhere.onWaitBegin();
  const may = (share: typeof greedy, taken: number): boolean => shares.mayUseReserve(share, 8, taken, 4);
  assert.deepEqual(
    [may(greedy, 0), may(neighbour, 1), may(neighbour, 2), may(elsewhere, 3), may(elsewhere, 4)],
    [false, true, false, true, false],
  );
});

test('clients without number are forgotten once they use nothing, those that do are not', () => {
  const shares = new Shares();
  const kept = caller('kept');
  const before = shares.find(kept);
  before.onCallBegin();
  for (let i = 0; i < 10_000; i += 1) {
    const passing = shares.find(caller(`passing${i}`, `10.0.${i >> 8}.${i & 255}`));
    passing.onCallBegin();
    passing.onCallOver();
  }
  const after = shares.find(kept);
  assert.notEqual(after, before);
  assert.equal(after.client, before.client);
  before.onCallOver();
  assert.equal(after.client.load, 0);
});
