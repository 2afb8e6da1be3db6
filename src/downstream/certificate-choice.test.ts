import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CertificateChoice } from './certificate-choice.ts';

const ec = (...names: string[]) => ({ names, keyType: 'ec' });
const rsa = (...names: string[]) => ({ names, keyType: 'rsa' });

function chosen(choice: CertificateChoice, name: string | undefined): readonly number[] {
  return choice.selections[choice.find(name)] ?? [];
}

test('a certificate that covers the name wins, an exact name over a wildcard', () => {
  const choice = new CertificateChoice([ec('a.test'), ec('*.b.test'), ec('x.b.test')]);
  assert.deepEqual(chosen(choice, 'a.test'), [0]);
  assert.deepEqual(chosen(choice, 'y.b.test'), [1]);
  assert.deepEqual(chosen(choice, 'x.b.test'), [2]);
});

test('a wildcard covers exactly one label', () => {
  const choice = new CertificateChoice([ec('a.test'), ec('*.b.test')]);
  assert.deepEqual(chosen(choice, 'b.test'), [0]);
  assert.deepEqual(chosen(choice, 'y.x.b.test'), [0]);
});

test('where no certificate covers the name, or none was sent, the first one is shown', () => {
  const choice = new CertificateChoice([ec('a.test'), rsa('b.test')]);
  assert.deepEqual(chosen(choice, 'unknown.test'), [0]);
  assert.deepEqual(chosen(choice, undefined), [0]);
});

test('an RSA and an ECDSA certificate for one name are offered together', () => {
  const choice = new CertificateChoice([ec('a.test'), rsa('a.test'), rsa('a.test', 'b.test')]);
  assert.deepEqual(chosen(choice, 'a.test'), [0, 1]);
  assert.deepEqual(chosen(choice, undefined), [0, 1], 'the twin of the first stands beside it');
  assert.deepEqual(chosen(choice, 'b.test'), [2]);
});

test('a wildcard of one key type stands beside an exact name of the other', () => {
  const choice = new CertificateChoice([rsa('*.b.test'), ec('x.b.test')]);
  assert.deepEqual(new Set(chosen(choice, 'x.b.test')), new Set([0, 1]));
  assert.deepEqual(chosen(choice, 'y.b.test'), [0]);
});

test('names are compared in canonical form, and what is no host name is passed over', () => {
  const choice = new CertificateChoice([ec('first.test'), ec('B.TEST.', '10.0.0.1', '')]);
  assert.deepEqual(chosen(choice, 'b.test'), [1]);
  assert.deepEqual(chosen(choice, '10.0.0.1'), [0]);
});
