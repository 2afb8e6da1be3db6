import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddressSet, plainAddress } from './address-set.ts';

test('an address is found in its ranges in every form in which sockets and fields write it', () => {
  const set = new AddressSet(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32']);
  for (const address of [
    '10.1.2.3',
    '::ffff:10.1.2.3',
    '192.0.2.7',
    '2001:DB8::1',
    '[2001:db8::1]',
    '2001:db8::1%eth0',
  ])
    assert.ok(set.has(address), address);
  for (const address of ['11.0.0.1', '192.0.2.8', '2001:db9::1', '::1', '', 'a.test', '10.1.2.3.4', '10.0.0.0/8'])
    assert.ok(!set.has(address), address);
  assert.ok(!new AddressSet([]).has('10.1.2.3'));
  assert.equal(plainAddress('::FFFF:192.0.2.1'), '192.0.2.1');
});
