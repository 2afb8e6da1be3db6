// Pins AND names; fingerprints OR keys: what passes, what is refused, and what the refusal says.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CertificateFacts } from '../certs/facts.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { IdentityRules, type IdentityRulesOptions } from './identity-rules.ts';
import type { SanRule } from './san-rule.ts';
import { mintCa } from '../certs/test-ca.ts';

const ca = await mintCa();
const first = await ca.issue({ kind: 'client', cn: 'api.test', sans: ['spiffe://example.org/a', 'a.test'] });
const alice = readFacts(first.der);
/** Another certificate for the same key, and another key. */
const renewed = readFacts((await ca.issue({ kind: 'client', keyPem: first.keyPem, sans: ['a.test'] })).der);
const mallory = readFacts((await ca.issue({ kind: 'client', sans: ['a.test'] })).der);
const other = '0'.repeat(64);
const otherKey = `${'A'.repeat(43)}=`;

const rules = (options: Partial<IdentityRulesOptions>): IdentityRules =>
  new IdentityRules({
    allowedSANs: undefined,
    allowedFingerprints: undefined,
    allowedSPKI: undefined,
    ...options,
  });
const dns = (value: string): SanRule => ({
  kind: 'san',
  type: 'DNS',
  matcher: 'exact',
  value,
  ignoreCase: false,
  oid: undefined,
});
const code = (options: Partial<IdentityRulesOptions>, leaf: CertificateFacts): string =>
  rules(options).verify(leaf)?.code ?? 'ok';

describe('rules for a certificate', () => {
  it('ask for nothing where there are none, and admit nobody where a list is empty', () => {
    assert.equal(code({}, mallory), 'ok');
    assert.equal(code({ allowedSANs: [] }, alice), 'name_mismatch');
    assert.equal(code({ allowedFingerprints: [] }, alice), 'pin_mismatch');
    assert.equal(code({ allowedSPKI: [] }, alice), 'pin_mismatch');
  });

  it('are met by a pinned certificate or a pinned key, whichever of the two lists has it', () => {
    const fingerprint = { allowedFingerprints: [other, alice.sha256] };
    const key = { allowedSPKI: [otherKey, alice.spkiSha256] };
    assert.deepEqual(
      [code(fingerprint, alice), code(fingerprint, renewed), code(fingerprint, mallory)],
      ['ok', 'pin_mismatch', 'pin_mismatch'],
    );
    assert.deepEqual([code(key, alice), code(key, renewed), code(key, mallory)], ['ok', 'ok', 'pin_mismatch']);
    const either = { allowedFingerprints: [mallory.sha256], ...key };
    assert.deepEqual([code(either, alice), code(either, mallory)], ['ok', 'ok']);
  });

  it('ask for a pin and a name where both are given', () => {
    const both = { allowedFingerprints: [alice.sha256], allowedSANs: [dns('a.test')] };
    assert.equal(code(both, alice), 'ok');
    assert.equal(code(both, mallory), 'pin_mismatch');
    assert.equal(code({ ...both, allowedSANs: [dns('b.test')] }, alice), 'name_mismatch');
  });

  it('say what was presented and what was wanted', () => {
    const pins = rules({ allowedFingerprints: [other], allowedSPKI: [otherKey, otherKey] }).verify(alice);
    assert.equal(
      pins?.detail,
      `its fingerprint ${alice.sha256} is not among those pinned (1), and its key ${alice.spkiSha256} is not among those pinned (1)`,
    );
    const names = rules({ allowedSANs: [dns('b.test'), { kind: 'trustDomain', domain: 'x.test' }] }).verify(alice);
    assert.equal(
      names?.detail,
      'it carries URI:spiffe://example.org/a, DNS:a.test; allowed: DNS exact "b.test", trustDomain "x.test"',
    );
  });

  it('say that a common name would fit but does not count', () => {
    const found = rules({ allowedSANs: [dns('api.test')] }).verify(alice);
    assert.match(found?.detail ?? '', /common name would fit, but a common name does not count by itself/);
    const none = rules({ allowedSANs: [dns('b.test')] }).verify({ ...alice, sans: [] });
    assert.equal(none?.detail, 'it carries no name (SAN); allowed: DNS exact "b.test"');
  });

  it('keep hostile names out of the sentence, and the sentence short', () => {
    const sans = Array.from(
      { length: 1000 },
      () => ({ type: 'URI', value: `\u001b[2J\n${'x'.repeat(2000)}` }) as const,
    );
    const detail = rules({ allowedSANs: [dns('b.test')] }).verify({ ...alice, sans })?.detail ?? '';
    assert.match(detail, /^[ -~…]+$/);
    assert.ok(detail.length < 512);
  });

  it('have one digest for equal rules wherever they stand, another for any other rules', () => {
    const at = (line: number): SanRule => Object.assign(dns('a.test'), { place: { file: 'x', line, col: 1 } });
    assert.equal(rules({ allowedSANs: [at(1)] }).digest, rules({ allowedSANs: [at(2)] }).digest);
    const all: Partial<IdentityRulesOptions>[] = [
      {},
      { allowedSANs: [] },
      { allowedSANs: [dns('a.test')] },
      { allowedSANs: [dns('b.test')] },
      { allowedSANs: [{ kind: 'spiffe', id: 'a.test' }] },
      { allowedSANs: [{ kind: 'trustDomain', domain: 'a.test' }] },
      { allowedSANs: [{ ...dns('a.test'), ignoreCase: true } as SanRule] },
      { allowedSANs: [{ ...dns('a.test'), oid: '1.2' } as SanRule] },
      { allowedFingerprints: [other] },
      { allowedSPKI: [other] },
    ];
    assert.equal(new Set(all.map((one) => rules(one).digest)).size, all.length);
  });
});
