import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClientCounts } from './client-counts.ts';

test('a client has so many at once and no more, and gets back what it gives back', () => {
  const counts = new ClientCounts();
  const first = counts.enter('192.0.2.1', 2);
  assert.ok(first !== undefined && counts.enter('192.0.2.1', 2) !== undefined);
  assert.equal(counts.enter('192.0.2.1', 2), undefined);
  assert.ok(counts.enter('192.0.2.2', 2) !== undefined, 'another client is none of its business');
  counts.leave(first);
  assert.ok(counts.enter('192.0.2.1', 2) !== undefined);
  assert.equal(counts.enter('192.0.2.1', 2), undefined);
});

test('all addresses of an IPv6 network of 64 bits are one client', () => {
  const counts = new ClientCounts();
  assert.ok(counts.enter('2001:db8:0:1::1', 1) !== undefined);
  assert.equal(counts.enter('2001:db8:0:1:ffff::2', 1), undefined);
  assert.ok(counts.enter('2001:db8:0:2::1', 1) !== undefined);
});

test('whoever has none left is forgotten', () => {
  const counts = new ClientCounts();
  const names = Array.from({ length: 1000 }, (_, i) => counts.enter(`198.51.${i >> 8}.${i & 255}`, Infinity));
  assert.equal(counts.size, 1000);
  for (const name of names) counts.leave(name ?? '');
  assert.equal(counts.size, 0);
});

test('beyond the clients that are told apart all others share the room of one, and no known one loses its own', () => {
  const counts = new ClientCounts(2);
  const first = counts.enter('192.0.2.1', 3);
  counts.enter('192.0.2.2', 3);
  const crowd = Array.from({ length: 100 }, (_, i) => counts.enter(`198.51.100.${i}`, 3));
  assert.equal(crowd.filter((name) => name !== undefined).length, 3);
  assert.equal(counts.enter('192.0.2.2', 3), '192.0.2.2');
  assert.equal(counts.size, 3);
  counts.leave(first ?? '');
  for (const name of crowd) if (name !== undefined) counts.leave(name);
  assert.equal(counts.enter('198.51.100.7', 3), '198.51.100.7');
});
