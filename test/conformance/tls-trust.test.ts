// Whom a policy trusts beyond one root: intermediates as anchors or as helpers, trust domains, key floors, pins and names.
// Real sockets, `openssl s_client`, TLS 1.2 and 1.3, and the same verdict on a resumed session.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { derTag } from '../../src/asn1/der.ts';
import { encodeDer, encodeObjectId } from '../../src/asn1/der-writer.ts';
import { readFacts } from '../../src/certs/facts-reader.ts';
import type { SanRule } from '../../src/trust/san-rule.ts';
import { type Issued, type KeyKind, mintCa, type TestCa } from '../../src/certs/test-ca.ts';
import { sClient } from '../support/openssl.ts';
import { type Authority, openAuthority } from '../support/pki.ts';
import { openTempDir } from '../support/temp.ts';
import { type Edge, openEdge, type PolicySpec, ShiftedClock } from './tls-edge.ts';

const dir = openTempDir('tls-trust');
const client = { kind: 'client', cn: 'client' } as const;
let root: Authority;
let other: Authority;
let issuing: TestCa;
let server: Issued;
let files = 0;

before(async () => {
  [root, other] = await Promise.all([openAuthority(dir, 'root'), openAuthority(dir, 'other')]);
  issuing = await root.issueCa({ subject: '/CN=issuing' });
  server = await other.issue({ kind: 'server', sans: ['a.test'] });
});
after(() => dir.remove());

async function open(spec: Partial<PolicySpec>): Promise<Edge> {
  return openEdge({ policies: { a: { server, ...spec } } });
}

type Attempt = { readonly code: string; readonly detail: string };

/** Connects as `who` with what is sent along, and says in which code the handshake ended. */
async function ask(downstream: Edge, tls: string, who: Issued, sent: readonly Issued[] = []): Promise<Attempt> {
  files += 1;
  const [from, refused] = [downstream.outcomes.length, downstream.refusals.length];
  const result = await sClient({
    port: downstream.port,
    servername: 'a.test',
    tls: tls as '1.2' | '1.3',
    cert: dir.write(`${files}.crt`, who.certPem),
    key: dir.write(`${files}.key`, who.keyPem),
    ...(sent.length > 0 && { chain: dir.write(`${files}-chain.crt`, sent.map(({ certPem }) => certPem).join('')) }),
    // The client itself must not refuse to show a weak key.
    args: ['-cipher', 'DEFAULT@SECLEVEL=0'],
  });
  const { code } = await downstream.outcomes.waitFor(() => true, { from });
  assert.equal(result.status, code === 'ok' ? 200 : undefined, result.output);
  return { code, detail: downstream.refusals.items[refused]?.detail ?? '' };
}

const dns = (value: string): SanRule => ({
  kind: 'san',
  type: 'DNS',
  matcher: 'exact',
  value,
  ignoreCase: false,
  oid: undefined,
});

for (const tls of ['1.2', '1.3'] as const) {
  describe(`anchors over TLS ${tls}`, () => {
    test('a root alone: who is below its intermediate must send it', async () => {
      using downstream = await open({ ca: root.certPem });
      const [alice, bob] = [await issuing.issue(client), await issuing.issue(client)];
      assert.equal((await ask(downstream, tls, alice, [issuing])).code, 'ok');
      assert.notEqual((await ask(downstream, tls, bob)).code, 'ok');
    });

    for (const partialChain of [undefined, true] as const) {
      test(`an intermediate alone is an anchor where partialChain is ${partialChain}, for itself and below`, async () => {
        using downstream = await open({ ca: issuing.certPem, trust: { partialChain } });
        const below = await issuing.issueCa({ subject: '/CN=below' });
        assert.equal((await ask(downstream, tls, await issuing.issue(client))).code, 'ok');
        assert.equal((await ask(downstream, tls, await below.issue(client), [below])).code, 'ok');
        assert.equal((await ask(downstream, tls, await root.issue(client))).code, 'untrusted_issuer');
      });
    }

    test('an intermediate alone and partialChain false is no configuration', async () => {
      await assert.rejects(open({ ca: issuing.certPem, trust: { partialChain: false } }), /without a root/);
    });

    for (const partialChain of [undefined, false] as const) {
      test(`beside its root an intermediate only helps where partialChain is ${partialChain}: nobody has to send it`, async () => {
        using downstream = await open({ ca: [root.certPem, issuing.certPem], trust: { partialChain } });
        assert.equal((await ask(downstream, tls, await issuing.issue(client))).code, 'ok');
        assert.equal((await ask(downstream, tls, await root.issue(client))).code, 'ok');
        assert.deepEqual(
          downstream.peers.items.map(({ identity }) => [identity?.chain.length, identity?.anchor?.subject]),
          [
            [2, 'CN=root CA,O=Countersign Test'],
            [1, 'CN=root CA,O=Countersign Test'],
          ],
        );
      });

      test(`an intermediate of a root that is not there is no anchor beside another root, partialChain ${partialChain}`, async () => {
        using downstream = await open({ ca: [other.certPem, issuing.certPem], trust: { partialChain } });
        for (const sent of [[], [issuing]]) {
          const { code, detail } = await ask(downstream, tls, await issuing.issue(client), sent);
          assert.equal(code, 'untrusted_issuer');
          assert.match(detail, /is an intermediate: its root is not/);
        }
        assert.equal((await ask(downstream, tls, await other.issue(client))).code, 'ok');
      });
    }

    test('as many CAs as check lets pass can be named to a client', async () => {
      const subject = (i: number): string => `/O=${'x'.repeat(60)}/CN=${String(i).padStart(60, '0')}`;
      // 147 bytes each with their length: 64,974 of the 65,000 that client-trust.ts allows.
      const count = 442;
      const many = await Promise.all(
        Array.from({ length: count }, async (_, i) => mintCa({ subject: subject(i), keyPem: root.keyPem })),
      );
      using downstream = await open({ ca: many.map(({ certPem }) => certPem) });
      const [first] = many;
      assert.ok(first !== undefined);
      assert.equal((await ask(downstream, tls, await first.issue(client))).code, 'ok');
    });

    test('with partialChain true it is one beside any root', async () => {
      using downstream = await open({ ca: [other.certPem, issuing.certPem], trust: { partialChain: true } });
      assert.equal((await ask(downstream, tls, await issuing.issue(client))).code, 'ok');
      assert.notEqual((await ask(downstream, tls, await root.issue(client))).code, 'ok');
    });
  });

  describe(`renewed CAs over TLS ${tls}`, () => {
    const dayMs = 86_400_000;

    test('a root of the same name and key takes the place of the expired one beside it', async () => {
      const past = { notBefore: Date.now() - 60 * dayMs, notAfter: Date.now() - dayMs };
      const expired = await mintCa({ subject: '/CN=renewed', ...past });
      const today = await mintCa({ subject: '/CN=renewed', keyPem: expired.keyPem });
      using downstream = await open({ ca: [expired.certPem, today.certPem] });
      assert.equal((await ask(downstream, tls, await today.issue(client))).code, 'ok');
      using late = await open({ ca: expired.certPem });
      assert.equal((await ask(late, tls, await today.issue(client))).code, 'expired');
    });

    test('an intermediate that expired is forgotten as soon as a client brings its successor', async () => {
      const clock = new ShiftedClock();
      using downstream = await openEdge({ policies: { a: { server, ca: root.certPem } }, clock });
      const before = await root.issueCa({ subject: '/CN=short', notAfter: Date.now() + dayMs });
      const next = await root.issueCa({ subject: '/CN=short', keyPem: before.keyPem });
      const alice = await before.issue(client);
      assert.equal((await ask(downstream, tls, alice, [before])).code, 'ok');
      clock.shiftMs = 2 * dayMs;
      assert.equal((await ask(downstream, tls, alice, [before])).code, 'expired');
      assert.equal((await ask(downstream, tls, alice, [next])).code, 'ok');
      assert.equal((await ask(downstream, tls, alice, [before, next])).code, 'ok');
    });
  });

  describe(`trust domains over TLS ${tls}`, () => {
    const svid = (uri: string, ...more: string[]) => ({ ...client, sans: [uri, ...more] });
    const domains = () => ({
      trustDomains: ['a.org', 'b.org', 'shared.org'],
      bundles: [
        { trustDomain: 'a.org', caPem: [root.certPem] },
        { trustDomain: 'b.org', caPem: [other.certPem] },
      ],
    });
    /** 'shared.org' has no bundle of its own: clientCA is for it. */
    const mesh = () => open({ ca: root.certPem, trust: { spiffe: domains() } });

    test('each identity must chain to the CAs of its own domain, those of another domain count for nothing', async () => {
      using downstream = await mesh();
      assert.equal((await ask(downstream, tls, await root.issue(svid('spiffe://a.org/x')))).code, 'ok');
      assert.equal((await ask(downstream, tls, await issuing.issue(svid('spiffe://a.org/y')), [issuing])).code, 'ok');
      assert.equal((await ask(downstream, tls, await other.issue(svid('spiffe://b.org/x')))).code, 'ok');
      assert.equal((await ask(downstream, tls, await root.issue(svid('spiffe://shared.org/x')))).code, 'ok');
      for (const [uri, ca, sent] of [
        ['spiffe://a.org/x', other, []],
        ['spiffe://b.org/x', root, []],
        ['spiffe://b.org/x', issuing, [issuing]],
        ['spiffe://shared.org/x', other, []],
      ] as const) {
        const { code, detail } = await ask(downstream, tls, await ca.issue(svid(uri)), sent);
        assert.equal(code, 'untrusted_issuer', uri);
        assert.match(detail, /only the CAs of its trust domain \S+ may issue it; its chain leads to one of [ab]\.org/);
      }
    });

    test('without one well-formed identity of a known domain nobody passes, however well issued', async () => {
      using downstream = await mesh();
      const rows: [sans: string[], detail: RegExp][] = [
        [[], /names no trust domain: it carries no URI/],
        [['DNS:a.org'], /no URI/],
        [['DNS:spiffe://a.org/x'], /no URI/],
        [['https://a.org/x'], /not a SPIFFE ID/],
        [['spiffe://a.org'], /not a SPIFFE ID/],
        [['spiffe://A.org/x'], /not a SPIFFE ID/],
        [['spiffe://a.org/x', 'spiffe://a.org/y'], /more than one URI/],
        [['spiffe://a.org/x', 'URI:urn:uuid:1'], /more than one URI/],
        [['spiffe://c.org/x'], /trust domain c\.org is none of a\.org, b\.org, shared\.org/],
        [['spiffe://a.org.evil.org/x'], /trust domain a\.org\.evil\.org is none of/],
      ];
      for (const [sans, wanted] of rows) {
        const { code, detail } = await ask(downstream, tls, await root.issue({ ...client, sans }));
        assert.equal(code, 'name_mismatch', sans.join(' '));
        assert.match(detail, wanted);
      }
    });

    test('what a domain’s CA allows another CA holds, although OpenSSL may have gone by that one’s own root', async () => {
      using downstream = await mesh();
      const { keyPem } = other;
      const subject = '/O=Countersign Test/CN=other CA';
      const uris = encodeDer(derTag.sequence, encodeDer(0x86, Buffer.from('b.org')));
      const constraints = encodeDer(derTag.sequence, encodeDer(0xa0, uris));
      const usages = encodeDer(derTag.sequence, encodeObjectId('1.3.6.1.5.5.7.3.1'));
      const below = await other.issueCa({ subject: '/CN=below other' });
      const free = await root.issueCa({ subject, keyPem });
      const named = await root.issueCa({
        subject,
        keyPem,
        extensions: [{ oid: '2.5.29.30', critical: true, value: constraints }],
      });
      const servers = await root.issueCa({ subject, keyPem, extensions: [{ oid: '2.5.29.37', value: usages }] });
      const last = await root.issueCa({ subject, keyPem, pathLength: 0 });
      const spoofed = svid('spiffe://a.org/admin');
      assert.equal((await ask(downstream, tls, await other.issue(spoofed), [free])).code, 'ok');
      for (const crossSigned of [named, servers]) {
        assert.equal((await ask(downstream, tls, await other.issue(spoofed), [crossSigned])).code, 'untrusted_issuer');
      }
      assert.equal((await ask(downstream, tls, await below.issue(spoofed), [below, last])).code, 'untrusted_issuer');
      assert.equal((await ask(downstream, tls, await below.issue(spoofed), [below, free])).code, 'ok');
    });

    test('constraints that OpenSSL has judged stand in nobody’s way', async () => {
      using downstream = await mesh();
      const uris = encodeDer(derTag.sequence, encodeDer(0x86, Buffer.from('a.org')));
      const value = encodeDer(derTag.sequence, encodeDer(0xa0, uris));
      const extensions = [{ oid: '2.5.29.30', critical: true, value }];
      const named = await root.issueCa({ subject: '/CN=named', extensions });
      assert.equal((await ask(downstream, tls, await named.issue(svid('spiffe://a.org/x')), [named])).code, 'ok');
      assert.notEqual(
        (await ask(downstream, tls, await named.issue(svid('spiffe://shared.org/x')), [named])).code,
        'ok',
      );
    });

    test('bundles for every domain need no clientCA; a domain that has neither is no configuration', async () => {
      const bundles = [{ trustDomain: 'a.org', caPem: [root.certPem] }];
      using downstream = await open({ ca: [], trust: { spiffe: { trustDomains: ['a.org'], bundles } } });
      assert.equal((await ask(downstream, tls, await root.issue(svid('spiffe://a.org/x')))).code, 'ok');
      const incomplete = open({ ca: [], trust: { spiffe: { trustDomains: ['a.org', 'b.org'], bundles } } });
      await assert.rejects(incomplete, /no anchors for trust domain b\.org/);
    });

    test('a session is judged by the trust domain again when it resumes', async () => {
      using downstream = await mesh();
      const alice = await issuing.issue(svid('spiffe://a.org/alice'));
      const to = {
        port: downstream.port,
        servername: 'a.test',
        tls,
        cert: dir.write('alice.crt', alice.certPem),
        key: dir.write('alice.key', alice.keyPem),
        chain: dir.write('issuing.crt', issuing.certPem),
      };
      const session = dir.file(`alice-${tls}.session`);
      assert.equal((await sClient({ ...to, sessionOut: session })).status, 200);
      const again = await sClient({ ...to, sessionIn: session });
      assert.deepEqual([again.reused, again.status], [true, 200], again.output);
      assert.equal(downstream.peers.items[1]?.identity?.chainKnown, true);
    });
  });

  describe(`keys, pins and names over TLS ${tls}`, () => {
    const floors: readonly (readonly [KeyKind, rsa: number, ec: number, code: string])[] = [
      ['rsa', 2048, 256, 'ok'],
      ['rsa', 3072, 256, 'weak_key'],
      ['rsa-4096', 3072, 384, 'ok'],
      ['ec', 2048, 256, 'ok'],
      ['ec', 2048, 384, 'weak_key'],
      ['ec-p384', 2048, 384, 'ok'],
      ['ed25519', 4096, 521, 'ok'],
    ];
    test('a leaf under the floor is refused as weak', async () => {
      for (const [key, rsa, ec, code] of floors) {
        using downstream = await open({ ca: root.certPem, trust: { minKeyBits: { rsa, ec } } });
        assert.equal(
          (await ask(downstream, tls, await root.issue({ ...client, key }))).code,
          code,
          `${key} ${rsa} ${ec}`,
        );
      }
    });

    test('an intermediate under the floor makes everything below it weak', async () => {
      using downstream = await open({ ca: root.certPem, trust: { minKeyBits: { rsa: 2048, ec: 384 } } });
      const strong = { ...client, key: 'ec-p384' } as const;
      assert.equal((await ask(downstream, tls, await issuing.issue(strong), [issuing])).code, 'weak_key');
      assert.equal((await ask(downstream, tls, await root.issue(strong))).code, 'ok');
    });

    test('a pinned key survives renewal, a pinned certificate does not, and pins come before names', async () => {
      const alice = await root.issue({ ...client, sans: ['alice.test'] });
      const renewed = await root.issue({ ...client, sans: ['alice.test'], keyPem: alice.keyPem });
      const mallory = await root.issue({ ...client, sans: ['alice.test'] });
      const { sha256, spkiSha256 } = readFacts(alice.der);
      const rules = { allowedSANs: [dns('alice.test')], allowedFingerprints: undefined, allowedSPKI: undefined };
      using byKey = await open({ ca: root.certPem, trust: { rules: { ...rules, allowedSPKI: [spkiSha256] } } });
      using byPrint = await open({ ca: root.certPem, trust: { rules: { ...rules, allowedFingerprints: [sha256] } } });
      const codes = async (downstream: Edge) => [
        (await ask(downstream, tls, alice)).code,
        (await ask(downstream, tls, renewed)).code,
        (await ask(downstream, tls, mallory)).code,
      ];
      assert.deepEqual(await codes(byKey), ['ok', 'ok', 'pin_mismatch']);
      assert.deepEqual(await codes(byPrint), ['ok', 'pin_mismatch', 'pin_mismatch']);
    });

    test('a name that no rule has is refused with the names that were there and those that were wanted', async () => {
      const rules = { allowedSANs: [dns('alice.test')], allowedFingerprints: undefined, allowedSPKI: undefined };
      using downstream = await open({ ca: root.certPem, trust: { rules } });
      assert.equal((await ask(downstream, tls, await root.issue({ ...client, sans: ['alice.test'] }))).code, 'ok');
      const bob = await root.issue({ ...client, cn: 'alice.test', sans: ['bob.test', 'EMAIL:alice.test'] });
      const { code, detail } = await ask(downstream, tls, bob);
      assert.equal(code, 'name_mismatch');
      assert.match(
        detail,
        /^it carries DNS:bob\.test, EMAIL:alice\.test; allowed: DNS exact "alice\.test"; its common name/,
      );
    });
  });
}
