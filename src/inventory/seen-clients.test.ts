import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { describe, it } from 'node:test';
import type { CertificateFacts } from '../certs/facts.ts';
import type { Verdict } from '../trust/verdict.ts';
import { maxServerNames, SeenClients, type SeenDelta } from './seen-clients.ts';

/** Only what the table looks at: parsing 100,000 real certificates would test the parser. */
function fakeFacts(subject: string, bytes = 600): CertificateFacts {
  return {
    der: Buffer.alloc(bytes),
    subject,
    issuer: 'CN=ca',
    subjectKey: subject,
    issuerKey: 'CN=ca',
    serial: '01',
    sha256: hash('sha256', subject, 'hex'),
    spkiSha256: '',
    notBefore: 0,
    notAfter: 1e12,
    sans: [],
    extendedKeyUsage: undefined,
    isCa: false,
    subjectKeyId: undefined,
    authorityKeyId: undefined,
    key: 'EC P-256',
  };
}

const anchor = fakeFacts('CN=ca');

function verdictOn(leaf: CertificateFacts | undefined, more: Partial<Verdict> = {}): Verdict {
  const chain = leaf === undefined ? [] : [leaf];
  return {
    code: 'ok',
    raw: '',
    detail: '',
    leaf,
    chain,
    chainKnown: true,
    anchor,
    resumed: false,
    version: 'TLSv1.3',
    cipher: '',
    ...more,
  };
}

const accepted = (leaf: CertificateFacts, more: Partial<Verdict> = {}) => ({
  policy: 'gateway',
  serverName: 'a.test',
  bundle: undefined,
  verdict: verdictOn(leaf, more),
});
const refused = (leaf: CertificateFacts) =>
  accepted(leaf, { code: 'untrusted_issuer', detail: 'unknown', anchor: undefined });

const find = (seen: SeenClients, facts: CertificateFacts): SeenDelta | undefined =>
  seen.report()?.identities.find(({ sha256 }) => sha256 === facts.sha256);

describe('the clients that a worker saw', () => {
  it('are told once with their certificates, later with what was added to the counts', () => {
    const seen = new SeenClients(() => {});
    const alice = fakeFacts('CN=alice');
    seen.note(accepted(alice), 1000);
    seen.note(accepted(alice), 2000);
    const first = find(seen, alice);
    assert.equal(first?.accepted, 2);
    assert.deepEqual([first.firstSeen, first.lastSeen, first.lastAccepted], [1000, 2000, 2000]);
    assert.equal(first.leaf, alice.der);
    assert.deepEqual(first.anchor, { sha256: anchor.sha256, subject: 'CN=ca', notAfter: 1e12 });
    assert.equal(seen.report(), undefined);
    seen.note(refused(alice), 3000);
    const second = find(seen, alice);
    assert.deepEqual([second?.accepted, second?.refused, second?.lastAccepted], [0, 1, null]);
    assert.deepEqual([second?.firstSeen, second?.code], [3000, 'untrusted_issuer']);
    assert.equal(second !== undefined && 'leaf' in second, false);
  });

  it('ask for a report once, at the first sighting after the last one', () => {
    let asked = 0;
    const seen = new SeenClients(() => asked++);
    for (let n = 0; n < 3; n++) seen.note(accepted(fakeFacts(`CN=${n}`)), n);
    assert.equal(asked, 1);
    seen.report();
    seen.note({ policy: 'p', serverName: undefined, bundle: undefined, verdict: verdictOn(undefined) }, 9);
    assert.equal(asked, 2);
  });

  it('are not pushed out by 100,000 fresh certificates of a hostile client, which stay within their share', () => {
    const seen = new SeenClients(() => {}, { maxEntries: 500, maxBytes: 500_000 });
    const clients = Array.from({ length: 300 }, (_, n) => fakeFacts(`CN=client ${n}`));
    for (const client of clients) seen.note(accepted(client), 1);
    for (let n = 0; n < 100_000; n++) seen.note(refused(fakeFacts(`CN=hostile ${n}`)), 2);
    assert.equal(seen.size, 400);
    const told = new Set(seen.report()?.identities.map(({ sha256 }) => sha256));
    assert.equal(told.size, 400);
    assert.ok(clients.every(({ sha256 }) => told.has(sha256)));
  });

  it('take up no more bytes of certificates than their share, and nothing that is too large', () => {
    const seen = new SeenClients(() => {}, { maxEntries: 500, maxBytes: 100_000 });
    for (let n = 0; n < 100; n++) seen.note(refused(fakeFacts(`CN=large ${n}`, 10_000)), n);
    assert.equal(seen.size, 2);
    const huge = fakeFacts('CN=huge', 100_000);
    seen.note(refused(huge), 100);
    assert.equal(find(seen, huge)?.leaf, null);
  });

  it('keep the place of one that was let in once, whatever comes later', () => {
    const seen = new SeenClients(() => {}, { maxEntries: 10, maxBytes: 1_000_000 });
    const alice = fakeFacts('CN=alice');
    seen.note(refused(alice), 1);
    seen.note(accepted(alice), 2);
    seen.note(refused(alice), 3);
    for (let n = 0; n < 100; n++) seen.note(refused(fakeFacts(`CN=hostile ${n}`)), 4);
    const found = find(seen, alice);
    assert.deepEqual([found?.accepted, found?.refused, found?.lastAccepted], [1, 2, 2]);
  });

  it('lose the least recently seen first', () => {
    const seen = new SeenClients(() => {}, { maxEntries: 10, maxBytes: 1_000_000 });
    const [alice, bob] = [fakeFacts('CN=alice'), fakeFacts('CN=bob')];
    seen.note(accepted(alice), 1);
    seen.note(accepted(bob), 1);
    for (let n = 0; n < 7; n++) {
      seen.note(accepted(fakeFacts(`CN=${n}`)), 2);
      seen.note(accepted(alice), 2);
    }
    const told = seen.report()?.identities.map(({ sha256 }) => sha256) ?? [];
    assert.ok(told.includes(alice.sha256));
    assert.ok(!told.includes(bob.sha256));
  });

  it('keep the intermediates that were sent, not those of our own bundle, and notice another chain', () => {
    const seen = new SeenClients(() => {});
    const alice = fakeFacts('CN=alice');
    const [sent, own, later] = [fakeFacts('CN=sent'), fakeFacts('CN=own'), fakeFacts('CN=later')];
    const bundle = { contains: (facts: CertificateFacts) => facts === own } as never;
    const by = (...above: CertificateFacts[]) => ({ ...accepted(alice, { chain: [alice, ...above] }), bundle });
    seen.note(by(sent, own), 1);
    assert.deepEqual(find(seen, alice)?.above, [sent.der]);
    seen.note(by(sent, own), 2);
    assert.equal(find(seen, alice)?.above, undefined);
    seen.note(by(later), 3);
    assert.deepEqual(find(seen, alice)?.above, [later.der]);
    // Resumed where its chain is not known: says nothing about the chain.
    seen.note(accepted(alice, { chainKnown: false, anchor: undefined }), 4);
    const resumed = find(seen, alice);
    assert.equal(resumed?.above, undefined);
    assert.equal(resumed?.anchor?.sha256, anchor.sha256);
  });

  it('keep a few server names, the latest', () => {
    const seen = new SeenClients(() => {});
    const alice = fakeFacts('CN=alice');
    for (let n = 0; n < 20; n++) seen.note({ ...accepted(alice), serverName: `${n}.test` }, n);
    const names = find(seen, alice)?.serverNames;
    assert.equal(names?.length, maxServerNames);
    assert.equal(names.at(-1), '19.test');
  });

  it('without a certificate are counted by policy and name, and invented names do not push out a real one', () => {
    const seen = new SeenClients(() => {});
    const anonymous = (serverName: string, code: Verdict['code'] = 'ok') =>
      seen.note({ policy: 'p', serverName, bundle: undefined, verdict: verdictOn(undefined, { code }) }, 1);
    for (let n = 0; n < 3; n++) anonymous('real.test');
    anonymous('real.test', 'no_client_cert');
    for (let n = 0; n < 1000; n++) anonymous(`${n}.test`);
    const told = seen.report()?.anonymous ?? [];
    assert.ok(told.length <= 256);
    const real = told.find(({ serverName }) => serverName === 'real.test');
    assert.deepEqual([real?.accepted, real?.refused], [3, 1]);
  });

  it('are told in full again after the primary forgot them', () => {
    const seen = new SeenClients(() => {});
    const alice = fakeFacts('CN=alice');
    seen.note(accepted(alice), 1);
    const key = find(seen, alice)?.key ?? '';
    seen.forget([key, 'nobody']);
    seen.note(accepted(alice), 2);
    assert.equal(find(seen, alice)?.leaf, alice.der);
  });
});
