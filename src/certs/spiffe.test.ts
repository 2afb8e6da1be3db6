// SPIFFE IDs: the grammar of SPIFFE-ID and what X509-SVID asks of the leaf, both sides.
import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import fc from 'fast-check';
import { encodeDer, encodeObjectId } from '../asn1/der-writer.ts';
import { encodeSan } from './san-writer.ts';
import { readFacts } from './facts-reader.ts';
import { findSigningFlaw, findSpiffeId, readSvid } from './spiffe.ts';
import { type CaOptions, type LeafOptions, mintCa } from './test-ca.ts';

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

const keyUsage = (bits: number | undefined, critical = true) => ({
  oid: '2.5.29.15',
  critical,
  value: bits === undefined ? undefined : Buffer.from([3, 2, 0, bits]),
});
const broken = (value: number[]) => ({ oid: '2.5.29.15', critical: true, value: Buffer.from(value) });
const constraints = (hex: string | undefined) => ({
  oid: '2.5.29.19',
  critical: true,
  value: hex === undefined ? undefined : Buffer.from(hex, 'hex'),
});
const usages = (...kinds: string[]) => ({
  oid: '2.5.29.37',
  value: encodeDer(0x30, ...kinds.map((oid) => encodeObjectId(oid))),
});
const [serverAuth, clientAuth] = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'];
const id = 'spiffe://example.org/a';
const uri = { oid: '2.5.29.17', critical: false, value: encodeDer(0x30, encodeSan({ type: 'URI', value: id })) };

/** X509-SVID section by section. `why`: undefined where the leaf is a good one. */
const leaves: readonly (readonly [section: string, what: string, options: Partial<LeafOptions>, why?: RegExp])[] = [
  ['2', 'one URI', { sans: [id] }],
  ['2', 'one URI beside a DNS name', { sans: [id, 'a.test'] }],
  ['2', 'no URI', { sans: ['a.test'] }, /no URI/],
  ['2', 'two SPIFFE IDs', { sans: [id, 'spiffe://example.org/b'] }, /more than one URI/],
  ['2', 'a second URI', { sans: [id, 'https://a.test/'] }, /more than one URI/],
  ['3.1', 'an ID without a path', { sans: ['spiffe://example.org'] }, /not a SPIFFE ID/],
  ['3.1', 'an ID with the root as its path', { sans: ['spiffe://example.org/'] }, /not a SPIFFE ID/],
  ['3.1', 'no subject, names critical', { sans: [id], subject: '' }],
  ['3.1', 'no subject, names not critical', { sans: [id], subject: '', extensions: [uri] }, /empty/],
  ['4.1', 'no basic constraints', { sans: [id], extensions: [constraints(undefined)] }],
  ['4.1', 'cA false', { sans: [id], extensions: [constraints('3003010100')] }],
  ['4.1', 'cA true', { sans: [id], extensions: [constraints('30030101ff')] }, /CA certificate/],
  ['4.3', 'digitalSignature', { sans: [id], extensions: [keyUsage(0x80)] }],
  ['4.3', 'keyEncipherment and keyAgreement as well', { sans: [id], extensions: [keyUsage(0xa8)] }],
  ['4.3', 'no key usage', { sans: [id], extensions: [keyUsage(undefined)] }, /no key usage/],
  ['4.3', 'a key usage that is not critical', { sans: [id], extensions: [keyUsage(0x80, false)] }, /not critical/],
  ['4.3', 'keyEncipherment alone', { sans: [id], extensions: [keyUsage(0x20)] }, /lacks digitalSignature/],
  ['4.3', 'keyAgreement alone', { sans: [id], extensions: [keyUsage(0x08)] }, /lacks digitalSignature/],
  ['4.3', 'keyCertSign', { sans: [id], extensions: [keyUsage(0x84)] }, /allows issuing/],
  ['4.3', 'cRLSign', { sans: [id], extensions: [keyUsage(0x82)] }, /allows issuing/],
  ['4.3', 'a key usage without bits', { sans: [id], extensions: [broken([3, 1, 0])] }, /cannot be read/],
  ['4.3', 'a key usage that is none', { sans: [id], extensions: [broken([5, 0])] }, /cannot be read/],
  ['4.4', 'no extended key usage', { sans: [id], kind: 'none' }],
  ['4.4', 'both usages', { sans: [id], extensions: [usages(serverAuth, clientAuth)] }],
  // Section 4.4 asks for both; the side that a certificate stands on asks for its own (certificate-checks.ts), and that is enough.
  ['4.4', 'clientAuth alone', { sans: [id], extensions: [usages(clientAuth)] }],
];

describe('a leaf of X509-SVID', () => {
  for (const [section, what, options, why] of leaves)
    it(`section ${section}: ${what} makes ${why === undefined ? 'an' : 'no'} identity`, async () => {
      const found = readSvid(await issue(options));
      if (why === undefined) assert.deepEqual(found, { id, trustDomain: 'example.org' });
      else assert.match('detail' in found ? found.detail : 'an identity', why);
    });
});

/** What stands between a leaf and its anchor. */
const signers: readonly (readonly [
  section: string,
  what: string,
  options: CaOptions & { uri?: string },
  why?: RegExp,
])[] = [
  ['3.2', 'keyCertSign and cA', {}],
  ['3.2', 'the ID of its trust domain', { uri: 'spiffe://example.org' }],
  ['3.2', 'a URI that is no SPIFFE ID', { uri: 'https://ca.test/x' }],
  ['3.2', 'an ID with a path', { uri: 'spiffe://example.org/ca' }, /workload/],
  ['3.2', 'an ID with the root as its path', { uri: 'spiffe://example.org/' }, /workload/],
  ['4.1', 'cA false', { extensions: [constraints('3000')] }, /no CA/],
  ['4.1', 'a path length', { pathLength: 0 }],
  ['4.3', 'keyCertSign without cRLSign', { extensions: [keyUsage(0x04)] }],
  ['4.3', 'no key usage', { extensions: [keyUsage(undefined)] }, /keyCertSign/],
  ['4.3', 'digitalSignature alone', { extensions: [keyUsage(0x80)] }, /keyCertSign/],
  ['4.3', 'a key usage without bits', { extensions: [broken([3, 1, 0])] }, /cannot be read/],
];

describe('a CA of X509-SVID', () => {
  for (const [section, what, { uri: value, ...options }, why] of signers)
    it(`section ${section}: with ${what} ${why === undefined ? 'may' : 'may not'} stand above a leaf`, async () => {
      const names = value === undefined ? [] : [{ ...uri, value: encodeDer(0x30, encodeSan({ type: 'URI', value })) }];
      const extensions = [...(options.extensions ?? []), ...names];
      const flaw = findSigningFlaw(readFacts((await ca.issueCa({ ...options, extensions })).der));
      if (why === undefined) assert.equal(flaw, undefined);
      else assert.match(flaw ?? 'nothing', why);
    });
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
