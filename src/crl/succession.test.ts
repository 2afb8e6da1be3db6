import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CrlFacts, IndexedCrl } from './crl-set.ts';
import { succeed } from './succession.ts';

let made = 0;
function crl(number: string | undefined, facts: Partial<CrlFacts> = {}): IndexedCrl {
  made += 1;
  return {
    facts: {
      source: 'a.crl',
      issuer: 'CN=A',
      issuerKey: 'CN=A',
      issuerSpki: 'a',
      number,
      thisUpdate: made,
      nextUpdate: 1e12,
      entries: 0,
      covers: 'all',
      distributionPoints: [],
      digest: String(made),
      ...facts,
    },
    index: new Uint8Array(),
  };
}

describe('what is in force after a source was read again', () => {
  it('is the newer CRL, also where its number only has more digits', () => {
    const [old, next] = [crl('ff'), crl('0100')];
    assert.deepEqual(succeed([old], [next]), { crls: [next], rollbacks: [] });
    assert.deepEqual(succeed([], [next]).crls, [next]);
  });

  it('is the one before where the other is older by number, or by date without one', () => {
    const [first, second] = [crl('05'), crl('04')];
    assert.deepEqual(succeed([first], [second]), { crls: [first], rollbacks: [{ refused: second, kept: first }] });
    const [early, late] = [crl(undefined), crl(undefined)];
    assert.deepEqual(succeed([late], [early]).crls, [late]);
    assert.deepEqual(succeed([early], [late]).rollbacks, []);
  });

  it('is the one before where an older one of the same CA covers something else', () => {
    const [partial, whole, later] = [crl('09', { covers: 'leaf' }), crl('05'), crl('06', { covers: 'leaf' })];
    assert.deepEqual(succeed([whole], [partial]), { crls: [whole], rollbacks: [{ refused: partial, kept: whole }] });
    assert.deepEqual(succeed([whole], [later]), { crls: [later], rollbacks: [] });
  });

  it('is nothing where it was taken away, and another CA has nothing to do with it', () => {
    const [a, b] = [crl('05'), crl('01', { issuerSpki: 'b', issuer: 'CN=B', issuerKey: 'CN=B', thisUpdate: 0 })];
    assert.deepEqual(succeed([a], []), { crls: [], rollbacks: [] });
    assert.deepEqual(succeed([a], [b]), { crls: [b], rollbacks: [] });
  });
});
