// Whom the backend side takes for the right backend: names that replace the host name, pins beside it, and connections that end when
// the certificate under them is no longer good. Against a real nginx.
import assert from 'node:assert/strict';
import { createPublicKey, hash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { SanRuleConfig } from '../../src/config/gateway-config.ts';
import { Cluster } from '../../src/upstream/cluster.ts';
import type { Pools } from '../../src/upstream/pools.ts';
import { digestMaterial, type TlsMaterial } from '../../src/upstream/tls-identity.ts';
import { whileValid } from '../support/brief-life.ts';
import { type Nginx, startNginx } from '../support/nginx.ts';
import { type CertFiles, openPki, type Pki } from '../support/pki.ts';
import { eventually } from '../support/wait-for.ts';
import {
  backendConfig,
  closePools,
  clusterOptions,
  faultOf,
  makeDependencies,
  material,
  openPools,
  TestCall,
  type TestDependencies,
} from './upstream-setup.ts';

after(closePools);

type Rules = Partial<NonNullable<TlsMaterial['rules']>>;
type Open = {
  setup: TestDependencies;
  pools: Pools;
  cluster: Cluster;
  call: (path?: string, fresh?: boolean) => TestCall;
};

function open(url: string, tls: TlsMaterial, setup = makeDependencies(), pools = openPools(setup)): Open {
  const cluster = new Cluster(clusterOptions([backendConfig(url)], tls), pools);
  const [backend] = cluster.backends;
  assert.ok(backend);
  return { setup, pools, cluster, call: (path = '/', fresh = false) => new TestCall(backend, { path, fresh }) };
}

const spiffe = (id: string): SanRuleConfig => ({ kind: 'spiffe', id, place: { file: 'test.yml', line: 1, col: 1 } });
const rulesOf = (rules: Rules): NonNullable<TlsMaterial['rules']> => ({
  allowedSANs: undefined,
  allowedFingerprints: undefined,
  allowedSPKI: undefined,
  ...rules,
});
const fingerprint = ({ der }: CertFiles): string => hash('sha256', der, 'hex');
const spki = ({ certPem }: CertFiles): string =>
  hash('sha256', createPublicKey(certPem).export({ type: 'spki', format: 'der' }), 'base64');
const versions = ['TLSv1.2', 'TLSv1.3'] as const;

test('a backend without a name is known by its common name only where that is asked for; pins count beside it', async () => {
  await using stack = new AsyncDisposableStack();
  const pki = stack.use(await openPki());
  const old = await pki.internal.issueFiles('old', { kind: 'server', cn: 'localhost', sans: [] });
  const nginx = stack.use(await startNginx({ tls: old }));
  const url = `https://localhost:${nginx.port}`;
  const tls = (more: Partial<TlsMaterial>): TlsMaterial => material(pki.internal.certPem, more);
  const byName = { nameCheck: 'commonName' } as const;
  assert.notEqual(digestMaterial(tls(byName)), digestMaterial(tls({})));
  for (const [what, more, code] of [
    ['asked for', byName, 'ok'],
    ['not asked for', {}, 'name_mismatch'],
    ['another name', { ...byName, serverName: 'other.test' }, 'name_mismatch'],
    ['its pin', { ...byName, rules: rulesOf({ allowedSPKI: [spki(old)] }) }, 'ok'],
    ['another pin', { ...byName, rules: rulesOf({ allowedSPKI: [spki(pki.backend)] }) }, 'pin_mismatch'],
  ] as const) {
    const { call } = open(url, tls(more));
    if (code === 'ok') assert.equal((await call().answer).status, 200, what);
    else assert.equal((await faultOf(call())).code, code, what);
  }
});

describe('a backend of a mesh, known by its SPIFFE ID alone', () => {
  let pki: Pki;
  let nginx: Nginx;
  let url: string;
  let mesh: CertFiles;
  const tls = (rules: Rules, more: Partial<TlsMaterial> = {}): TlsMaterial =>
    material(pki.internal.certPem, { client: pki.gateway, rules: rulesOf(rules), ...more });

  before(async () => {
    pki = await openPki();
    mesh = await pki.internal.issueFiles('mesh', {
      kind: 'server',
      subject: '',
      sans: ['spiffe://mesh.test/orders'],
    });
    nginx = await startNginx({ tls: mesh, clientCa: pki.internal.file });
    url = `https://localhost:${nginx.port}`;
  });
  after(async () => {
    await nginx.stop();
    pki.remove();
  });

  for (const maxVersion of versions) {
    test(`passes without a DNS name where its ID is allowed, on resumed sessions too (${maxVersion})`, async () => {
      const { setup, call } = open(url, tls({ allowedSANs: [spiffe('spiffe://mesh.test/orders')] }, { maxVersion }));
      assert.equal((await call().answer).status, 200);
      assert.equal((await call('/', true).answer).status, 200);
      const verdicts = setup.feed.items.flatMap((event) => (event.kind === 'connected' ? [event.verdict] : []));
      assert.deepEqual(
        verdicts.map((verdict) => [verdict?.code, verdict?.resumed]),
        [
          ['ok', false],
          ['ok', true],
        ],
      );
    });

    test(`is refused where another ID is asked for, before it sees a request (${maxVersion})`, async () => {
      const { call } = open(url, tls({ allowedSANs: [spiffe('spiffe://mesh.test/billing')] }, { maxVersion }));
      const fault = await faultOf(call('/must-not-arrive'));
      assert.deepEqual([fault.code, fault.source, fault.status], ['name_mismatch', 'backend', 502]);
      assert.ok(nginx.access().every(({ uri }) => uri !== '/must-not-arrive'));
    });
  }

  test('is refused where no rule replaces the check of the host name', async () => {
    assert.equal((await faultOf(open(url, tls({})).call())).code, 'name_mismatch');
  });

  test('two rules towards one address share neither connection nor session (incident 18)', async () => {
    const setup = makeDependencies();
    const pools = openPools(setup);
    const orders = open(url, tls({ allowedSANs: [spiffe('spiffe://mesh.test/orders')] }), setup, pools);
    const pinned = open(
      url,
      tls({ allowedSANs: [spiffe('spiffe://mesh.test/orders')], allowedFingerprints: [fingerprint(mesh)] }),
      setup,
      pools,
    );
    const billing = open(url, tls({ allowedSANs: [spiffe('spiffe://mesh.test/billing')] }), setup, pools);
    assert.equal((await orders.call().answer).status, 200);
    assert.equal((await pinned.call().answer).status, 200);
    // There is an idle connection to the very address: it is not theirs.
    assert.equal((await faultOf(billing.call())).code, 'name_mismatch');
    const verdicts = setup.feed.items.flatMap((event) => (event.kind === 'connected' ? [event.verdict?.resumed] : []));
    assert.deepEqual(verdicts, [false, false]);
    assert.equal(new Set(pools.list().map(({ identity }) => identity)).size, 3);
  });

  test('is found down by the health check for the same reason', async () => {
    const setup = makeDependencies();
    const options = clusterOptions([backendConfig(url)], tls({ allowedSANs: [spiffe('spiffe://mesh.test/billing')] }), {
      healthCheck: {
        path: '/',
        intervalMs: 60_000,
        timeoutMs: 5_000,
        healthyStatuses: [],
        healthyThreshold: 1,
        unhealthyThreshold: 1,
        host: undefined,
        headers: [],
      },
    });
    const pools = openPools(setup);
    const cluster = new Cluster(options, pools);
    pools.beginChecks();
    const event = await setup.feed.waitFor(({ kind }) => kind === 'health');
    assert.ok(event.kind === 'health');
    assert.deepEqual([event.state.healthy, event.state.reason?.code], [false, 'name_mismatch']);
    cluster.close();
  });
});

describe('a backend with a host name', () => {
  let pki: Pki;
  let nginx: Nginx;
  let url: string;
  const tls = (rules: Rules, more: Partial<TlsMaterial> = {}): TlsMaterial =>
    material(pki.internal.certPem, { client: pki.gateway, rules: rulesOf(rules), ...more });

  before(async () => {
    pki = await openPki();
    nginx = await startNginx({ tls: pki.backend, clientCa: pki.internal.file });
    url = `https://localhost:${nginx.port}`;
  });
  after(async () => {
    await nginx.stop();
    pki.remove();
  });

  test('is refused where rules on names replace the host name and none of them fits', async () => {
    const { call } = open(url, tls({ allowedSANs: [spiffe('spiffe://mesh.test/orders')] }));
    assert.equal((await faultOf(call())).code, 'name_mismatch');
  });

  for (const maxVersion of versions) {
    test(`passes with its fingerprint or its key pinned, and with no other (${maxVersion})`, async () => {
      const wrong = [fingerprint(pki.gateway)];
      for (const rules of [
        { allowedFingerprints: [fingerprint(pki.backend)] },
        { allowedSPKI: [spki(pki.backend)] },
        { allowedFingerprints: wrong, allowedSPKI: [spki(pki.backend)] },
      ]) {
        assert.equal((await open(url, tls(rules, { maxVersion })).call().answer).status, 200);
      }
      for (const rules of [{ allowedFingerprints: wrong }, { allowedSPKI: [spki(pki.gateway)] }]) {
        const fault = await faultOf(open(url, tls(rules, { maxVersion })).call());
        assert.deepEqual([fault.code, fault.status], ['pin_mismatch', 502]);
      }
    });
  }

  test('must have its name besides its pin', async () => {
    const rules = { allowedFingerprints: [fingerprint(pki.backend)] };
    assert.equal((await faultOf(open(url, tls(rules, { serverName: 'other.test' })).call())).code, 'name_mismatch');
  });

  test('is nobody without an anchor, whatever is pinned', async () => {
    const pinned = material(pki.servers.certPem, {
      rules: rulesOf({ allowedFingerprints: [fingerprint(pki.backend)] }),
    });
    assert.equal((await faultOf(open(url, pinned).call())).code, 'untrusted_issuer');
  });

  test('everything that decides trust is in the digest, and only that', () => {
    const base = tls({});
    const crl = { key: 'a', settings: { onMissing: 'deny', onStale: 'deny', scope: 'leaf' }, crls: [] } as const;
    const all: TlsMaterial[] = [
      base,
      tls({ allowedSANs: [spiffe('spiffe://mesh.test/a')] }),
      tls({ allowedSANs: [spiffe('spiffe://mesh.test/b')] }),
      tls({ allowedFingerprints: ['00'] }),
      tls({ allowedSPKI: ['00'] }),
      { ...base, crl },
      { ...base, crl: { ...crl, key: 'b' } },
      { ...base, crl: { ...crl, settings: { ...crl.settings, onStale: 'allow' } } },
    ];
    assert.equal(new Set(all.map((one) => digestMaterial(one))).size, all.length);
    const { rules: _none, ...without } = base;
    assert.equal(digestMaterial(without), digestMaterial(base));
  });
});

describe('a connection whose certificate expires', () => {
  let pki: Pki;
  before(async () => {
    pki = await openPki();
  });
  after(() => pki.remove());

  test('is closed while it is idle, and carries no further request', async () => {
    await using stack = new AsyncDisposableStack();
    const { pool, call, end } = await whileValid(3, async (notAfter) => {
      const brief = await pki.internal.issueFiles('brief', { kind: 'server', sans: ['localhost'], notAfter });
      const nginx = stack.use(await startNginx({ tls: brief, clientCa: pki.internal.file }));
      const opened = open(`https://localhost:${nginx.port}`, material(pki.internal.certPem, { client: pki.gateway }));
      const first = opened.call();
      assert.equal((await first.answer).status, 200);
      const [only] = opened.pools.list();
      assert.ok(only !== undefined && first.call !== undefined);
      return { pool: only, call: opened.call, end: notAfter };
    });
    await eventually(() => pool.counts.idle === 0, { what: 'the idle connection to be closed' });
    assert.ok(Date.now() > end - 500, 'it was ended before its time');
    await eventually(() => Date.now() > end, { what: 'the certificate to expire' });
    assert.equal((await faultOf(call())).code, 'expired');
  });
});
