import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { buildCrls } from './build.ts';
import { CrlRejection } from './rejection.ts';
import { encodePem } from '../asn1/der-writer.ts';
import { mintCa } from '../certs/test-ca.ts';

const ca = await mintCa({ cn: 'Fuzz' });
const der = ca.issueCrl({
  revoked: Array.from({ length: 20 }, (_, i) => ({ serial: `0${i % 8}ff`, reason: i % 6, date: 1e12 + i * 1e9 })),
});

/** What comes of it: the number of CRLs taken, or a refusal; anything else fails the test. */
function take(bytes: Uint8Array): number {
  try {
    return buildCrls({ name: 'fuzz', from: { bytes }, issuers: [ca.der], known: [] }).length;
  } catch (error) {
    assert.ok(error instanceof CrlRejection, String(error));
    return 0;
  }
}

describe('hostile CRLs', () => {
  it('are refused, never accepted and never a crash, when any byte is changed', () => {
    assert.equal(take(Buffer.from(der)), 1);
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const bytes = Buffer.from(der);
        bytes[at] = (bytes[at] as number) ^ flip;
        assert.equal(take(bytes), 0);
      }),
      { numRuns: 1500 },
    );
  });

  it('are refused when they are cut, doubled, or have bytes put into them', () => {
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.uint8Array({ minLength: 1, maxLength: 8 }), (at, more) => {
        assert.equal(take(der.subarray(0, at)), 0);
        assert.equal(take(Buffer.concat([der.subarray(0, at), more, der.subarray(at)])), 0);
        assert.equal(take(Buffer.concat([der, more])), 0);
      }),
      { numRuns: 500 },
    );
  });

  it('are refused when they are any bytes or text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        assert.equal(take(bytes), 0);
        assert.equal(take(Buffer.concat([Buffer.from([0x30]), bytes])), 0);
        assert.equal(take(Buffer.from(encodePem('X509 CRL', bytes))), 0);
      }),
      { numRuns: 500 },
    );
  });
});
