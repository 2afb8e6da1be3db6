import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isUrl, parseFetchUrl } from './fetch-url.ts';

test('whatever is accepted means the same to the URL class: same host, no credentials, no fragment, nothing repaired', () => {
  const piece = fc.constantFrom(
    'http://',
    'https://',
    'HTTP://',
    'a.test',
    'B.test',
    '10.0.0.1',
    '[::1]',
    ':80',
    ':8080',
    '@',
    '/',
    '\\',
    '?',
    '#',
    '..',
    '.',
    '%41',
    '%',
    ' ',
    '\t',
    '\n',
    'ü',
    '<',
    '^',
    '|',
    'x',
    ';',
    '0x7f.1',
    '127.1',
  );
  let accepted = 0;
  fc.assert(
    fc.property(
      fc.constantFrom('http://a.test', 'https://[::1]:8443', ''),
      fc.array(piece, { maxLength: 7 }),
      (start, pieces) => {
        const text = start + pieces.join('');
        const reading = parseFetchUrl(text);
        if (!('url' in reading)) return;
        accepted += 1;
        const url = new URL(reading.url);
        assert.match(url.protocol, /^https?:$/);
        assert.equal(url.username + url.password + url.hash, '');
        assert.ok(
          reading.url.startsWith(`${url.protocol}//${url.host}/`),
          `${text} became ${reading.url}, meant ${url.href}`,
        );
        assert.deepEqual(parseFetchUrl(reading.url), reading, 'canonical');
        assert.ok(isUrl(text), 'never taken for a path');
      },
    ),
    { numRuns: 3000 },
  );
  assert.ok(accepted > 50);
});

test('paths and base64 are no URLs', () => {
  for (const text of ['a.crl', '/etc/ca.crl', './c:d', 'MIIB/+==', 'crls/', 'ca:1.crl'])
    assert.equal(isUrl(text), false, text);
  for (const text of ['ldap:x', 'file:/x', 'http:x', 's3://b/k', 'LDAPS://x']) assert.equal(isUrl(text), true, text);
});
