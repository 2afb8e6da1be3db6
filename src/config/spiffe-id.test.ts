import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseSpiffeId, parseTrustDomain } from './spiffe-id.ts';

test('IDs that the standard allows stay as they are written', () => {
  for (const id of [
    'spiffe://example.org/a',
    'spiffe://a_b-c.1/ns/Prod/sa/x.y_z-1',
    'spiffe://10.0.0.1/...',
    'spiffe://a/.b',
  ])
    assert.deepEqual(parseSpiffeId(id), { id });
});

test('a trust domain may be written alone or as the ID of the domain', () => {
  for (const text of ['example.org', 'spiffe://example.org', 'spiffe://example.org/'])
    assert.deepEqual(parseTrustDomain(text), { domain: 'example.org' });
});

test('domains of 255 bytes and IDs of 2048 bytes are the longest', () => {
  const domain = 'd'.repeat(255);
  assert.deepEqual(parseTrustDomain(domain), { domain });
  assert.ok('problem' in parseTrustDomain(`${domain}d`));
  const id = `spiffe://x/${'a'.repeat(2048 - 'spiffe://x/'.length)}`;
  assert.deepEqual(parseSpiffeId(id), { id });
  assert.ok('problem' in parseSpiffeId(`${id}a`));
});

test('whatever is accepted is of the form of the standard, whatever is put together', () => {
  const piece = fc.constantFrom(
    'spiffe:',
    'SPIFFE:',
    '//',
    '/',
    '.',
    '..',
    'a',
    'A',
    'x.org',
    '%2f',
    '?',
    '#',
    '@',
    ':1',
    ' ',
    '\n',
    'ü',
    '*',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 9 }), (pieces) => {
      const text = pieces.join('');
      const reading = parseSpiffeId(text);
      if ('id' in reading) {
        assert.match(reading.id, /^spiffe:\/\/[a-z0-9._-]{1,255}(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)+$/);
        assert.equal(reading.id, text);
      }
      const domain = parseTrustDomain(text);
      if ('domain' in domain) assert.match(domain.domain, /^[a-z0-9._-]{1,255}$/);
    }),
    { numRuns: 3000 },
  );
});
