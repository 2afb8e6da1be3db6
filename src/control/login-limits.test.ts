import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LoginLimits } from './login-limits.ts';

function open() {
  let now = 0;
  const limits = new LoginLimits({ monotonic: () => now });
  const fail = (account: string, address: string, times: number): void => {
    for (let i = 0; i < times; i++) limits.begin(account, address);
  };
  return { limits, fail, advance: (ms: number) => (now += ms) };
}

describe('wrong passwords', () => {
  it('keep an account out for the rest of the window, from everywhere, and no other', () => {
    const { limits, fail, advance } = open();
    fail('alice', '192.0.2.1', 10);
    assert.equal(limits.waitFor('alice', '198.51.100.1'), 900);
    assert.equal(limits.waitFor('bob', '192.0.2.1'), undefined);
    advance(15 * 60_000);
    assert.equal(limits.waitFor('alice', '192.0.2.1'), undefined);
  });

  it('keep an address out, a whole /64 of IPv6, an IPv4 address in each of its forms', () => {
    const { limits, fail } = open();
    for (let i = 0; i < 30; i++) fail(`a${i}`, `2001:db8::${i.toString(16)}`, 1);
    assert.equal(limits.waitFor('new', '2001:db8::ffff'), 900);
    assert.equal(limits.waitFor('new', '2001:db8:0:1::1'), undefined);
    for (let i = 0; i < 30; i++) fail(`b${i}`, i % 2 === 0 ? '::ffff:192.0.2.1' : '192.0.2.1', 1);
    assert.equal(limits.waitFor('new', '192.0.2.1'), 900);
  });

  it('of any number of other names and addresses open no account that is kept out', () => {
    const { limits, fail } = open();
    fail('alice', '192.0.2.1', 10);
    for (let i = 0; i < 25_000; i++) fail(`other ${i}`, `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 1);
    assert.equal(limits.waitFor('alice', '198.51.100.1'), 900);
  });

  it('before the right one do not count any more, for the account', () => {
    const { limits, fail } = open();
    fail('alice', '192.0.2.1', 10);
    limits.succeeded('alice', '192.0.2.1');
    assert.equal(limits.waitFor('alice', '192.0.2.1'), undefined);
  });
});
