import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFacts } from '../certs/facts-reader.ts';
import { mintCa } from '../certs/test-ca.ts';
import { OpensslProof } from './openssl-proof.ts';

test('what OpenSSL takes passes, and of each kind it is asked once', async () => {
  const ca = await mintCa({ cn: 'Root' });
  const [one, two] = [await ca.issue({ kind: 'server', cn: 'one' }), await ca.issue({ kind: 'server', cn: 'two' })];
  const proof = new OpensslProof();
  assert.equal(proof.refusal([readFacts(one.der)], one.chainPem, one.keyPem), undefined);
  // The key is another check's affair: here it shows that nobody asked again.
  assert.equal(proof.refusal([readFacts(two.der)], two.chainPem, one.keyPem), undefined);
});

test('what it refuses is refused for every pair of the kind', async () => {
  const ca = await mintCa({ cn: 'Root' });
  const [one, two] = [await ca.issue({ kind: 'server', cn: 'one' }), await ca.issue({ kind: 'server', cn: 'two' })];
  const proof = new OpensslProof();
  assert.match(proof.refusal([readFacts(one.der)], one.chainPem, two.keyPem) ?? '', /key values mismatch/);
  assert.match(proof.refusal([readFacts(two.der)], two.chainPem, two.keyPem) ?? '', /key values mismatch/);
});
