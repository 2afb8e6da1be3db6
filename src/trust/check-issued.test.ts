import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { dayMs } from '../base/clock.ts';
import type { San } from '../certs/facts.ts';
import { type LeafOptions, mintCa, type TestCa } from '../certs/test-ca.ts';
import { findIssuedFlaw, type Issued, type WantedCertificate } from './check-issued.ts';

const names: readonly San[] = [
  { type: 'DNS', value: 'a.test' },
  { type: 'IP', value: '127.0.0.1' },
];

describe('what a CA sent back', () => {
  let root: TestCa;
  let issuing: TestCa;
  const now = Date.now();

  before(async () => {
    root = await mintCa({ cn: 'Root' });
    issuing = await root.issueCa({ cn: 'Issuing' });
  });

  const issue = async (more: Partial<LeafOptions> = {}, by = issuing): Promise<Issued> => {
    const { chainPem, keyPem } = await by.issue({ kind: 'server', sans: ['A.test', '127.0.0.1'], ...more });
    return { chainPem, keyPem };
  };
  const flawOf = (issued: Issued, more: Partial<WantedCertificate> = {}): string | undefined =>
    findIssuedFlaw(issued, { names, purpose: 'server', ...more }, now, 'the certificate')?.code;

  it('may be used where it is what was asked for, with names beside them and with its root or without', async () => {
    const issued = await issue();
    assert.equal(flawOf(issued), undefined);
    assert.equal(flawOf({ ...issued, chainPem: issued.chainPem + root.certPem }), undefined);
    assert.equal(flawOf(await issue({ sans: ['a.test', '127.0.0.1', 'www.a.test'] })), undefined);
    assert.equal(flawOf(await issue({}, root)), undefined, 'a root that issues itself');
    assert.equal(flawOf(await issue({ kind: 'client' }), { purpose: 'any' }), undefined);
  });

  it('may not where it is for other names, another key, another purpose or another time', async () => {
    assert.equal(flawOf(await issue({ sans: ['a.test'] })), 'name_mismatch');
    assert.equal(flawOf(await issue({ sans: ['*.test', '127.0.0.1'] })), 'name_mismatch');
    const [one, other] = [await issue(), await issue()];
    assert.equal(flawOf({ chainPem: one.chainPem, keyPem: other.keyPem }), 'key_mismatch');
    assert.equal(flawOf(await issue({ kind: 'client' })), 'wrong_purpose');
    assert.equal(flawOf(await issue({ notBefore: now - 2 * dayMs, notAfter: now - dayMs })), 'expired');
    assert.equal(flawOf(await issue({ notBefore: now + dayMs, notAfter: now + 2 * dayMs })), 'not_yet_valid');
    assert.equal(flawOf(await issue({ key: 'rsa-1024' })), 'weak_key');
  });

  it('may not where it is a CA, nothing, or does not lead up', async () => {
    const issued = await issue();
    const ca = await root.issueCa({ cn: 'a.test' });
    assert.notEqual(flawOf({ chainPem: ca.certPem, keyPem: ca.keyPem }, { names: [] }), undefined);
    assert.notEqual(flawOf({ chainPem: root.certPem, keyPem: root.keyPem }, { names: [] }), undefined);
    assert.notEqual(flawOf({ ...issued, chainPem: '' }), undefined);
    assert.notEqual(flawOf({ ...issued, chainPem: '<html>' }), undefined);
    const stranger = await (await mintCa({ cn: 'Elsewhere' })).issueCa({ cn: 'Issuing' });
    const [leaf = ''] = issued.chainPem.split(/(?<=-----END CERTIFICATE-----\n)/);
    assert.equal(flawOf({ ...issued, chainPem: leaf + stranger.certPem }), 'unrelated_certificate');
    const old = await root.issueCa({ cn: 'Old', notBefore: now - 3 * dayMs, notAfter: now - dayMs });
    assert.equal(flawOf(await issue({}, old)), 'broken_chain');
  });
});
