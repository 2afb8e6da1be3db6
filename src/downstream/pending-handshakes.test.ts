import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PendingHandshake, PendingHandshakes, type PendingLimits } from './pending-handshakes.ts';

function open(limits: Partial<PendingLimits>, isFutile?: (address: string) => boolean) {
  const places = new PendingHandshakes({ max: 4, maxPerNetwork: 0, ...limits }, isFutile);
  const gone: string[] = [];
  const make = (name: string, remoteAddress: string): PendingHandshake => {
    const pending = {
      remoteAddress,
      giveWay: () => {
        gone.push(name);
        places.leave(pending);
      },
    };
    return pending;
  };
  const enter = (name: string, remoteAddress: string): boolean => places.enter(make(name, remoteAddress));
  return { places, gone, make, enter };
}

test('where places are short the oldest gives way', () => {
  const { gone, enter, places } = open({ max: 2 });
  assert.deepEqual([enter('a', '1.1.1.1'), enter('b', '1.1.1.1'), enter('c', '1.1.1.1')], [true, true, true]);
  assert.deepEqual([gone, places.total], [['a'], 2]);
});

test('a flood from one address takes no place from another, however old that is', () => {
  const { gone, enter } = open({ max: 4 });
  enter('good', '2.2.2.2');
  for (const name of ['a', 'b', 'c', 'd', 'e']) assert.equal(enter(name, '1.1.1.1'), true);
  assert.deepEqual(gone, ['a', 'b']);
});

test('a flood from many addresses ends with the oldest', () => {
  const { gone, enter } = open({ max: 2 });
  for (let at = 1; at <= 4; at += 1) assert.equal(enter(`n${at}`, `1.1.1.${at}`), true);
  assert.deepEqual(gone, ['n1', 'n2']);
});

test('who waits for us does not give way; where nobody else is there, the newest is turned away', () => {
  const { gone, make, enter, places } = open({ max: 2 });
  const held = [make('a', '1.1.1.1'), make('b', '1.1.1.1')];
  for (const one of held) {
    assert.equal(places.enter(one), true);
    places.hold(one);
  }
  assert.equal(enter('c', '2.2.2.2'), false);
  assert.deepEqual([gone, places.total], [[], 2]);
  for (const one of held) places.leave(one);
  for (const one of held) places.leave(one);
  assert.equal(places.total, 0);
  assert.equal(enter('d', '2.2.2.2'), true);
});

test('one whose network holds most but waits for us is passed over', () => {
  const { gone, make, enter, places } = open({ max: 3 });
  for (const name of ['a', 'b']) {
    const one = make(name, '1.1.1.1');
    places.enter(one);
    places.hold(one);
  }
  enter('c', '2.2.2.2');
  assert.equal(enter('d', '3.3.3.3'), true);
  assert.deepEqual(gone, ['c']);
});

test('an address has no more than its limit, and others are not touched by it', () => {
  const { gone, enter, places } = open({ maxPerNetwork: 1 });
  enter('other', '2.2.2.2');
  enter('a', '1.1.1.1');
  enter('b', '1.1.1.1');
  assert.deepEqual([gone, places.total], [['a'], 2]);
});

test('IPv6 addresses of one /64 are one client, of two are two', () => {
  const { gone, enter } = open({ maxPerNetwork: 1 });
  enter('a', '2001:db8:0:1::1');
  enter('b', '2001:db8:0:2::1');
  assert.deepEqual(gone, []);
  enter('c', '2001:db8:0:1:ffff::2');
  assert.deepEqual(gone, ['a']);
  enter('d', 'fe80::1%eth0');
  enter('e', 'fe80::2%eth0');
  assert.deepEqual(gone, ['a', 'd']);
});

test('new limits hold for who comes next', () => {
  const { places, gone, enter } = open({ max: 3 });
  for (const name of ['a', 'b', 'c']) enter(name, '1.1.1.1');
  places.setLimits({ max: 2, maxPerNetwork: 0 });
  assert.deepEqual(gone, []);
  assert.equal(enter('d', '1.1.1.1'), false, 'one place is not made by one that goes');
  assert.deepEqual([gone, places.total], [['a'], 2]);
  assert.equal(enter('e', '1.1.1.1'), true);
});

test('where handshakes come to nothing again and again few are there at once; the oldest gives way', () => {
  const futile = new Set(['1.1.1.1']);
  const { gone, enter } = open({ max: 1000 }, (address) => futile.has(address));
  for (let at = 0; at < 64; at += 1) assert.equal(enter(`a${at}`, '1.1.1.1'), true);
  assert.deepEqual(gone, []);
  assert.equal(enter('late', '1.1.1.1'), true, 'who comes later gets a place');
  assert.deepEqual(gone, ['a0']);
  for (let at = 0; at < 200; at += 1) assert.equal(enter(`b${at}`, '2.2.2.2'), true);
  assert.deepEqual(gone, ['a0'], 'whoever behaves has as many as there are');
  futile.clear();
  for (let at = 0; at < 100; at += 1) assert.equal(enter(`c${at}`, '1.1.1.1'), true);
  assert.deepEqual(gone, ['a0'], 'as has one who was forgiven');
});
