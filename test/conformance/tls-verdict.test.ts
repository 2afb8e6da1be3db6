// Facts N10 to N15 and N22, incidents 10 and 16: who a client is, whether it may in, and with which reason it may not. Real
// sockets, `openssl s_client`, TLS 1.2 and 1.3.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Issued, LeafOptions, TestCa } from '../../src/certs/test-ca.ts';
import { type SClientResult, sClient } from '../support/openssl.ts';
import { type Authority, openAuthority } from '../support/pki.ts';
import { openTempDir } from '../support/temp.ts';
import { type Edge, openEdge, type PolicySpec } from './tls-edge.ts';

const dir = openTempDir('tls-verdict');
const day = 86_400_000;
let alpha: Authority;
let beta: Authority;
let serverCa: TestCa;
let server: Issued;
let files = 0;

before(async () => {
  let root: Authority;
  [alpha, beta, root] = await Promise.all([
    openAuthority(dir, 'alpha'),
    openAuthority(dir, 'beta'),
    openAuthority(dir, 'servers'),
  ]);
  serverCa = await root.issueCa({ cn: 'servers issuing' });
  server = await serverCa.issue({ kind: 'server', sans: ['a.test'] });
});
after(() => dir.remove());

async function openA(spec: Partial<PolicySpec> = {}): Promise<Edge> {
  return openEdge({ policies: { a: { server, ca: alpha.certPem, ...spec } } });
}

/** Connects as `who`, sending the certificates of `chain` along. The client is told to use what it would think too weak. */
async function ask(
  downstream: Edge,
  tls: '1.2' | '1.3',
  who?: Issued,
  chain: readonly Issued[] = [],
): Promise<SClientResult> {
  files += 1;
  return sClient({
    port: downstream.port,
    servername: 'a.test',
    tls,
    args: ['-cipher', 'DEFAULT@SECLEVEL=0'],
    ...(who !== undefined && {
      cert: dir.write(`${files}.crt`, who.certPem),
      key: dir.write(`${files}.key`, who.keyPem),
    }),
    ...(chain.length > 0 && { chain: dir.write(`${files}-chain.crt`, chain.map(({ certPem }) => certPem).join('')) }),
  });
}

/** The code in which the last attempt ended. */
async function codeOf(downstream: Edge, before: number): Promise<string> {
  await downstream.outcomes.waitFor(() => true, { from: before });
  return downstream.outcomes.items[before]?.code ?? '';
}

const client = { kind: 'client', cn: 'client' } as const;
const unknownCritical = { oid: '1.3.6.1.4.1.99999.1', critical: true, value: Buffer.from([5, 0]) };

for (const tls of ['1.2', '1.3'] as const) {
  describe(`TLS ${tls}`, () => {
    const leaves: readonly (readonly [string, LeafOptions, code: string])[] = [
      ['of a trusted CA passes', client, 'ok'],
      ['without any extended key usage passes', { ...client, kind: 'none' }, 'ok'],
      ['with an RSA key passes', { ...client, key: 'rsa' }, 'ok'],
      ['with an Ed25519 key passes', { ...client, key: 'ed25519' }, 'ok'],
      [
        'that expired is refused',
        { ...client, notBefore: Date.now() - 2 * day, notAfter: Date.now() - day },
        'expired',
      ],
      ['from the future is refused', { ...client, notBefore: Date.now() + day }, 'not_yet_valid'],
      ['made for servers is refused', { ...client, kind: 'server' }, 'wrong_purpose'],
      ['with an RSA key of 1024 bits is refused', { ...client, key: 'rsa-1024' }, 'weak_key'],
      ['signed with SHA-1 is refused', { ...client, hash: 'sha1' }, 'weak_key'],
      [
        'with a critical extension that nobody knows is refused',
        { ...client, extensions: [unknownCritical] },
        'malformed_cert',
      ],
      [
        'with a NUL in a name is refused',
        { ...client, sans: [{ type: 'DNS', value: 'a.test\0.evil' }] },
        'malformed_cert',
      ],
      [
        'with a line break in a name is refused',
        { ...client, sans: [{ type: 'URI', value: 'spiffe://a\r\nb' }] },
        'malformed_cert',
      ],
    ];
    for (const [sentence, leaf, code] of leaves) {
      test(`a certificate ${sentence}`, async () => {
        using downstream = await openA();
        const result = await ask(downstream, tls, await alpha.issue(leaf));
        assert.equal(await codeOf(downstream, 0), code);
        assert.equal(result.status, code === 'ok' ? 200 : undefined);
        assert.equal(downstream.peers.length, code === 'ok' ? 1 : 0, 'nothing but who passes reaches the flow');
      });
    }

    test('a certificate that names a trusted CA but was signed by another is refused', async () => {
      using downstream = await openA();
      const impostor = await openAuthority(dir, 'alpha');
      assert.equal((await ask(downstream, tls, await impostor.issue(client))).status, undefined);
      assert.equal(await codeOf(downstream, 0), 'untrusted_issuer');
    });

    test('our own server CA does not let clients in, although its chain is loaded', async () => {
      using downstream = await openA();
      const insider = await serverCa.issue({ ...client, kind: 'both' });
      assert.equal((await ask(downstream, tls, insider)).status, undefined);
      assert.equal((await ask(downstream, tls, insider, [serverCa])).status, undefined);
      assert.equal(downstream.peers.length, 0);
    });

    test('a certificate whose intermediate is sent passes; without it the reason says what is missing', async () => {
      using downstream = await openA();
      const issuing = await alpha.issueCa({ subject: '/CN=issuing' });
      const [alice, bob] = await Promise.all([issuing.issue(client), issuing.issue(client)]);
      assert.equal((await ask(downstream, tls, alice, [issuing])).status, 200);
      assert.deepEqual(
        downstream.peers.items[0]?.identity?.chain.map(({ der }) => der.equals(alice.der)),
        [true, false],
      );
      assert.equal((await ask(downstream, tls, bob)).status, undefined);
      assert.equal(await codeOf(downstream, 1), 'missing_intermediate');
    });

    test('an intermediate alone is an anchor as good as a root (N15)', async () => {
      const issuing = await alpha.issueCa({ cn: 'issuing' });
      const below = await issuing.issueCa({ cn: 'below' });
      using downstream = await openA({ ca: issuing.certPem });
      assert.equal((await ask(downstream, tls, await issuing.issue(client))).status, 200);
      assert.equal((await ask(downstream, tls, await below.issue(client), [below])).status, 200);
      assert.equal(
        (await ask(downstream, tls, await alpha.issue(client))).status,
        undefined,
        'the root above it is none',
      );
    });

    test('no more certificates may stand above the leaf, the anchor among them, than maxDepth', async () => {
      const issuing = await alpha.issueCa({ cn: 'issuing' });
      const below = await issuing.issueCa({ cn: 'below' });
      const deep = await below.issue(client);
      for (const [maxDepth, code] of [
        [3, 'ok'],
        [2, 'chain_too_deep'],
      ] as const) {
        using downstream = await openA({ maxDepth });
        await ask(downstream, tls, deep, [below, issuing]);
        assert.equal(await codeOf(downstream, 0), code);
      }
    });

    test('a client that sends a heap of certificates is refused before they are looked at', async () => {
      using downstream = await openA();
      const heap = await Promise.all(Array.from({ length: 20 }, async () => beta.issue(client)));
      assert.equal((await ask(downstream, tls, await alpha.issue(client), heap)).status, undefined);
      assert.equal(await codeOf(downstream, 0), 'chain_too_deep');
    });

    test('the identity is the certificate whose key signed, whatever else is sent with it (incident 16)', async () => {
      const issuing = await alpha.issueCa({ cn: 'issuing' });
      const [mallory, admin] = await Promise.all([
        issuing.issue({ kind: 'client', cn: 'mallory' }),
        issuing.issue({ kind: 'client', cn: 'admin' }),
      ]);
      using downstream = await openA();
      for (const sent of [
        [admin, issuing],
        [issuing, admin],
        [admin, issuing, alpha],
      ]) {
        assert.equal((await ask(downstream, tls, mallory, sent)).status, 200);
      }
      for (const { identity } of downstream.peers.items) {
        assert.equal(identity?.leaf.subject, 'CN=mallory');
        assert.deepEqual(
          identity?.chain.map(({ der }) => der),
          [mallory.der, issuing.der],
          'only what leads from the leaf to the anchor',
        );
      }
      assert.equal(downstream.peers.length, 3);
    });

    test('where a certificate is optional, none is anonymous, a good one counts, a bad one is refused', async () => {
      using downstream = await openA({ required: false });
      assert.match((await ask(downstream, tls)).response, /a anonymous$/);
      assert.match((await ask(downstream, tls, await alpha.issue(client))).response, /a CN=client$/);
      assert.equal((await ask(downstream, tls, await beta.issue(client))).status, undefined);
      assert.deepEqual(
        downstream.peers.items.map(({ identity, verdict }) => [identity?.leaf.subject, verdict?.code]),
        [
          [undefined, 'ok'],
          ['CN=client', 'ok'],
        ],
      );
    });

    test('a missing certificate is refused where one is required', async () => {
      using downstream = await openA();
      assert.equal((await ask(downstream, tls)).status, undefined);
      assert.equal(await codeOf(downstream, 0), 'no_client_cert');
    });

    test('with onFailure explain the flow learns the reason and no identity', async () => {
      using downstream = await openA({ onFailure: 'explain' });
      assert.match((await ask(downstream, tls)).response, /^HTTP\/1.1 403 [^]*no_client_cert$/);
      const expired = await alpha.issue({ ...client, notBefore: Date.now() - 2 * day, notAfter: Date.now() - day });
      assert.match((await ask(downstream, tls, expired)).response, /^HTTP\/1.1 403 [^]*expired$/);
      assert.equal((await ask(downstream, tls, await alpha.issue(client))).status, 200);
      assert.deepEqual(
        downstream.peers.items.map(({ identity, refused }) => [identity?.leaf.subject, refused?.code]),
        [
          [undefined, 'no_client_cert'],
          [undefined, 'expired'],
          ['CN=client', undefined],
        ],
      );
    });

    test('the record of a failure names the certificate, the names asked for and both versions', async () => {
      using downstream = await openA();
      const leaf = await alpha.issue({
        kind: 'server',
        cn: 'x\u001b[31m',
        sans: ['x.test', 'spiffe://example.org/x'],
        serial: '0abc',
      });
      await ask(downstream, tls, leaf);
      const record = await downstream.refusals.waitFor(() => true);
      assert.equal(record.code, 'wrong_purpose');
      assert.equal(record.raw, 'INVALID_PURPOSE');
      assert.deepEqual([record.serverName, record.policy], ['a.test', 'a']);
      assert.deepEqual([record.offered, record.negotiated], [[`TLSv${tls}`], `TLSv${tls}`]);
      assert.deepEqual([record.remoteAddress, record.localPort], ['127.0.0.1', downstream.port]);
      assert.equal(record.leaf?.subject, 'CN=x\\1B[31m');
      assert.deepEqual(record.leaf?.sans, ['DNS:x.test', 'URI:spiffe://example.org/x']);
      assert.equal(record.leaf?.serial, '0abc');
      assert.match(record.leaf?.sha256 ?? '', /^[0-9a-f]{64}$/);
    });

    test('the client is told which CAs are accepted: those of its policy, never the public roots', async () => {
      using downstream = await openEdge({
        policies: { a: { server, ca: [alpha.certPem, beta.certPem] }, b: { server } },
      });
      const asked = await ask(downstream, tls, await alpha.issue(client));
      assert.deepEqual(asked.acceptableCas, ['CN=alpha CA,O=Countersign Test', 'CN=beta CA,O=Countersign Test']);
      const open = await sClient({ port: downstream.port, servername: 'b.test', tls });
      assert.deepEqual([open.status, open.acceptableCas], [200, []]);
    });

    test('of an RSA and an ECDSA certificate the client gets the one that it can verify', async () => {
      const rsa = await serverCa.issue({ kind: 'server', cn: 'rsa', sans: ['a.test'], key: 'rsa' });
      const ec = await serverCa.issue({ kind: 'server', cn: 'ec', sans: ['a.test'] });
      using downstream = await openEdge({ policies: { a: { server: [rsa, ec] } } });
      for (const [algorithm, subject] of [
        ['RSA-PSS+SHA256:RSA+SHA256', 'CN=rsa'],
        ['ECDSA+SHA256', 'CN=ec'],
      ] as const) {
        const result = await sClient({
          port: downstream.port,
          servername: 'a.test',
          tls,
          args: ['-sigalgs', algorithm],
        });
        assert.equal(result.serverSubject, subject);
      }
    });
  });
}
