// A gateway whose certificate and whose clients' CA come from the PKI engine of OpenBao or Vault: what it asks for, by which login, and
// what it makes of a server that says no.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, afterEach, before, describe, it } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import type { SourceConfig } from '../../src/config/source-config.ts';
import { listSources } from '../../src/loading/list-sources.ts';
import { makeSource } from '../../src/sources/make-source.ts';
import type { Delivery, SourceProblem } from '../../src/sources/source.ts';
import { shownCertificate } from '../support/acme-stage.ts';
import { startBackend } from '../support/backend.ts';
import { curl } from '../support/curl.ts';
import { startGateway } from '../support/gateway.ts';
import { type Authority, openAuthority, openPki, type Pki } from '../support/pki.ts';
import { startVault, type StandInVault, type VaultReply } from '../support/vault.ts';

describe('OpenBao or Vault as a source', () => {
  let pki: Pki;
  let authority: Authority;
  let vault: StandInVault;

  before(async () => {
    pki = await openPki();
    authority = await openAuthority(pki.dir, 'mount');
    vault = await startVault(pki.dir, authority);
    vault.tokens.set('s.given', { ttl: 3600, renewable: true });
    pki.dir.write('token', 's.given\n');
    pki.dir.write('secret-id', 'secret\n');
    pki.dir.write('service-account', 'service-account');
  });
  after(() => {
    vault.close();
    pki.remove();
  });
  afterEach(() => {
    vault.intercept = undefined;
  });

  /** The settings as a file says them. */
  const configOf = async (keys: string): Promise<SourceConfig> => {
    const text = `gateway:\n  certificates:\n    - {id: edge, vault: {address: "${vault.address}", ca: ${vault.ca}, ${keys}}}\n  routes: [{name: a, path: /, target: "http://127.0.0.1:1"}]\n`;
    const { config, problems } = await loadConfig(
      { file: pki.dir.write('vault.yml', text) },
      { env: {}, strict: true },
    );
    assert.deepEqual(
      problems.filter(({ severity }) => severity === 'error'),
      [],
    );
    const [source] = config === undefined ? [] : listSources(config);
    assert.ok(source !== undefined);
    return source;
  };
  const host = { clock: systemClock, random: () => 0.5, env: {} };
  /** Whatever comes first of one attempt. */
  const attempt = async (keys: string): Promise<Delivery | SourceProblem> => {
    const source = await makeSource(await configOf(keys), host);
    return new Promise((resolve) => {
      source.open({ deliver: resolve, fail: resolve });
      source.renew();
    });
  };
  const refusal = async (keys: string): Promise<SourceProblem> => {
    const outcome = await attempt(keys);
    assert.ok('code' in outcome, 'it is refused');
    return outcome;
  };
  const edge = 'role: edge, commonName: a.test, sans: [b.test, 10.0.0.1, "spiffe://example.org/edge"]';

  it('has a request signed for a key that it keeps, by a token of a file', async () => {
    const from = vault.requests.length;
    const outcome = await attempt(`${edge}, ttl: 2h, namespace: team, auth: {tokenFile: token}`);
    assert.ok('pair' in outcome && outcome.pair !== undefined, JSON.stringify(outcome));
    const leaf = new X509Certificate(outcome.pair.certPem);
    assert.equal(leaf.subjectAltName, 'DNS:a.test, DNS:b.test, IP Address:10.0.0.1, URI:spiffe://example.org/edge');
    assert.ok(leaf.verify(new X509Certificate(authority.certPem).publicKey));
    const [, signed] = vault.requests.items.slice(from);
    assert.equal(signed?.path, '/v1/pki/sign/edge');
    assert.equal(signed.namespace, 'team');
    assert.equal(signed.body['ttl'], '7200s');
    assert.ok(!JSON.stringify(vault.requests.items).includes('PRIVATE KEY'), 'the key never travels');
  });

  for (const [login, auth] of [
    ['AppRole', 'approle: {roleId: role, secretIdFile: secret-id}'],
    ['the service account of Kubernetes', 'kubernetes: {role: edge, tokenFile: ./service-account}'],
    ['a client certificate', 'cert: {cert: mounted.crt, key: mounted.key}'],
  ] as const)
    it(`logs in by ${login}`, async () => {
      await authority.issueFiles('mounted', { kind: 'client', cn: 'edge' });
      const outcome = await attempt(`${edge}, auth: {${auth}}`);
      assert.ok('pair' in outcome, JSON.stringify(outcome));
    });

  it('logs in anew where its token was revoked, once, and asks for a longer life of one that may', async () => {
    const config = await configOf(`${edge}, auth: {approle: {roleId: role, secretId: secret}}`);
    const source = await makeSource(config, host);
    const results: (Delivery | SourceProblem)[] = [];
    let next: () => void = () => {};
    const heard = (one: Delivery | SourceProblem): void => {
      results.push(one);
      next();
    };
    source.open({ deliver: heard, fail: heard });
    const renew = async (): Promise<void> =>
      new Promise((resolve) => {
        next = resolve;
        source.renew();
      });
    await renew();
    vault.tokens.clear();
    vault.tokens.set('s.given', { ttl: 3600, renewable: true });
    const from = vault.requests.length;
    await renew();
    assert.ok(
      results.every((one) => 'pair' in one),
      JSON.stringify(results),
    );
    assert.deepEqual(
      vault.requests.items.slice(from).map(({ path }) => path),
      ['/v1/pki/sign/edge', '/v1/auth/approle/login', '/v1/pki/sign/edge'],
    );
    source.close();
  });

  it('says what a server means by its no', async () => {
    const said = async (reply: VaultReply): Promise<SourceProblem> => {
      vault.intercept = ({ path }) => (path.startsWith('/v1/pki/sign/') ? reply : undefined);
      return refusal(`${edge}, auth: {token: s.given}`);
    };
    const noRight = await said({ status: 403, body: { errors: ['1 error occurred:\n\t* permission denied\n\n'] } });
    assert.equal(noRight.code, 'vault_denied');
    assert.match(
      noRight.message,
      /^edge \(vault\): localhost:\d+: it allows no update of pki\/sign\/edge \(403\): 1 error occurred: \* permission denied$/,
    );
    assert.match(noRight.hint, /path "pki\/sign\/edge" \{ capabilities = \["update"\] \}/);
    assert.equal((await said({ status: 503, body: { errors: ['Vault is sealed'] } })).code, 'vault_sealed');
    assert.equal((await said({ status: 500, body: { errors: ['internal error'] } })).code, 'vault_failed');
    assert.equal((await said({ body: '<html>' })).code, 'vault_malformed');
    assert.equal((await said({ body: { data: {} } })).code, 'vault_malformed');
    vault.intercept = undefined;
    const name = await refusal('role: edge, commonName: forbidden.test, auth: {token: s.given}');
    assert.equal(name.code, 'vault_refused');
    assert.match(name.message, /forbidden\.test not allowed by this role/);
    assert.equal((await refusal('role: other, commonName: a.test, auth: {token: s.given}')).code, 'vault_missing');
    const secret = await refusal(`${edge}, auth: {token: s.wrong-token}`);
    assert.equal(secret.code, 'vault_denied');
    assert.ok(!JSON.stringify(secret).includes('s.wrong-token'));
  });

  it('takes no certificate that is not what was asked for', async () => {
    const { chainPem } = await authority.issue({ kind: 'server', sans: ['a.test'] });
    vault.intercept = ({ path }) =>
      path.startsWith('/v1/pki/sign/') ? { body: { data: { certificate: chainPem } } } : undefined;
    assert.equal((await refusal(`${edge}, auth: {token: s.given}`)).code, 'key_mismatch');
  });

  it('serves with it, and lets those in whom the CA of the mount vouches for', async () => {
    await using backend = await startBackend();
    const server = `address: "${vault.address}", ca: ${vault.ca}`;
    await using gateway = await startGateway({
      dir: pki.dir,
      yaml: `
gateway:
  certificates:
    - {id: edge, vault: {${server}, role: edge, commonName: a.test, auth: {tokenFile: token}}}
  caBundles:
    - {id: partners, vault: {${server}}}
  tls:
    certificateIds: [edge]
    clientAuth: {caBundles: [partners], required: true}
  routes:
    - {name: all, path: /, target: "http://127.0.0.1:${backend.port}"}
`,
    });
    const port = gateway.ports.webSecure;
    assert.equal((await shownCertificate(port, 'a.test')).subject.CN, 'a.test');
    const partner = await authority.issueFiles('partner', { kind: 'client', cn: 'partner' });
    const ask = async ({ cert, key }: { cert: string; key: string }): Promise<number> =>
      (await curl(`https://a.test:${port}/`, { ca: vault.ca, cert, key })).status;
    assert.equal(await ask(partner), 200);
    assert.notEqual(await ask(pki.alice), 200);
  });
});
