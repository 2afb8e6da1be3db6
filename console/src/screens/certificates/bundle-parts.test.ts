import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { mintCa, type TestCa } from '../../../../src/certs/test-ca.ts';
import { partsOf } from './bundle-parts.ts';

let one: TestCa;
let two: TestCa;
const printOf = ({ certPem }: TestCa): string =>
  new X509Certificate(certPem).fingerprint256.replaceAll(':', '').toLowerCase();

before(async () => {
  one = await mintCa({ cn: 'one' });
  two = await mintCa({ cn: 'two' });
});

describe('the certificates of a stored bundle', () => {
  it('are found one by one, however they were written', async () => {
    const both = [printOf(one), printOf(two)];
    for (const ca of [
      one.certPem + two.certPem,
      [one.certPem, `words before\n${two.certPem}`],
      [one.der.toString('base64'), Buffer.from(two.certPem).toString('base64')],
    ])
      assert.deepEqual(
        (await partsOf(ca)).map(({ sha256 }) => sha256),
        both,
      );
  });

  it('are texts that make the bundle again', async () => {
    const [first, second] = await partsOf(one.certPem + two.certPem);
    assert.equal(new X509Certificate(first?.text ?? '').subject, 'CN=one');
    assert.deepEqual(
      (await partsOf([second?.text ?? ''])).map(({ sha256 }) => sha256),
      [printOf(two)],
    );
  });

  it('are none where nothing of it can be read', async () => {
    assert.deepEqual(await partsOf('…'), []);
    assert.deepEqual(await partsOf(undefined), []);
  });
});
