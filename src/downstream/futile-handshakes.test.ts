import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FutileHandshakes } from './futile-handshakes.ts';

function open(networks?: number) {
  const time = { ms: 0 };
  const clock = { now: () => 0, monotonic: () => time.ms, after: () => () => {} };
  return { time, futile: new FutileHandshakes(clock, networks) };
}

function noteMany(futile: FutileHandshakes, address: string, count: number): void {
  for (let at = 0; at < count; at += 1) futile.note(address);
}

test('a few at once are nothing unusual, and are forgotten', () => {
  const { futile, time } = open();
  noteMany(futile, '192.0.2.1', 20);
  assert.equal(futile.isFutile('192.0.2.1'), false);
  futile.note('192.0.2.1');
  assert.equal(futile.isFutile('192.0.2.1'), true);
  assert.equal(futile.isFutile('192.0.2.2'), false);
  time.ms += 1000;
  assert.equal(futile.isFutile('192.0.2.1'), false);
});

test('however many they were, they are forgiven within ten seconds', () => {
  const { futile, time } = open();
  noteMany(futile, '2001:db8::1', 100_000);
  assert.equal(futile.isFutile('2001:db8::ffff'), true, 'all of its network');
  time.ms += 10_001;
  assert.equal(futile.isFutile('2001:db8::1'), false);
});

test('the table is bounded: who finds it full is not remembered, and those of before are forgotten in time', () => {
  const { futile, time } = open(4);
  for (let at = 0; at < 4; at += 1) noteMany(futile, `192.0.2.${at}`, 30);
  noteMany(futile, '198.51.100.1', 30);
  assert.deepEqual([futile.size, futile.isFutile('198.51.100.1'), futile.isFutile('192.0.2.3')], [4, false, true]);
  time.ms += 60_000;
  noteMany(futile, '198.51.100.1', 30);
  noteMany(futile, '198.51.100.2', 30);
  noteMany(futile, '198.51.100.3', 30);
  assert.ok(futile.size <= 4);
  for (const last of [1, 2, 3]) assert.equal(futile.isFutile(`198.51.100.${last}`), true);
});
