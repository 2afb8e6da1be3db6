import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientNetwork } from './client-network.ts';

test('an IPv6 client is its network of 64 bits in whatever spelling, an IPv4 client its address', () => {
  assert.equal(clientNetwork('192.0.2.7'), '192.0.2.7');
  assert.equal(clientNetwork('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
  assert.equal(clientNetwork('2001:DB8:1:2::6'), '2001:db8:1:2::/64');
  assert.equal(clientNetwork('2001:db8::6'), '2001:db8:0:0::/64');
  assert.equal(clientNetwork('::1'), '0:0:0:0::/64');
  assert.equal(clientNetwork('fe80::1%eth0'), 'fe80:0:0:0::/64');
  assert.notEqual(clientNetwork('2001:db8:1:2::6'), clientNetwork('2001:db8:1:3::6'));
  assert.equal(clientNetwork('not:an:address'), 'not:an:address');
});
