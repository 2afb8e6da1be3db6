import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFacts } from '../certs/facts-reader.ts';
import { mintCa } from '../certs/test-ca.ts';
import type { Identity } from '../trust/verdict.ts';
import { clientCertFields } from './client-cert.ts';

const root = await mintCa();
const upper = await root.issueCa({ cn: 'Upper' });
const lower = await upper.issueCa({ cn: 'Lower' });
const leaf = readFacts((await lower.issue({ kind: 'client' })).der);
const identity: Identity = {
  leaf,
  chain: [leaf, readFacts(lower.der), readFacts(upper.der)],
  chainKnown: true,
  anchor: readFacts(root.der),
};

/** The items of a list of byte sequences, by RFC 9651 section 4.2.7. */
function parseList(text: string): Buffer[] {
  return text.split(',').map((item) => {
    const base64 = /^:([A-Za-z0-9+/]*={0,2}):$/.exec(item.trim())?.[1];
    assert.ok(base64 !== undefined, item);
    return Buffer.from(base64, 'base64');
  });
}

test('Client-Cert is the leaf, Client-Cert-Chain what is above it up to the anchor, without it', () => {
  const [cert, chain, ...rest] = clientCertFields(identity, { clientCert: true, chain: true });
  assert.deepEqual([cert?.[0], chain?.[0], rest], ['Client-Cert', 'Client-Cert-Chain', []]);
  assert.deepEqual(parseList(cert?.[1] ?? ''), [leaf.der]);
  assert.deepEqual(parseList(chain?.[1] ?? ''), [lower.der, upper.der]);
});

test('A chain is never sent without its leaf, nor where it is not known or has no members', () => {
  const names = (who: Identity, clientCert: boolean, chain: boolean) =>
    clientCertFields(who, { clientCert, chain }).map(([name]) => name);
  assert.deepEqual(names(identity, false, true), []);
  assert.deepEqual(names(identity, true, false), ['Client-Cert']);
  assert.deepEqual(names({ ...identity, chainKnown: false }, true, true), ['Client-Cert']);
  assert.deepEqual(names({ ...identity, chain: [leaf] }, true, true), ['Client-Cert']);
});
