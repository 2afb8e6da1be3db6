import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { acmeOfGoma, type GomaAcme, type GomaVault, vaultOfGoma } from './goma-certificates.ts';

const file = '/etc/goma/goma.yml';
const acme: GomaAcme = { email: 'ops@a.test', directoryUrl: 'https://ca.test/dir', termsAccepted: true };
const vault: GomaVault = { address: 'https://vault.test:8200', token: 'x', role: 'edge' };

describe('what Goma’s certManager says', () => {
  it('is an order by http-01 for the host alone, with RSA, kept beside Goma’s file', () => {
    const found = acmeOfGoma({ ...acme, storageFile: '/var/lib/goma/acme.json' }, 'A.test', file);
    assert.ok('kind' in found);
    assert.deepEqual(found.identifiers, [{ type: 'dns', value: 'a.test' }]);
    assert.equal(found.challenge, 'http-01');
    assert.equal(found.keyType, 'rsa-2048');
    assert.equal(found.storage, '/var/lib/goma/countersign-acme');
    const older = acmeOfGoma({ directoryURL: 'https://ca.test/dir', termsAccepted: true }, 'a.test', file);
    assert.ok('kind' in older);
    assert.equal(older.storage, '/etc/goma/acme');
  });

  it('is none where it asks for what is not done, or leaves whom to ask to Goma', () => {
    const whyNot = (more: GomaAcme, host = 'a.test'): string => {
      const found = acmeOfGoma({ ...acme, ...more }, host, file);
      return 'why' in found ? found.why : 'ordered';
    };
    assert.match(whyNot({}, '*.a.test'), /wildcard/);
    assert.match(whyNot({}, '10.0.0.1'), /host names alone/);
    assert.match(whyNot({ challengeType: 'dns-01' }), /dns-01/);
    assert.match(whyNot({ challenge: { type: 'dns-01' } }), /dns-01/);
    assert.match(whyNot({ insecureSkipVerify: true }), /insecureSkipVerify/);
    assert.match(whyNot({ directoryUrl: undefined }), /directoryUrl/);
    assert.match(whyNot({ directoryUrl: 'http://ca.test/dir' }), /directoryUrl/);
    assert.match(whyNot({ termsAccepted: false }), /termsAccepted/);
    assert.equal(whyNot({}), 'ordered');
  });

  it('is a signature of Vault for the host, at an address that nobody can listen to', () => {
    const found = vaultOfGoma({ ...vault, ttl: '72h', namespace: '' }, 'a.test');
    assert.ok('kind' in found);
    assert.deepEqual([found.mount, found.namespace, found.issue?.ttlMs], ['pki', undefined, 259_200_000]);
    assert.deepEqual(found.issue?.dnsNames, ['a.test']);
    for (const broken of [
      { address: 'http://vault.test' },
      { address: undefined },
      { token: '' },
      { role: undefined },
      { mount: '../sys' },
      { ttl: 'long' },
    ])
      assert.ok('why' in vaultOfGoma({ ...vault, ...broken }, 'a.test'), JSON.stringify(broken));
    assert.ok('kind' in vaultOfGoma({ ...vault, address: 'http://127.0.0.1:8200' }, 'a.test'), 'an agent');
  });
});
