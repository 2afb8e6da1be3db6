// The certificates that we send with our own, as a server and as a client, beside what nginx and openssl make of the same file.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Issued, mintCa, type TestCa } from '../../src/certs/test-ca.ts';
import { checkClientPair, checkServerPair } from '../../src/trust/certificate-pair.ts';
import { Cluster } from '../../src/upstream/cluster.ts';
import { curl } from '../support/curl.ts';
import { accepts, findFreePort } from '../support/free-port.ts';
import { startNginx } from '../support/nginx.ts';
import { sClient } from '../support/openssl.ts';
import { startProcess } from '../support/owned-process.ts';
import { requireCommand } from '../support/peers.ts';
import { openTempDir } from '../support/temp.ts';
import { eventually } from '../support/wait-for.ts';
import { openEdge } from './tls-edge.ts';
import {
  type Answer,
  backendConfig,
  closePools,
  clusterOptions,
  makeDependencies,
  material,
  openPools,
  TestCall,
} from './upstream-setup.ts';

const dir = openTempDir('own-chain');
after(closePools);
after(() => dir.remove());

const past = { notBefore: Date.now() - 2_000_000, notAfter: Date.now() - 1_000_000 };
let one: TestCa;
let other: TestCa;
let roots: readonly TestCa[];
/** What stands in the file above a leaf of `by`. OpenSSL tries one way, the first of them; others try all. */
type File = { readonly title: string; readonly above: string; readonly by: TestCa; readonly first: TestCa };
let files: readonly File[];

before(async () => {
  one = await mintCa({ cn: 'one root' });
  other = await mintCa({ cn: 'other root' });
  roots = [one, other];
  const old = await one.issueCa({ cn: 'issuing', ...past });
  const again = (by: TestCa): Promise<TestCa> => by.issueCa({ cn: 'issuing', keyPem: old.keyPem });
  const [renewed, crossed] = [await again(one), await again(other)];
  const text = (...cas: TestCa[]): string => cas.map(({ certPem }) => certPem).join('');
  files = [
    { title: 'an expired intermediate before the renewed one', above: text(old, renewed), by: old, first: one },
    { title: 'the renewed one before the expired', above: text(renewed, old), by: old, first: one },
    { title: 'two cross-certificates', above: text(renewed, crossed), by: old, first: one },
    { title: 'all of them, and a root', above: text(old, crossed, one, renewed), by: old, first: other },
  ];
});

/** Certificates on the wire, as `openssl s_client -showcerts` prints them. */
function countSent(output: string): number {
  return output.match(/^ *\d+ s:/gm)?.length ?? 0;
}

test('a server certificate satisfies who is satisfied by what nginx makes of its file', async () => {
  for (const { title, above, by, first } of files) {
    const leaf = await by.issue({ kind: 'server', sans: ['localhost'] });
    const pem = leaf.certPem + above;
    const { chainPem } = checkServerPair(pem, leaf.keyPem, { now: Date.now() });
    assert.ok(chainPem !== undefined, title);
    using edge = await openEdge({ policies: { a: { server: { ...leaf, chainPem }, hosts: ['localhost'] } } });
    await using nginx = await startNginx({
      tls: { cert: dir.write('server.crt', pem), key: dir.write('server.key', leaf.keyPem) },
    });
    for (const root of roots) {
      const ca = dir.write('root.crt', root.certPem);
      const [ours, theirs] = await Promise.all(
        [edge.port, nginx.port].map(async (port) => sClient({ port, ca, args: ['-showcerts'] })),
      );
      assert.equal(ours?.verifyCode === 0, root === first, `${title}: ${ours?.output}`);
      assert.equal(ours?.verifyCode, theirs?.verifyCode, title);
      assert.ok(countSent(ours?.output ?? '') <= countSent(theirs?.output ?? ''), title);
    }
  }
});

test('a client certificate satisfies backends as with openssl', async () => {
  const { chainPem: backend, keyPem } = await one.issue({ kind: 'server', sans: ['localhost'] });
  const tls = { cert: dir.write('backend.crt', backend), key: dir.write('backend.key', keyPem) };
  await using first = await startNginx({ tls, clientCa: dir.write('one.crt', one.certPem) });
  await using second = await startNginx({ tls, clientCa: dir.write('other.crt', other.certPem) });
  for (const { title, above, by, first: accepts } of files) {
    const leaf = await by.issue({ kind: 'client', cn: 'gateway' });
    const as = { cert: dir.write('client.crt', leaf.certPem), key: dir.write('client.key', leaf.keyPem) };
    const chain = dir.write('chain.crt', above);
    for (const [root, { port }] of [
      [one, first],
      [other, second],
    ] as const) {
      const { status } = await call(port, leaf, above);
      assert.equal(status, root === accepts ? 200 : 400, title);
      assert.equal(status, (await sClient({ port, ...as, chain })).status, title);
    }
  }
});

/** A request to a backend that shows a certificate of `one`, as the client `leaf` with `above`. */
async function call(port: number, leaf: Issued, above: string): Promise<Answer> {
  const { chainPem, keyPem } = checkClientPair(leaf.certPem + above, leaf.keyPem, { now: Date.now() });
  assert.ok(chainPem !== undefined && keyPem !== undefined);
  const pools = openPools(makeDependencies());
  const tls = material(one.certPem, { client: { chainPem, keyPem } });
  const [backend] = new Cluster(clusterOptions([backendConfig(`https://localhost:${port}`)], tls), pools).backends;
  if (backend === undefined) assert.fail('no backend');
  try {
    return await new TestCall(backend).answer;
  } finally {
    pools.close();
  }
}

test('who tries all ways (Go: Caddy) is satisfied by both of two cross-certificates, on both sides', async () => {
  const [, , crossed] = files;
  if (crossed === undefined) assert.fail('no file');
  const { above, by } = crossed;
  const leaf = await by.issue({ kind: 'both', cn: 'us', sans: ['localhost'] });
  const { chainPem } = checkServerPair(leaf.certPem + above, leaf.keyPem, { now: Date.now() });
  assert.ok(chainPem !== undefined);
  using edge = await openEdge({ policies: { a: { server: { ...leaf, chainPem }, hosts: ['localhost'] } } });
  const backend = await one.issue({ kind: 'server', sans: ['localhost'] });
  const shown = `${dir.write('caddy.crt', backend.chainPem)} ${dir.write('caddy.key', backend.keyPem)}`;
  const ports = await Promise.all(roots.flatMap(() => [findFreePort(), findFreePort()]));
  const sites = roots.map((root, at) => {
    const ca = dir.write(`caddy-${at}.crt`, root.certPem);
    return `http://127.0.0.1:${ports[2 * at]} {
      reverse_proxy https://127.0.0.1:${edge.port} {
        header_up Host localhost
        transport http {
          tls_server_name localhost
          tls_trusted_ca_certs ${ca}
        }
      }
    }
    https://localhost:${ports[2 * at + 1]} {
      bind 127.0.0.1
      tls ${shown} {
        client_auth {
          mode require_and_verify
          trusted_ca_cert_file ${ca}
        }
      }
      respond ok
    }`;
  });
  const file = dir.write('Caddyfile', `{\n admin off\n auto_https off\n}\n${sites.join('\n')}\n`);
  const env = { HOME: dir.path, XDG_CONFIG_HOME: dir.path, XDG_DATA_HOME: dir.path };
  await using caddy = await startProcess(requireCommand('caddy'), ['run', '--config', file, '--adapter', 'caddyfile'], {
    name: 'caddy',
    env,
  });
  const areUp = async (): Promise<boolean> => (await Promise.all(ports.map(accepts))).every(Boolean);
  await eventually(async () => caddy.exit() !== undefined || areUp(), { what: `caddy\n${caddy.lines.tail()}` });
  for (const at of roots.keys()) {
    const answer = await curl(`http://127.0.0.1:${ports[2 * at]}/`);
    assert.equal(answer.status, 200, caddy.lines.tail());
    assert.equal((await call(ports[2 * at + 1] ?? 0, leaf, above)).status, 200, caddy.lines.tail());
  }
});
