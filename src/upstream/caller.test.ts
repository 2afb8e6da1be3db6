import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressGroup, Caller } from './caller.ts';

test('an IPv6 client is its network of 64 bits, an IPv4 client its address', () => {
  assert.equal(addressGroup('192.0.2.7'), '192.0.2.7');
  assert.equal(addressGroup('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
  assert.equal(addressGroup('2001:db8:1:2::6'), '2001:db8:1:2::/64');
  assert.equal(addressGroup('2001:db8::6'), '2001:db8:0:0::/64');
  assert.equal(addressGroup('::1'), '0:0:0:0::/64');
  assert.notEqual(addressGroup('2001:db8:1:2::6'), addressGroup('2001:db8:1:3::6'));
});

test('a client is its certificate where it has one, wherever it comes from', () => {
  assert.equal(new Caller('192.0.2.7', 'ab:cd', 'r').client, new Caller('192.0.2.8', 'ab:cd', 'r').client);
  assert.equal(new Caller('192.0.2.7', undefined, 'r').client, '192.0.2.7');
});
