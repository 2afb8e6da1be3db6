import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalIp, formatIp, parseIp } from './ip-name.ts';

test('every spelling of an address has one canonical form', () => {
  for (const [given, wanted] of [
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '::1'],
    ['[::1]', '::1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8::0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['::', '::'],
    ['1::', '1::'],
    ['::ffff:10.0.0.1', '::ffff:10.0.0.1'],
    ['::ffff:a00:1', '::ffff:10.0.0.1'],
  ] as const) {
    assert.equal(canonicalIp(given), wanted, given);
  }
});

test('what is no address has no canonical form', () => {
  for (const text of ['', 'a.test', '1.2.3', '127.1', '[1.2.3.4]', 'fe80::1%eth0', '::1::', '[::1', '1.2.3.4.']) {
    assert.equal(canonicalIp(text), undefined, text);
    assert.equal(parseIp(text), undefined, text);
  }
  assert.equal(formatIp(Uint8Array.from([1, 2, 3])), undefined);
});
