import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UselessTraffic } from './useless-traffic.ts';
import type { Peer } from './peer.ts';

type Who = Pick<Peer, 'identity' | 'remoteAddress'>;

function open() {
  const time = { ms: 0 };
  const clock = { now: () => 0, monotonic: () => time.ms, after: () => () => {} };
  const useless = new UselessTraffic(clock);
  /** Whether it may go on after so many more. */
  const waste = (who: Who, times: number, isExempt = false): boolean => {
    let mayGoOn = true;
    for (let at = 0; at < times; at += 1) mayGoOn = useless.note(who, isExempt);
    return mayGoOn;
  };
  return { useless, time, waste };
}

const who = (remoteAddress: string, sha256?: string): Who => ({
  remoteAddress,
  identity: sha256 === undefined ? undefined : ({ leaf: { sha256 } } as Peer['identity']),
});

test('a client that has wasted too much may go on when time has passed', () => {
  const { time, waste } = open();
  const mallory = who('192.0.2.1', 'aa');
  assert.equal(waste(mallory, 200), true);
  assert.equal(waste(mallory, 1), false);
  time.ms += 1_000;
  assert.equal(waste(mallory, 19), true);
  assert.equal(waste(mallory, 1), false);
});

test('others at its address, and its certificate elsewhere, have nothing to do with it', () => {
  const { waste } = open();
  assert.equal(waste(who('192.0.2.1', 'aa'), 300), false);
  for (const other of [who('192.0.2.1', 'bb'), who('192.0.2.1'), who('192.0.2.2', 'aa')])
    assert.equal(waste(other, 1), true, JSON.stringify(other));
});

test('without certificates it is the network that counts: an IPv4 address, 64 bits of IPv6', () => {
  const { waste } = open();
  assert.equal(waste(who('2001:db8::1'), 150), true);
  assert.equal(waste(who('2001:db8::2'), 100), false);
  assert.equal(waste(who('2001:db8:0:1::2'), 100), true);
});

test('at the address of a balancer only certificates are told apart, and who has none is never counted', () => {
  const { useless, waste } = open();
  assert.equal(waste(who('192.0.2.1'), 1_000, true), true);
  assert.equal(useless.size, 0);
  assert.equal(waste(who('192.0.2.1', 'aa'), 201, true), false);
  assert.equal(waste(who('192.0.2.2', 'aa'), 1, true), false, 'it comes by another balancer');
  assert.equal(waste(who('192.0.2.1', 'bb'), 1, true), true);
});

test('a client of which a connection had to be ended is guilty for a while; by its certificate only', () => {
  const { useless, time } = open();
  const mallory = who('192.0.2.1', 'aa');
  assert.equal(useless.findGuilty(mallory, false), undefined);
  for (const one of [mallory, who('192.0.2.1')]) useless.noteFlood(one, false);
  const guilty = useless.findGuilty(mallory, false);
  assert.equal(typeof guilty, 'string');
  for (const other of [who('192.0.2.1'), who('192.0.2.1', 'bb'), who('192.0.2.2', 'aa')])
    assert.equal(useless.findGuilty(other, false), undefined);
  time.ms += 9_900;
  assert.equal(useless.findGuilty(mallory, false), guilty);
  time.ms += 200;
  assert.equal(useless.findGuilty(mallory, false), undefined);
});
