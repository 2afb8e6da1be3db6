import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buildCrls } from './build.ts';
import { CrlSet, type CrlSettings, type IndexedCrl } from './crl-set.ts';
import type { CrlOptions } from '../certs/crl-writer.ts';
import { derTag } from '../asn1/der.ts';
import { encodeDer } from '../asn1/der-writer.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { mintCa, type TestCa } from '../certs/test-ca.ts';

const now = Date.UTC(2026, 10, 21);
const hour = 3_600_000;
const born = { notBefore: now - hour };
const root = await mintCa({ cn: 'Root', ...born });
const middle = await root.issueCa({ cn: 'Middle', ...born });
const pointValue = encodeDer(
  derTag.sequence,
  encodeDer(derTag.sequence, encodeDer(0xa0, encodeDer(0xa0, encodeDer(0x86, Buffer.from('http://crl.test/1'))))),
);
const leaf = readFacts((await middle.issue({ kind: 'client', cn: 'alice', serial: '0a', ...born })).der);
const pointed = readFacts(
  (
    await middle.issue({
      kind: 'client',
      cn: 'p',
      serial: '0c',
      ...born,
      extensions: [{ oid: '2.5.29.31', value: pointValue }],
    })
  ).der,
);
const anchor = readFacts(root.der);
const above = readFacts(middle.der);
const chain = [leaf, above];

function crl(ca: TestCa, options: CrlOptions = {}, name = 'a.crl'): IndexedCrl {
  const bytes = ca.issueCrl({ thisUpdate: now - hour, ...options });
  const [built] = buildCrls({ name, from: { bytes }, issuers: [root.der, middle.der], known: [] });
  assert.ok(built !== undefined && 'facts' in built);
  return built;
}

const deny: CrlSettings = { onMissing: 'deny', onStale: 'deny', scope: 'chain' };
const allow: CrlSettings = { onMissing: 'allow', onStale: 'allow', scope: 'chain' };
const idp = (...parts: Buffer[]) => ({ oid: '2.5.29.28', critical: true, value: encodeDer(derTag.sequence, ...parts) });
const onlyLeaves = idp(encodeDer(0x81, Buffer.from([0xff])));
const onlyCas = idp(encodeDer(0x82, Buffer.from([0xff])));
const onlyPoint = idp(encodeDer(0xa0, encodeDer(0xa0, encodeDer(0x86, Buffer.from('http://crl.test/1')))));
const stale = { thisUpdate: now - 2 * hour, nextUpdate: now - hour };

describe('CrlSet', () => {
  it('lets pass whom the CRLs of all issuers know and do not list', () => {
    assert.equal(new CrlSet([crl(root), crl(middle)], deny).verify(chain, anchor, now), undefined);
  });

  it('refuses a revoked leaf and says which CRL, its number, the date and the reason', () => {
    const listing = crl(
      middle,
      { number: 7, revoked: [{ serial: '0a', date: now - hour, reason: 1 }] },
      'https://x/b.crl',
    );
    const found = new CrlSet([crl(root), listing], deny).verify(chain, anchor, now);
    assert.equal(found?.code, 'revoked');
    assert.match(found?.detail ?? '', /serial 0a was revoked on 2026-11-20T23:00:00Z \(key compromised\)/);
    assert.match(
      found?.detail ?? '',
      /"CN=Middle" number 07 from https:\/\/x\/b\.crl \(next update 2026-11-21T23:00:00Z\)/,
    );
  });

  it('refuses everybody below a revoked intermediate, unless only leaves are looked at', () => {
    const revoked = [crl(root, { revoked: [{ serial: above.serial }] }), crl(middle)];
    const found = new CrlSet(revoked, deny).verify(chain, anchor, now);
    assert.equal(found?.code, 'revoked');
    assert.match(found?.detail ?? '', /^a CA above it: /);
    assert.equal(new CrlSet(revoked, { ...deny, scope: 'leaf' }).verify(chain, anchor, now), undefined);
  });

  it('says revoked rather than unknown where both are true', () => {
    const found = new CrlSet([crl(root, { revoked: [{ serial: above.serial }] })], deny).verify(chain, anchor, now);
    assert.equal(found?.code, 'revoked');
  });

  it('refuses or admits by onMissing where an issuer has no CRL', () => {
    assert.equal(new CrlSet([crl(root)], deny).verify(chain, anchor, now)?.code, 'revocation_unknown');
    assert.equal(new CrlSet([], deny).verify(chain, anchor, now)?.code, 'revocation_unknown');
    assert.equal(new CrlSet([], allow).verify(chain, anchor, now), undefined);
    assert.equal(new CrlSet([crl(middle)], { ...deny, scope: 'leaf' }).verify(chain, anchor, now), undefined);
  });

  it('refuses or admits by onStale, but what a stale CRL lists is revoked', () => {
    const old = [crl(root), crl(middle, { ...stale, revoked: [{ serial: '0b' }] })];
    const found = new CrlSet(old, deny).verify(chain, anchor, now);
    assert.equal(found?.code, 'crl_stale');
    assert.match(found?.detail ?? '', /is out of date; our clock says 2026-11-21T00:00:00Z/);
    assert.equal(new CrlSet(old, allow).verify(chain, anchor, now), undefined);
    const listing = [crl(root), crl(middle, { ...stale, revoked: [{ serial: '0a' }] })];
    assert.equal(new CrlSet(listing, allow).verify(chain, anchor, now)?.code, 'revoked');
  });

  it('takes a CRL from a clock that is a little ahead, and none from the future', () => {
    const at = (thisUpdate: number) => [crl(root), crl(middle, { thisUpdate })];
    assert.equal(new CrlSet(at(now + 60_000), deny).verify(chain, anchor, now), undefined);
    const found = new CrlSet(at(now + hour), deny).verify(chain, anchor, now);
    assert.equal(found?.code, 'crl_stale');
    assert.match(found?.detail ?? '', /valid from 2026-11-21T01:00:00Z only/);
  });

  it('uses the newest of several with one scope, by number and then by date, in any order', () => {
    const older = crl(middle, { number: 9, revoked: [{ serial: '0a' }] });
    const newer = crl(middle, { number: 16 });
    for (const both of [
      [older, newer],
      [newer, older],
    ])
      assert.equal(new CrlSet([crl(root), ...both], deny).verify(chain, anchor, now), undefined);
    const later = crl(middle, { number: undefined, thisUpdate: now - 60_000 });
    assert.equal(new CrlSet([crl(root), older, later], deny).verify(chain, anchor, now), undefined);
  });

  it('asks a CRL only about certificates that it covers', () => {
    const set = (...crls: IndexedCrl[]) => new CrlSet([crl(root), ...crls], deny);
    assert.equal(set(crl(middle, { extensions: [onlyLeaves] })).verify(chain, anchor, now), undefined);
    assert.equal(set(crl(middle, { extensions: [onlyCas] })).verify(chain, anchor, now)?.code, 'revocation_unknown');
    const leavesOfRoot = new CrlSet([crl(root, { extensions: [onlyLeaves] }), crl(middle)], deny);
    assert.equal(leavesOfRoot.verify(chain, anchor, now)?.code, 'revocation_unknown');
    const partition = crl(middle, { extensions: [onlyPoint] });
    assert.equal(set(partition).verify([pointed, above], anchor, now), undefined);
    assert.equal(set(partition).verify(chain, anchor, now)?.code, 'revocation_unknown');
    // Both kinds side by side are two scopes: neither takes the other's place.
    const both = set(
      crl(middle, { number: 5, extensions: [onlyCas] }),
      crl(middle, { number: 4, extensions: [onlyLeaves] }),
    );
    assert.equal(both.verify(chain, anchor, now), undefined);
  });

  it('does not take the CRL of another key with the same name for that of the issuer', async () => {
    const double = await mintCa({ cn: 'Middle' });
    const bytes = double.issueCrl({ thisUpdate: now - hour });
    const [foreign] = buildCrls({ name: 'x', from: { bytes }, issuers: [double.der], known: [] }) as IndexedCrl[];
    assert.ok(foreign !== undefined);
    const found = new CrlSet([crl(root), foreign], deny).verify(chain, anchor, now);
    assert.equal(found?.code, 'revocation_unknown');
    assert.match(found?.detail ?? '', /of another key or scope/);
  });

  it('never looks at the anchor itself', () => {
    const partial = new CrlSet([crl(root, { revoked: [{ serial: above.serial }] }), crl(middle)], deny);
    assert.equal(partial.verify([leaf], above, now), undefined);
  });

  it('cannot acquit where the chain is not known, but accuse', () => {
    const set = new CrlSet([crl(root), crl(middle)], deny);
    assert.equal(set.verify([leaf], undefined, now)?.code, 'revocation_unknown');
    const listing = crl(middle, { revoked: [{ serial: '0a' }] });
    assert.equal(new CrlSet([listing], allow).verify([leaf], undefined, now)?.code, 'revoked');
    assert.equal(new CrlSet([crl(middle)], allow).verify([leaf], undefined, now), undefined);
  });
});
