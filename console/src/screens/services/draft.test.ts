import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mergePatch } from '../../api/merge-patch.ts';
import { bundleIdFor, draftOf, nameCheckOf, newDraft, pastedCa, valueOf } from './draft.ts';

const stored = {
  address: 'orders.internal:8443',
  retry: { attempts: 2 },
  tls: { mode: 'mtls', certificateId: 'gateway', caBundle: 'internal', allowedSPKI: ['x'] },
};

describe('a service in the form', () => {
  it('is stored as it was where nothing is changed', () => {
    assert.equal(mergePatch(stored, valueOf(draftOf(stored), stored)), undefined);
    const list = { source: 'static', addresses: [{ address: 'a:1', weight: 3, backup: true }, { address: 'b:1' }] };
    const whole = { ...list, protocol: 'auto', tls: { mode: 'off' } };
    assert.equal(mergePatch(whole, valueOf(draftOf(whole), whole)), undefined);
  });

  it('sends what was changed and leaves the rest alone', () => {
    const draft = { ...draftOf(stored), serverName: ' orders.test ', mode: 'tls' as const };
    assert.deepEqual(mergePatch(stored, valueOf(draft, stored)), {
      tls: { mode: 'tls', certificateId: null, serverName: 'orders.test' },
    });
    const plain = mergePatch(stored, valueOf({ ...draftOf(stored), mode: 'off' }, stored));
    assert.deepEqual(plain, { tls: { mode: 'off', certificateId: null, caBundle: null } });
  });

  it('takes addresses line by line, with a weight where there is one', () => {
    const draft = { ...newDraft, source: 'static' as const, addresses: 'a.test:1 3\n\n  b.test:1\n' };
    assert.deepEqual(valueOf(draft)['addresses'], [{ address: 'a.test:1', weight: 3 }, { address: 'b.test:1' }]);
  });

  it('names the bundle that is made of what was pasted', () => {
    const draft = { ...newDraft, address: 'a.test:1', ca: pastedCa };
    assert.deepEqual(valueOf(draft, {}, 'a-ca')['tls'], {
      mode: 'mtls',
      certificateId: undefined,
      caBundle: 'a-ca',
      serverName: undefined,
    });
    assert.equal(bundleIdFor('Orders API'), 'Orders-API-ca');
    assert.equal(bundleIdFor('…'), '');
  });
});

describe('the name that is verified', () => {
  const named = (over: object) => nameCheckOf({ ...newDraft, ...over });

  it('is the server name, or else the host of the address', () => {
    assert.deepEqual(named({ address: 'a.test:1' }), { kind: 'name', name: 'a.test', isOwn: false });
    assert.deepEqual(named({ address: 'a.test:1', serverName: 'b.test' }), {
      kind: 'name',
      name: 'b.test',
      isOwn: true,
    });
    assert.deepEqual(named({ address: '' }), { kind: 'none' });
    assert.deepEqual(named({ address: 'a.test:1', mode: 'off' }), { kind: 'none' });
  });

  it('is an address where that is one, and one for each of several hosts', () => {
    assert.deepEqual(named({ address: '10.0.0.4:8443' }), { kind: 'address', address: '10.0.0.4' });
    assert.deepEqual(named({ address: '[::1]:8443' }), { kind: 'address', address: '::1' });
    assert.deepEqual(named({ source: 'static', addresses: 'a:1\na:2\nb:1 4' }), { kind: 'each', hosts: ['a', 'b'] });
    assert.deepEqual(named({ source: 'static', addresses: 'a:1\na:2' }), { kind: 'name', name: 'a', isOwn: false });
  });
});
