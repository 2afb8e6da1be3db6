import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CertificateFacts } from '../certs/facts.ts';
import { ObservedCertificates } from './observed-certificates.ts';

function certificate(subject: string, notAfter: number, sans: CertificateFacts['sans'] = []): CertificateFacts {
  return { subject, sans, notBefore: 0, notAfter } as unknown as CertificateFacts;
}

test('the certificate that a backend showed last is the one that counts', () => {
  const observed = new ObservedCertificates();
  observed.note('a:443', certificate('CN=a', 1_000));
  observed.note('b:443', certificate('CN=b', 2_000));
  observed.note('a:443', certificate('CN=a', 3_000));
  assert.deepEqual(
    observed.list(new Set(['a:443', 'b:443'])).map(({ role, subject, notAfter }) => [role, subject, notAfter]),
    [
      ['backend', 'CN=b at b:443', 2_000],
      ['backend', 'CN=a at a:443', 3_000],
    ],
  );
});

test('a certificate without a subject is told by its first name, and none can forge or flood a line', () => {
  const observed = new ObservedCertificates();
  observed.note('m:443', certificate('', 1_000, [{ type: 'URI', value: 'spiffe://mesh.test/orders' }]));
  observed.note('n:443', certificate(`CN=a\n${'x'.repeat(5_000)}`, 1_000));
  const [mesh, hostile] = observed.list(new Set(['m:443', 'n:443']));
  assert.equal(mesh?.subject, 'spiffe://mesh.test/orders at m:443');
  assert.ok(hostile !== undefined && hostile.subject.length < 300 && !hostile.subject.includes('\n'));
});

test('backends that are not configured any more are forgotten, and so are the oldest of very many', () => {
  const observed = new ObservedCertificates();
  const labels = Array.from({ length: 3_000 }, (_, at) => `b${at}:443`);
  for (const label of labels) observed.note(label, certificate('CN=b', 1_000));
  const all = observed.list(new Set(labels));
  assert.deepEqual([all.length, all[0]?.subject], [2_000, 'CN=b at b1000:443']);
  assert.equal(observed.list(new Set(['b2999:443'])).length, 1);
  assert.equal(observed.list(new Set(labels)).length, 1);
});
