import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HandshakeLimits } from './handshake-limits.ts';

function open(most?: number) {
  const time = { ms: 0 };
  const clock = { now: () => 0, monotonic: () => time.ms, after: () => () => {} };
  return { time, limits: new HandshakeLimits(clock, most) };
}

/** How many of them may start. */
function takeMany(limits: HandshakeLimits, count: number, address: string | null = '192.0.2.1'): number {
  return Array.from({ length: count }, () => limits.takeHandshake(address ?? undefined)).filter(
    (reached) => reached === undefined,
  ).length;
}

test('without a rate every handshake may start', () => {
  assert.equal(takeMany(open().limits, 10_000), 10_000);
});

test('with a rate a second holds no more than that, and unused seconds do not add up', () => {
  const { limits, time } = open();
  limits.setRates({ perSecond: 100, perClient: 0 });
  assert.equal(takeMany(limits, 500), 100);
  time.ms += 500;
  assert.equal(takeMany(limits, 500), 50);
  time.ms += 60_000;
  assert.equal(takeMany(limits, 500), 100);
  assert.equal(limits.takeHandshake(undefined)?.code, 'handshake_limit');
});

test('setting the same rate again, as every connection does, gives nothing away', () => {
  const { limits } = open();
  limits.setRates({ perSecond: 5, perClient: 3 });
  assert.equal(takeMany(limits, 5), 3);
  limits.setRates({ perSecond: 5, perClient: 3 });
  assert.equal(takeMany(limits, 1), 0);
  limits.setRates({ perSecond: 5, perClient: 2 });
  assert.equal(takeMany(limits, 10), 2);
});

test('one client that comes too often costs the others nothing, and is one in all of its IPv6 network', () => {
  const { limits, time } = open();
  limits.setRates({ perSecond: 10, perClient: 3 });
  assert.equal(takeMany(limits, 500, '192.0.2.1'), 3);
  assert.equal(limits.takeHandshake('192.0.2.1')?.code, 'client_limit');
  assert.equal(takeMany(limits, 2, '2001:db8::1'), 2);
  assert.equal(takeMany(limits, 2, '2001:db8::ffff'), 1);
  assert.equal(takeMany(limits, 500, null), 4, 'whoever has no limit of its own has what is left');
  time.ms += 1000;
  assert.equal(takeMany(limits, 500, '192.0.2.1'), 3);
});

test('a crowd of addresses beyond those that are told apart shares the rate of one, until the others are quiet', () => {
  const { limits, time } = open(4);
  limits.setRates({ perSecond: 0, perClient: 2 });
  for (let one = 0; one < 4; one += 1) assert.equal(takeMany(limits, 5, `192.0.2.${one}`), 2);
  const crowd = (from: number): number => {
    let started = 0;
    for (let one = 0; one < 200; one += 1) started += takeMany(limits, 1, `198.51.${from}.${one}`);
    return started;
  };
  assert.equal(crowd(1), 2);
  assert.equal(takeMany(limits, 5, '192.0.2.0'), 0, 'nobody got a new start by the crowd');
  time.ms += 1000;
  assert.equal(crowd(2), 6, 'four take the places of those who were quiet, the rest shares');
});
