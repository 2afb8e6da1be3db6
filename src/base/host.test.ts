import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalHostName, isIpLiteral } from './host.ts';

test('a host name is lower-cased and loses one trailing dot', () => {
  for (const [given, wanted] of [
    ['b.test', 'b.test'],
    ['B.TEST', 'b.test'],
    ['b.test.', 'b.test'],
    ['A-b_c.X1.test', 'a-b_c.x1.test'],
    ['localhost', 'localhost'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    [`${'a'.repeat(63)}.test`, `${'a'.repeat(63)}.test`],
    [`${'a.'.repeat(126)}b`, `${'a.'.repeat(126)}b`],
    ['1.2.3.4.example', '1.2.3.4.example'],
  ] as const) {
    assert.equal(canonicalHostName(given), wanted, given);
  }
});

test('what is no host name has no canonical form', () => {
  const illegal = [
    '',
    '.',
    '..',
    'b.test..',
    '.b.test',
    'a..b',
    '-a.test',
    'a-.test',
    'a b',
    'a\u0000.test',
    'a\n',
    'a\r\n.test',
    'b.test:443',
    'u@b.test',
    '*.b.test',
    'bücher.example',
    '\u212A.test',
    `${'a'.repeat(64)}.test`,
    `${'a.'.repeat(126)}bb`,
    '127.0.0.1',
    '127.0.0.1.',
    '127.1',
    '2130706433',
    '0x7f.1',
    '127.0.0.0x1',
    '::1',
    '[::1]',
    'a/b',
    '%41.test',
  ];
  for (const text of illegal) assert.equal(canonicalHostName(text), undefined, JSON.stringify(text));
});

test('IP literals are told apart from names', () => {
  for (const text of ['127.0.0.1', '::1', '[::1]', 'fe80::1', '::ffff:1.2.3.4']) assert.ok(isIpLiteral(text), text);
  for (const text of ['', 'a.test', '1.2.3', '[1.2.3.4]', '[', '1.2.3.4.', 'localhost'])
    assert.ok(!isIpLiteral(text), text);
});
