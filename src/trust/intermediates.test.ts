import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import type { CertificateFacts } from '../certs/facts.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { mintCa, type TestCa } from '../certs/test-ca.ts';
import { Intermediates, maxIntermediates } from './intermediates.ts';

let root: TestCa;
let issuing: CertificateFacts;
let namesake: CertificateFacts;
let leaf: CertificateFacts;

before(async () => {
  root = await mintCa({ cn: 'root' });
  const below = await root.issueCa({ cn: 'issuing' });
  issuing = readFacts(below.der);
  namesake = readFacts((await root.issueCa({ cn: 'issuing' })).der);
  leaf = readFacts((await below.issue({ kind: 'client', cn: 'a' })).der);
});

test('an intermediate that was seen once is found for the next client that forgot to send it', () => {
  const known = new Intermediates();
  assert.deepEqual(known.findIssuers(leaf), []);
  known.learn(issuing);
  assert.deepEqual(known.findIssuers(leaf), [issuing]);
  assert.deepEqual(known.findIssuers(readFacts(root.der)), []);
});

test('a CA of the same name with another key does not stand in its way', () => {
  const known = new Intermediates();
  known.learn(namesake);
  assert.deepEqual(known.findIssuers(leaf), []);
  known.learn(issuing);
  assert.deepEqual(known.findIssuers(leaf), [issuing]);
});

test('what this worker learned is told once, what others learned is not told again', () => {
  const told: CertificateFacts[] = [];
  const known = new Intermediates((one) => told.push(one));
  known.add(namesake);
  known.learn(namesake);
  known.learn(issuing);
  known.learn(issuing);
  assert.deepEqual(told, [issuing]);
});

test('their number is bounded', () => {
  const told: string[] = [];
  const known = new Intermediates(({ sha256 }) => told.push(sha256));
  for (let i = 0; i < 2 * maxIntermediates; i++) known.learn({ ...issuing, sha256: String(i), subject: `CN=${i}` });
  assert.equal(told.length, maxIntermediates);
});
