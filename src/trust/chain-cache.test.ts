import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import type { CertificateFacts } from '../certs/facts.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { mintCa } from '../certs/test-ca.ts';
import { ChainCache } from './chain-cache.ts';

let root: CertificateFacts;
let issuing: CertificateFacts;
let leaves: CertificateFacts[];

before(async () => {
  const ca = await mintCa({ cn: 'root' });
  const below = await ca.issueCa({ cn: 'issuing' });
  root = readFacts(ca.der);
  issuing = readFacts(below.der);
  const issued = await Promise.all(['a', 'b', 'c'].map((cn) => below.issue({ kind: 'client', cn })));
  leaves = issued.map(({ der }) => readFacts(der));
});

function leaf(index: number): CertificateFacts {
  return leaves[index] as CertificateFacts;
}

test('a chain is found again under the policy that it was proven under, and under no other', () => {
  const cache = new ChainCache();
  const known = { chain: [leaf(0), issuing], anchor: root, weakness: undefined };
  cache.add('p', known);
  assert.equal(cache.find('p', leaf(0).sha256), known);
  assert.equal(cache.find('q', leaf(0).sha256), undefined);
  assert.equal(cache.find('p', leaf(1).sha256), undefined);
});

test('the chain used least recently makes room, by count and by bytes', () => {
  for (const cache of [
    new ChainCache({ maxEntries: 2 }),
    new ChainCache({ maxBytes: leaf(0).der.length + leaf(1).der.length + leaf(2).der.length - 1 }),
  ]) {
    cache.add('p', { chain: [leaf(0)], anchor: root, weakness: undefined });
    cache.add('p', { chain: [leaf(1)], anchor: root, weakness: undefined });
    cache.find('p', leaf(0).sha256);
    cache.add('p', { chain: [leaf(2)], anchor: root, weakness: undefined });
    assert.equal(cache.size, 2);
    assert.equal(cache.find('p', leaf(1).sha256), undefined);
    assert.ok(cache.find('p', leaf(0).sha256) && cache.find('p', leaf(2).sha256));
  }
});

test('adding a chain again neither grows the cache nor its account of bytes', () => {
  const cache = new ChainCache({ maxBytes: 3 * leaf(0).der.length });
  for (let round = 0; round < 50; round += 1) cache.add('p', { chain: [leaf(0)], anchor: root, weakness: undefined });
  cache.add('p', { chain: [leaf(1)], anchor: root, weakness: undefined });
  assert.equal(cache.size, 2);
});
