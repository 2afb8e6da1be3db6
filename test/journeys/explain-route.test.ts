// `countersign explain route`: the way that the gateway would tell, before it happens.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { explainRouteCommand } from '../../src/cli/explain-route.ts';
import { runCheck, runHere } from '../support/cli.ts';
import { serialOf, writeCrl } from '../support/crls.ts';
import { openAuthority, openPki, type Pki } from '../support/pki.ts';
import { openTempDir } from '../support/temp.ts';

const yaml = `version: 2
gateway:
  routes:
    - {name: api, path: /api, hosts: [localhost], methods: [GET], rewrite: /v2, target: "https://a.test:8443"}
    - {name: all, path: /, target: "http://c.test", middlewares: [admin]}
middlewares:
  - {name: admin, type: access, paths: [/admin/*]}
`;

async function explain(...args: string[]): Promise<{ out: string; err: string; code: number }> {
  using dir = openTempDir('explain');
  const config = dir.write('gateway.yml', yaml);
  const run = await runHere(explainRouteCommand, [...args, '--config', config]);
  return { out: run.stdout, err: run.stderr, code: run.code };
}

describe('explain route', () => {
  it('names policy, route and the path that the backend gets', async () => {
    const { out, code } = await explain('GET', 'https://localhost/api/x?q=1');
    assert.equal(code, 0);
    assert.match(out, /policy {3}gateway \(no client certificate\)/);
    assert.match(out, /route {4}api {2}\(.*gateway\.yml:4\)/);
    assert.match(out, /backend {2}https:\/\/a\.test:8443\/v2\/x/);
    assert.match(out, /not {6}all: its path is less specific \(than api\)/);
  });

  it('says which filters are about the path', async () => {
    assert.match((await explain('GET', 'https://localhost/Admin/x')).out, /filter {3}admin {2}\(access\)\n/);
    assert.match((await explain('GET', 'https://localhost/b')).out, /filter {3}admin {2}\(access, not for this path\)/);
  });

  it('says 405 where only the method is wrong, and 400 where the path is ambiguous', async () => {
    assert.match((await explain('POST', 'https://localhost/api/x')).out, /answer {3}405 method_not_allowed/);
    assert.match((await explain('GET', 'https://localhost/a/%2e%2e/b')).out, /answer {3}400 ambiguous_path: /);
  });

  it('merges slashes as the gateway does, and names the route that another spelling belongs to', async () => {
    assert.match(
      (await explain('GET', 'https://localhost//api//x')).out,
      /path {5}\/api\/x {2}\(normalised from \/\/api\/\/x\)/,
    );
    const { out } = await explain('GET', 'https://localhost/API/x');
    assert.match(out, /answer {3}400 ambiguous_path: it selects route all, but read as "\/api\/x" route api/);
    assert.doesNotMatch(out, /backend/);
    assert.match((await explain('GET', 'https://localhost/Apis/x')).out, /route {4}all/);
  });

  it('refuses what is no URL with one line', async () => {
    const { err, code } = await explain('GET', 'localhost');
    assert.equal(code, 2);
    assert.equal(err, 'localhost: not a URL; write it as https://host/path\n');
  });
});

describe('explain route --cert', () => {
  const config = (port: string): string => `version: 2
gateway:
  tls:
    certificates: [{cert: edge.crt, key: edge.key}]
    clientAuth:
      clientCA: [clients-ca.crt, issuing.crt]
      required: false
      allowedSANs: [{type: URI, prefix: "spiffe://example.org/"}]
      minKeyBits: {ec: 256}
    policies: [{name: open, hosts: [b.test]}]
  routes:
    - {name: all, path: /, hosts: [a.test, b.test], target: "http://127.0.0.1:${port}"}
    - {name: admin, path: /admin, hosts: [a.test], target: "http://127.0.0.1:${port}", security: {clientCert: {allow: [{spiffe: spiffe://example.org/admin}]}}}
`;

  async function ask(pki: Pki, url: string, cert?: string): Promise<{ out: string; err: string; code: number }> {
    const file = pki.dir.write('gateway.yml', config('1'));
    const args = ['GET', url, '--config', file, ...(cert === undefined ? [] : ['--cert', cert])];
    const run = await runHere(explainRouteCommand, args);
    return { out: run.stdout, err: run.stderr, code: run.code };
  }

  it('says what the policy and the route ask for, and what becomes of the certificate at each', async () => {
    using pki = await openPki();
    const issuing = await pki.clients.issueCa({ cn: 'Issuing' });
    pki.dir.write('issuing.crt', issuing.certPem);
    const admin = await issuing.issue({ kind: 'client', cn: 'admin', sans: ['spiffe://example.org/admin'] });
    pki.dir.write('admin.crt', admin.certPem);
    const bob = await pki.clients.issue({ kind: 'client', cn: 'bob', sans: ['spiffe://example.com/bob'] });
    pki.dir.write('bob.crt', bob.certPem);

    const nobody = await ask(pki, 'https://a.test/admin');
    assert.equal(nobody.code, 0, nobody.err);
    assert.match(nobody.out, /policy {3}gateway \(client certificate optional\)/);
    assert.match(
      nobody.out,
      /asks {5}issued by "CN=clients CA,O=Countersign Test"\n/,
      'an intermediate beside its root is no anchor',
    );
    assert.match(nobody.out, /asks {5}a name: URI prefix "spiffe:\/\/example\.org\/"/);
    assert.match(nobody.out, /rule {5}a client certificate that carries spiffe "spiffe:\/\/example\.org\/admin"/);
    assert.doesNotMatch(nobody.out, /client {3}"/);

    const passes = await ask(pki, 'https://a.test/admin', pki.dir.file('admin.crt'));
    assert.match(passes.out, /client {3}"CN=admin" \(URI:spiffe:\/\/example\.org\/admin\): passes/);
    assert.match(passes.out, /rule {5}allows it/);

    const alice = await ask(pki, 'https://a.test/admin', pki.alice.cert);
    assert.match(alice.out, /client {3}"CN=alice".*: passes/);
    assert.match(
      alice.out,
      /rule {5}403 policy_denied: the certificate carries URI:spiffe:\/\/example\.org\/alice; the route allows/,
    );

    // As the handshake, which OpenSSL decides: any usage does not stand for this one.
    const any = [{ oid: '2.5.29.37', value: Buffer.from('30060604551d2500', 'hex') }];
    const wide = await pki.clients.issueFiles('wide', {
      kind: 'client',
      sans: ['spiffe://example.org/w'],
      extensions: any,
    });
    const refusedWide = await ask(pki, 'https://a.test/', wide.cert);
    assert.equal(refusedWide.code, 1);
    assert.match(refusedWide.out, /refused with wrong_purpose: .*lacks clientAuth \(anyExtendedKeyUsage/);

    const refused = await ask(pki, 'https://a.test/admin', pki.dir.file('bob.crt'));
    assert.match(
      refused.out,
      /client {3}"CN=bob".*: refused with name_mismatch: it carries URI:spiffe:\/\/example\.com\/bob; allowed/,
    );
    assert.doesNotMatch(refused.out, /policy_denied/);

    const stranger = await ask(pki, 'https://a.test/', pki.stranger.cert);
    assert.match(stranger.out, /client {3}"CN=alice".*: refused with \w+: /);
    assert.equal(stranger.code, 1);
    const open = await ask(pki, 'https://b.test/', pki.alice.cert);
    assert.match(open.out, /client {3}"CN=alice".*: not asked for, so anonymous/);
    const plain = await ask(pki, 'http://a.test/admin', pki.dir.file('admin.crt'));
    assert.match(plain.out, /cannot be shown over plain HTTP/);
    assert.match(plain.out, /answer {3}308 to https: the route requires a client certificate/);
  });

  it('takes a trust domain for what it is', async () => {
    using pki = await openPki();
    const [prod, dev] = await Promise.all([openAuthority(pki.dir, 'prod'), openAuthority(pki.dir, 'dev')]);
    const sans = ['spiffe://prod.example.org/api'];
    const [good, forged] = await Promise.all([
      prod.issueFiles('good', { kind: 'client', sans }),
      dev.issueFiles('forged', { kind: 'client', sans }),
    ]);
    const file = pki.dir.write(
      'mesh.yml',
      `version: 2
gateway:
  tls:
    certificates: [{cert: edge.crt, key: edge.key}]
    clientAuth:
      required: true
      spiffe: {trustDomains: [prod.example.org, dev.example.org], bundles: {prod.example.org: prod-ca.crt, dev.example.org: dev-ca.crt}}
  routes: [{name: all, path: /, hosts: [a.test], target: "http://127.0.0.1:1"}]
`,
    );
    const args = ['GET', 'https://a.test/', '--config', file, '--cert'];
    const passes = await runHere(explainRouteCommand, [...args, good.cert]);
    assert.match(
      passes.stdout,
      /asks {5}a SPIFFE ID of prod\.example\.org \(own bundle\), dev\.example\.org \(own bundle\)/,
    );
    assert.match(passes.stdout, /: passes/);
    const refused = await runHere(explainRouteCommand, [...args, forged.cert]);
    assert.match(
      refused.stdout,
      /refused with untrusted_issuer: only the CAs of its trust domain prod\.example\.org may issue it/,
    );
  });

  it('refuses a file that holds no certificate with one line', async () => {
    using pki = await openPki();
    pki.dir.write('issuing.crt', pki.clients.certPem);
    for (const [cert, why] of [
      [pki.alice.key, /holds no certificate|no CERTIFICATE|private key/i],
      [pki.dir.file('nowhere.crt'), /nowhere\.crt/],
      [pki.dir.write('broken.crt', pki.alice.certPem.replace(/[A-Za-z]{8}/, '!!!!')), /broken\.crt/],
    ] as const) {
      const { err, out, code } = await ask(pki, 'https://a.test/', cert);
      assert.deepEqual([code, out], [2, '']);
      assert.match(err, why);
    }
  });

  it('asks the CRLs that the policy has: revoked, good, and where the only one is out of date everybody is refused', async () => {
    using pki = await openPki();
    const bob = await pki.clients.issueFiles('bob', { kind: 'client', cn: 'bob', sans: ['spiffe://example.org/bob'] });
    writeCrl(pki.dir, 'clients.crl', pki.clients, { revoked: [{ serial: serialOf(bob) }] });
    const late = Date.now() - 9 * 86_400_000;
    writeCrl(pki.dir, 'old.crl', pki.clients, { thisUpdate: late, nextUpdate: late + 86_400_000 });
    const withCrl = (name: string): string =>
      pki.dir.write(
        `${name}.yml`,
        `version: 2
gateway:
  tls:
    certificates: [{cert: edge.crt, key: edge.key}]
    clientAuth: {clientCA: clients-ca.crt, required: true, crl: {sources: [${name}.crl]}}
  routes: [{name: all, path: /, hosts: [a.test], target: "http://127.0.0.1:1"}]
`,
      );
    const askAbout = (name: string, cert: string, ...more: string[]) =>
      runHere(explainRouteCommand, ['GET', 'https://a.test/', '--config', withCrl(name), '--cert', cert, ...more]);
    const good = await askAbout('clients', pki.alice.cert);
    assert.deepEqual([good.code, /: passes$/m.test(good.stdout)], [0, true], good.stdout);
    const revoked = await askAbout('clients', bob.cert);
    assert.equal(revoked.code, 1);
    assert.match(revoked.stdout, /"CN=bob".*: refused with revoked: serial .* was revoked on/);
    const stale = await askAbout('old', pki.alice.cert, '--json');
    assert.equal(stale.code, 1);
    const json = JSON.parse(stale.stdout) as { answer: { code: string }; reachesBackend: boolean; client: object };
    assert.deepEqual([json.reachesBackend, json.answer.code], [false, 'crl_stale']);
    assert.partialDeepStrictEqual(json, {
      policy: 'gateway',
      client: { subject: 'CN=alice', code: 'crl_stale' },
      route: { name: 'all', line: 6 },
      backends: [{ url: 'http://127.0.0.1:1/' }],
    });
    const checked = await runCheck(['--config', withCrl('old')]);
    assert.equal(checked.code, 0);
    assert.match(
      checked.stdout,
      /old\.crl .*is out of date: policy gateway refuses everybody whom "CN=clients CA,.*" vouches/,
    );
    assert.match(checked.stdout, /old\.yml: usable, but it refuses whole CAs, see the warnings about CRLs, 0 errors/);
    assert.match((await runCheck(['--config', withCrl('clients')])).stdout, /clients\.yml: ok, 0 errors/);
  });
});
