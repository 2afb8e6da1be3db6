// SPIFFE IDs: the grammar of SPIFFE-ID and what X509-SVID asks of the leaf, both sides.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readFacts } from './facts-reader.ts';
import { findSpiffeId, readSvid } from './spiffe.ts';
import { type LeafOptions, mintCa } from './test-ca.ts';

const ca = await mintCa();
const issue = async (options: Partial<LeafOptions>) =>
  readFacts((await ca.issue({ kind: 'client', cn: 'x', ...options })).der);
const plain = await issue({});
const idOf = (...uris: string[]): string | undefined =>
  findSpiffeId({ ...plain, sans: uris.map((value) => ({ type: 'URI', value })) })?.id;

test('an ID is the scheme, a trust domain and a path, and is taken as it stands', () => {
  for (const [id, trustDomain] of [
    ['spiffe://example.org/a', 'example.org'],
    ['spiffe://example.org/ns/prod/sa/Default_1.x-y', 'example.org'],
    ['spiffe://a/b', 'a'],
    ['spiffe://under_score-1.example/...', 'under_score-1.example'],
    [`spiffe://${'d'.repeat(255)}/a`, 'd'.repeat(255)],
    [`spiffe://a/${'p'.repeat(2048 - 11)}`, 'a'],
  ] as const) {
    const sans = [{ type: 'URI', value: id } as const, { type: 'DNS', value: 'a.test' } as const];
    assert.deepEqual(findSpiffeId({ ...plain, sans }), { id, trustDomain });
  }
});

test('what is not exactly of that form names nobody', () => {
  for (const uri of [
    'spiffe://example.org',
    'spiffe://example.org/',
    'spiffe:///a',
    'spiffe://',
    'spiffe:/example.org/a',
    'SPIFFE://example.org/a',
    'Spiffe://example.org/a',
    'spiffe://Example.org/a',
    'spiffe://example.org/a/',
    'spiffe://example.org//a',
    'spiffe://example.org/a//b',
    'spiffe://example.org/.',
    'spiffe://example.org/..',
    'spiffe://example.org/a/../b',
    'spiffe://example.org/./b',
    'spiffe://example.org/a%2fb',
    'spiffe://example%2eorg/a',
    'spiffe://example.org:443/a',
    'spiffe://user@example.org/a',
    'spiffe://example.org/a?b',
    'spiffe://example.org/a#b',
    'spiffe://example.org/a b',
    'spiffe://example.org/a\n',
    'spiffe://example.org/a\0',
    'spiffe://example.org/ä',
    'spiffe://exämple.org/a',
    'spiffe://[::1]/a',
    'spiffe://*/a',
    'spiffe://example.org/*',
    ' spiffe://example.org/a',
    'https://example.org/a',
    'spiffe:example.org/a',
    'xspiffe://example.org/a',
    `spiffe://${'d'.repeat(256)}/a`,
    `spiffe://a/${'p'.repeat(2048 - 10)}`,
    '',
  ]) {
    assert.equal(idOf(uri), undefined, JSON.stringify(uri));
  }
});

test('exactly one URI makes an identity; a second one of any kind makes none', () => {
  const id = 'spiffe://example.org/a';
  assert.equal(idOf(id), id);
  assert.equal(idOf(), undefined);
  assert.equal(idOf(id, id), undefined);
  assert.equal(idOf(id, 'https://a.test/'), undefined);
  assert.equal(idOf('urn:x', id), undefined);
  const sans = [{ type: 'DNS', value: id } as const, { type: 'EMAIL', value: id } as const];
  assert.equal(findSpiffeId({ ...plain, sans }), undefined);
});

test('a certificate that may issue others identifies no workload', async () => {
  const sans = ['spiffe://example.org/a'];
  const usage = (bits: number) => ({ oid: '2.5.29.15', critical: true, value: Buffer.from([3, 2, 0, bits]) });
  for (const [options, allowed] of [
    [{ sans }, true],
    [{ sans, extensions: [{ oid: '2.5.29.15', value: undefined }] }, true],
    [{ sans, extensions: [usage(0xa8)] }, true],
    [{ sans, extensions: [usage(0x84)] }, false],
    [{ sans, extensions: [usage(0x82)] }, false],
    [{ sans, extensions: [{ oid: '2.5.29.15', value: Buffer.from([3, 1, 0]) }] }, false],
    [{ sans, extensions: [{ oid: '2.5.29.15', value: Buffer.from([5, 0]) }] }, false],
    [{ sans, extensions: [{ oid: '2.5.29.19', critical: true, value: Buffer.from('30030101ff', 'hex') }] }, false],
  ] as const) {
    assert.equal(findSpiffeId(await issue(options)) !== undefined, allowed, JSON.stringify(options));
  }
});

test('where there is no identity there is a sentence that says why, without a word of the certificate’s own', async () => {
  for (const [sans, why] of [
    [[], /no URI/],
    [['https://a.test/'], /not a SPIFFE ID/],
    [['spiffe://a/b', 'spiffe://a/c'], /more than one URI/],
  ] as const) {
    const found = readSvid(await issue({ sans }));
    assert.match('detail' in found ? found.detail : '', why);
  }
});

test('any text either is an ID whose parts join to itself, or names nobody', () => {
  const hostile = fc.stringMatching(/^spiffe:\/\/[a-zA-Z0-9._%:@/?#*-]{0,30}$/);
  fc.assert(
    fc.property(fc.oneof(hostile, fc.string({ unit: 'binary', maxLength: 60 })), (text) => {
      const found = findSpiffeId({ ...plain, sans: [{ type: 'URI', value: text }] });
      if (found === undefined) return;
      assert.equal(found.id, text);
      assert.ok(text.startsWith(`spiffe://${found.trustDomain}/`));
      const { host, pathname } = new URL(text);
      assert.deepEqual([host, pathname], [found.trustDomain, text.slice(9 + found.trustDomain.length)]);
    }),
    { numRuns: 3000 },
  );
});
