// A client whose certificate leads to anchors by several ways is refused only where none of them is good, and told the reason of
// the best one. Real `openssl s_client`, TLS 1.2 and 1.3.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { encodeDer } from '../../src/asn1/der-writer.ts';
import { buildCrls } from '../../src/crl/build.ts';
import { CrlSet, type IndexedCrl } from '../../src/crl/crl-set.ts';
import { type CaOptions, type Issued, type LeafOptions, mintCa, type TestCa } from '../../src/certs/test-ca.ts';
import { serialOf } from '../support/crls.ts';
import { sClient } from '../support/openssl.ts';
import { openTempDir } from '../support/temp.ts';
import { openEdge, ShiftedClock } from './tls-edge.ts';

const dir = openTempDir('tls-paths');
after(() => dir.remove());

const client: LeafOptions = { kind: 'client', cn: 'client', sans: ['client.example.org'] };
const past = { notBefore: Date.now() - 2_000_000, notAfter: Date.now() - 1_000_000 };
let server: Issued;
let old: TestCa;
let root: TestCa;

before(async () => {
  root = await mintCa({ cn: 'root' });
  old = await mintCa({ cn: 'old root', ...past });
  server = await root.issue({ kind: 'server', sans: ['a.test'] });
});

/** The CA `of` once more, certified by `by`. */
function crossCertify(of: TestCa, by: TestCa, cn: string, more: CaOptions = {}): Promise<TestCa> {
  return by.issueCa({ cn, keyPem: of.keyPem, ...more });
}

type Set = {
  readonly bundle: readonly TestCa[];
  readonly sent?: readonly TestCa[];
  readonly revoked?: readonly { readonly by: TestCa; readonly what: Issued }[];
};

function indexed(by: TestCa, what: Issued): IndexedCrl {
  const bytes = by.issueCrl({ revoked: [{ serial: serialOf(what) }] });
  const [built] = buildCrls({ name: 'test.crl', from: { bytes }, issuers: [by.der], known: [] });
  assert.ok(built !== undefined && 'facts' in built);
  return built;
}

/** Permits the DNS names of x.test: none that the client carries. */
const nameConstraints = {
  oid: '2.5.29.30',
  critical: true,
  value: encodeDer(0x30, encodeDer(0xa0, encodeDer(0x30, encodeDer(0x82, Buffer.from('x.test'))))),
};

let files = 0;

/** In which code the handshake of `who` ends. */
async function ask(tls: '1.2' | '1.3', who: Issued, { bundle, sent = [], revoked = [] }: Set): Promise<string> {
  files += 1;
  const settings = { onMissing: 'allow', onStale: 'deny', scope: 'chain' } as const;
  const crls = revoked.map(({ by, what }) => indexed(by, what));
  using edge = await openEdge({
    policies: {
      a: {
        server,
        ca: bundle.map(({ certPem }) => certPem),
        ...(revoked.length > 0 && { trust: { crl: { settings, list: new CrlSet(crls, settings) } } }),
      },
    },
  });
  const result = await sClient({
    port: edge.port,
    servername: 'a.test',
    tls,
    cert: dir.write(`${files}.crt`, who.certPem),
    key: dir.write(`${files}.key`, who.keyPem),
    ...(sent.length > 0 && { chain: dir.write(`${files}-chain.crt`, sent.map(({ certPem }) => certPem).join('')) }),
    args: ['-cipher', 'DEFAULT@SECLEVEL=0'],
  });
  const { code } = await edge.outcomes.waitFor(() => true);
  assert.equal(result.status, code === 'ok' ? 200 : undefined, result.output);
  return `${code} ${edge.refusals.items[0]?.detail ?? ''}`.trim();
}

for (const tls of ['1.2', '1.3'] as const) {
  describe(`several ways to an anchor over TLS ${tls}`, () => {
    test('an expired root beside its successor: the cross-certificate leads on', async () => {
      const cross = await crossCertify(old, root, 'old root');
      const leaf = await old.issue(client);
      assert.equal(await ask(tls, leaf, { bundle: [old, root, cross] }), 'ok');
      assert.equal(await ask(tls, leaf, { bundle: [old, root], sent: [cross] }), 'ok');
      const below = await old.issueCa({ cn: 'issuing' });
      assert.equal(await ask(tls, await below.issue(client), { bundle: [old, root], sent: [below, cross] }), 'ok');
      assert.match(await ask(tls, leaf, { bundle: [old, root] }), /^expired .*old root/);
      assert.match(await ask(tls, leaf, { bundle: [old] }), /^expired .*old root/);
      const expired = await crossCertify(old, root, 'old root', past);
      assert.match(await ask(tls, leaf, { bundle: [old, root], sent: [expired] }), /^expired /);
    });

    test('a root that expires while the gateway runs: its successor is found, and sessions go on', async () => {
      const lateral = await mintCa({ cn: 'ending root', notAfter: Date.now() + 3_600_000 });
      const cross = await crossCertify(lateral, root, 'ending root');
      const leaf = await lateral.issue(client);
      const clock = new ShiftedClock();
      using edge = await openEdge({ clock, policies: { a: { server, ca: [lateral.certPem, root.certPem] } } });
      const session = dir.write(`ending-${tls}.pem`, '');
      const as = {
        port: edge.port,
        servername: 'a.test',
        tls,
        cert: dir.write(`ending-${tls}.crt`, leaf.certPem),
        key: dir.write(`ending-${tls}.key`, leaf.keyPem),
      };
      const chain = dir.write(`ending-${tls}-chain.crt`, cross.certPem);
      const before = await sClient({ ...as, chain, sessionOut: session });
      assert.deepEqual([before.status, before.acceptableCas.length], [200, 2], before.output);
      clock.shiftMs = 7_200_000;
      const after = await sClient({ ...as, chain });
      assert.deepEqual([after.status, after.acceptableCas.length], [200, 1], after.output);
      const resumed = await sClient({ ...as, chain, sessionIn: session });
      assert.deepEqual([resumed.status, resumed.reused], [200, true], resumed.output);
      const bare = await lateral.issue({ ...client, cn: 'bare' });
      const refused = await sClient({
        ...as,
        cert: dir.write(`bare-${tls}.crt`, bare.certPem),
        key: dir.write(`bare-${tls}.key`, bare.keyPem),
      });
      assert.equal(refused.status, undefined);
      assert.equal((await edge.refusals.waitFor(() => true)).code, 'expired');
    });

    test('a revoked certificate of a CA beside another that is not', async () => {
      const middle = await root.issueCa({ cn: 'middle' });
      const other = await mintCa({ cn: 'other root' });
      const upper = await other.issueCa({ cn: 'upper' });
      const again = await crossCertify(middle, upper, 'middle');
      const leaf = await middle.issue(client);
      const bundle = [root, other];
      const revoked = [{ by: root, what: middle }];
      for (const sent of [
        [middle, again, upper],
        [upper, again, middle],
      ])
        assert.equal(await ask(tls, leaf, { bundle, sent, revoked }), 'ok');
      assert.match(await ask(tls, leaf, { bundle, sent: [middle], revoked }), /^revoked a CA above it/);
      const all = [...revoked, { by: other, what: upper }];
      assert.match(
        await ask(tls, leaf, { bundle, sent: [middle, again, upper], revoked: all }),
        /^revoked a CA above it/,
      );
    });

    test('a way signed with SHA-1 beside another that is not', async () => {
      const weak = await root.issueCa({ cn: 'middle', hash: 'sha1' });
      const upper = await root.issueCa({ cn: 'upper' });
      const good = await crossCertify(weak, upper, 'middle');
      const leaf = await weak.issue(client);
      assert.equal(await ask(tls, leaf, { bundle: [root], sent: [good, upper, weak] }), 'ok');
      assert.equal(await ask(tls, leaf, { bundle: [root, good, upper], sent: [weak] }), 'ok');
      assert.equal(await ask(tls, leaf, { bundle: [root, weak], sent: [good, upper] }), 'ok');
      assert.match(await ask(tls, leaf, { bundle: [root, weak] }), /^weak_key /);
      assert.match(await ask(tls, leaf, { bundle: [root], sent: [weak] }), /^weak_key /);
      // OpenSSL takes what was sent first and looks no further (N29): its no is a no.
      assert.match(await ask(tls, leaf, { bundle: [root], sent: [weak, good, upper] }), /^weak_key /);
    });

    test('constraints are not got round by a second way', async () => {
      const middle = await root.issueCa({ cn: 'middle' });
      const other = await mintCa({ cn: 'other root' });
      const constrained = await crossCertify(middle, other, 'middle', { extensions: [nameConstraints] });
      const leaf = await middle.issue(client);
      const bundle = [root, other];
      assert.equal(await ask(tls, leaf, { bundle, sent: [middle, constrained] }), 'ok');
      assert.match(await ask(tls, leaf, { bundle: [other], sent: [constrained] }), /^(name_mismatch|malformed_cert) /);
      const revoked = [{ by: root, what: middle }];
      assert.match(await ask(tls, leaf, { bundle, sent: [middle, constrained], revoked }), /^revoked /);
      assert.match(
        await ask(tls, leaf, { bundle: [old, other], sent: [constrained] }),
        /^(name_mismatch|malformed_cert) /,
      );
    });
  });
}
