// Anchors that are no roots of the ordinary kind, on both sides: a self-signed certificate that is no CA vouches for itself and for
// nobody else, an intermediate for what is below it. Real `openssl s_client` as client, Node and nginx as backends.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { encodeDer } from '../../src/asn1/der-writer.ts';
import { type Issued, mintCa, type TestCa } from '../../src/certs/test-ca.ts';
import { AnchorSet } from '../../src/trust/anchor-set.ts';
import { TrustBundle } from '../../src/trust/trust-bundle.ts';
import { Cluster } from '../../src/upstream/cluster.ts';
import { TlsIdentity } from '../../src/upstream/tls-identity.ts';
import { startBackend } from '../support/backend.ts';
import { startNginx } from '../support/nginx.ts';
import { sClient } from '../support/openssl.ts';
import { openTempDir } from '../support/temp.ts';
import { type Edge, openEdge } from './tls-edge.ts';
import {
  backendConfig,
  closePools,
  clusterOptions,
  makeDependencies,
  material,
  openPools,
  TestCall,
} from './upstream-setup.ts';

const dir = openTempDir('odd-anchors');
after(closePools);
after(() => dir.remove());

const noCa = { oid: '2.5.29.19', value: Buffer.from('3000', 'hex') };
const noUsage = { oid: '2.5.29.15', value: undefined };
/** digitalSignature alone. */
const mayNotSign = { oid: '2.5.29.15', critical: true, value: Buffer.from('03020780', 'hex') };
const bothPurposes = { oid: '2.5.29.37', value: Buffer.from('301406082b0601050507030106082b06010505070302', 'hex') };
const sans = { oid: '2.5.29.17', value: encodeDer(0x30, encodeDer(0x82, Buffer.from('localhost'))) };
/** As keytool and .NET write them, and as `openssl req -x509` does with `basicConstraints=CA:FALSE`. */
const kinds = { bare: [noCa, noUsage, sans], marked: [noCa, mayNotSign, bothPurposes, sans] } as const;

let root: TestCa;
let issuing: TestCa;
before(async () => {
  root = await mintCa({ cn: 'root' });
  issuing = await root.issueCa({ cn: 'issuing' });
});

describe('a client with a self-signed certificate', () => {
  let files = 0;
  async function ask(
    edge: Edge,
    tls: '1.2' | '1.3',
    who: Issued,
    session: { sessionIn?: string; sessionOut?: string } = {},
  ) {
    files += 1;
    const from = edge.outcomes.length;
    const [cert, key] = [dir.write(`${files}.crt`, who.certPem), dir.write(`${files}.key`, who.keyPem)];
    const { reused } = await sClient({ port: edge.port, servername: 'a.test', tls, cert, key, ...session });
    const { code } = await edge.outcomes.waitFor(() => true, { from });
    return `${code}${reused ? ' resumed' : ''}`;
  }

  for (const tls of ['1.2', '1.3'] as const)
    test(`is let in where that very certificate is an anchor, and nobody else for its sake (TLS ${tls})`, async () => {
      const server = await root.issue({ kind: 'server', sans: ['a.test'] });
      for (const [kind, extensions] of Object.entries(kinds)) {
        const self = await mintCa({ cn: 'self', extensions });
        const namesake = await mintCa({ cn: 'self', extensions });
        const issued = await self.issue({ kind: 'client', cn: 'issued' });
        using edge = await openEdge({ policies: { a: { server, ca: [self.certPem, root.certPem] } } });
        const saved = dir.write(`${kind}-${tls}.pem`, '');
        assert.equal(await ask(edge, tls, self, { sessionOut: saved }), 'ok', kind);
        assert.equal(await ask(edge, tls, self, { sessionIn: saved }), 'ok resumed', kind);
        for (const other of [namesake, issued])
          assert.match(await ask(edge, tls, other), /^(untrusted_issuer|malformed_cert)$/, kind);
        assert.equal(await ask(edge, tls, await root.issue({ kind: 'client', cn: 'client' })), 'ok', kind);
        edge.replace({ a: { server, ca: root.certPem } });
        assert.equal(await ask(edge, tls, self), 'untrusted_issuer', kind);
      }
    });
});

/** What a request to a backend ends in, where the backend shows `who` and we trust `anchors`. */
async function call(
  port: number,
  anchors: readonly Issued[],
  partialChain?: boolean,
  maxVersion: 'TLSv1.2' | 'TLSv1.3' = 'TLSv1.3',
) {
  const { bundle } = TrustBundle.parse(anchors.map(({ certPem }) => certPem).join(''));
  assert.ok(bundle !== undefined);
  const pools = openPools(makeDependencies());
  const tls = material(root.certPem, { anchors: AnchorSet.of(bundle, partialChain), maxVersion });
  const [backend] = new Cluster(clusterOptions([backendConfig(`https://localhost:${port}`)], tls), pools).backends;
  assert.ok(backend);
  const answers: string[] = [];
  // The second on a new connection, which resumes the session of the first.
  for (const fresh of [false, true])
    await new TestCall(backend, { fresh }).answer.then(
      ({ status }) => answers.push(String(status)),
      ({ code }: { code: string }) => answers.push(code),
    );
  pools.close();
  return [...new Set(answers)].join();
}

describe('a backend', () => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const)
    test(`with a self-signed certificate is known by it alone (${maxVersion})`, async () => {
      for (const [kind, extensions] of Object.entries(kinds)) {
        const self = await mintCa({ cn: 'self', extensions });
        const namesake = await mintCa({ cn: 'self', extensions });
        const issued = await self.issue({ kind: 'server', sans: ['localhost'] });
        const shows = async (who: Issued): Promise<string> => {
          await using backend = await startBackend({ tls: { cert: who.certPem, key: who.keyPem } });
          return await call(backend.port, [self, root], undefined, maxVersion);
        };
        assert.equal(await shows(self), '200', kind);
        for (const other of [namesake, issued])
          assert.match(await shows(other), /^(untrusted_issuer|malformed_cert)$/, kind);
        const elsewhere = await mintCa({ cn: 'self', extensions: extensions.filter(({ oid }) => oid !== sans.oid) });
        await using backend = await startBackend({ tls: { cert: elsewhere.certPem, key: elsewhere.keyPem } });
        assert.equal(await call(backend.port, [elsewhere], undefined, maxVersion), 'name_mismatch', kind);
      }
    });

  test('below an intermediate that is the only CA passes, as a client does, whatever it sends', async () => {
    const leaf = await issuing.issue({ kind: 'server', sans: ['localhost'] });
    const sibling = await (await root.issueCa({ cn: 'sibling' })).issue({ kind: 'server', sans: ['localhost'] });
    const direct = await root.issue({ kind: 'server', sans: ['localhost'] });
    const key = dir.write('leaf.key', leaf.keyPem);
    for (const sent of [leaf.certPem, leaf.chainPem, leaf.chainPem + root.certPem]) {
      await using nginx = await startNginx({ tls: { cert: dir.write('leaf.crt', sent), key } });
      assert.equal(await call(nginx.port, [issuing]), '200');
      assert.equal(await call(nginx.port, [issuing], true), '200');
      assert.equal(await call(nginx.port, [issuing], false), 'untrusted_issuer');
    }
    for (const other of [sibling, direct]) {
      await using backend = await startBackend({ tls: { cert: other.chainPem, key: other.keyPem } });
      assert.equal(await call(backend.port, [issuing]), 'untrusted_issuer');
    }
  });

  test('is another identity where its intermediates are anchors', () => {
    const { bundle } = TrustBundle.parse(root.certPem + issuing.certPem);
    assert.ok(bundle !== undefined);
    const digests = [undefined, true, false].map(
      (asked) => new TlsIdentity(material(root.certPem, { anchors: AnchorSet.of(bundle, asked) })).digest,
    );
    assert.deepEqual([new Set(digests).size, digests[0]], [2, digests[2]]);
  });
});
