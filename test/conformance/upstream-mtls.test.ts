// backend side against a real nginx that verifies client certificates.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { mintCa } from '../../src/certs/test-ca.ts';
import { Cluster } from '../../src/upstream/cluster.ts';
import { classifyNginxRefusal } from '../../src/upstream/nginx-refusal.ts';
import type { Pools } from '../../src/upstream/pools.ts';
import type { TlsMaterial } from '../../src/upstream/tls-identity.ts';
import { type Nginx, readEcho, startNginx } from '../support/nginx.ts';
import { openPki, type Pki } from '../support/pki.ts';
import {
  backendConfig,
  closePools,
  clusterOptions,
  faultOf,
  makeDependencies,
  openPools,
  material,
  TestCall,
  type TestDependencies,
} from './upstream-setup.ts';

after(closePools);

function open(
  url: string,
  tls: TlsMaterial,
): { setup: TestDependencies; pools: Pools; call: (path?: string, fresh?: boolean) => TestCall } {
  const setup = makeDependencies();
  const pools = openPools(setup);
  const cluster = new Cluster(clusterOptions([backendConfig(url)], tls), pools);
  const backend = cluster.backends[0];
  if (backend === undefined) throw new Error('no backend');
  return { setup, pools, call: (path = '/', fresh = false) => new TestCall(backend, { path, fresh }) };
}

describe('leg 2 towards nginx with ssl_verify_client on', () => {
  let pki: Pki;
  let nginx: Nginx;
  let url: string;

  before(async () => {
    pki = await openPki();
    nginx = await startNginx({ tls: pki.backend, clientCa: pki.internal.file });
    url = `https://localhost:${nginx.port}`;
  });
  after(async () => {
    await nginx.stop();
    pki.remove();
  });

  test('a request passes with our certificate, with SNI and an ok verdict', async () => {
    const { setup, pools, call } = open(url, material(pki.internal.certPem, { client: pki.gateway }));
    const answer = await call('/hello').answer;
    assert.equal(answer.status, 200);
    const echo = readEcho(answer.body);
    assert.equal(echo['ssl_client_verify'], 'SUCCESS');
    assert.equal(echo['ssl_server_name'], 'localhost');
    assert.equal(echo['ssl_protocol'], 'TLSv1.3');
    const connected = await setup.feed.waitFor((event) => event.kind === 'connected');
    assert.ok(connected.kind === 'connected');
    assert.equal(connected.verdict?.code, 'ok');
    assert.deepEqual(connected.verdict?.leaf?.der, pki.backend.der);
    pools.close();
  });

  test('an idle connection is taken again, at once and from within acquire', async () => {
    const { setup, pools, call } = open(url, material(pki.internal.certPem, { client: pki.gateway }));
    const first = await call().answer;
    const second = call();
    assert.ok(second.call !== undefined, 'the call came back synchronously');
    const answer = await second.answer;
    assert.equal(answer.reused, true);
    assert.equal(readEcho(answer.body)['connection'], readEcho(first.body)['connection']);
    assert.equal(setup.feed.items.filter((event) => event.kind === 'connected').length, 1);
    pools.close();
  });

  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`the second connection resumes the TLS session, and is judged again (${maxVersion})`, async () => {
      const tls = material(pki.internal.certPem, { client: pki.gateway, maxVersion });
      const { setup, pools, call } = open(url, tls);
      await call().answer;
      await call(`/resumed-${maxVersion}`, true).answer;
      const events = setup.feed.items.filter((event) => event.kind === 'connected');
      assert.equal(events.length, 2);
      const resumed = events[1]?.kind === 'connected' ? events[1].verdict : undefined;
      assert.equal(resumed?.resumed, true);
      assert.equal(resumed?.version, maxVersion);
      assert.equal(resumed?.code, 'ok');
      assert.deepEqual(resumed?.leaf?.der, pki.backend.der);
      const seen = await nginx.waitForAccess(({ uri }) => uri === `/resumed-${maxVersion}`);
      assert.equal(seen.session, 'r');
      assert.equal(seen.verify, 'SUCCESS');
      pools.close();
    });
  }

  test('without a certificate the 400 page of nginx is recognised as no_client_cert', async () => {
    const { pools, call } = open(url, material(pki.internal.certPem));
    const { status, head, body } = await call().answer;
    assert.equal(status, 400);
    assert.equal(classifyNginxRefusal(status, head.fields, Buffer.from(body)), 'no_client_cert');
    pools.close();
  });

  test('with a certificate of another CA the page is recognised as refused_by_peer', async () => {
    const { pools, call } = open(url, material(pki.internal.certPem, { client: pki.stranger }));
    const { status, head, body } = await call().answer;
    assert.equal(status, 400);
    assert.equal(classifyNginxRefusal(status, head.fields, Buffer.from(body)), 'refused_by_peer');
    pools.close();
  });

  test('an ordinary 400 of the application is not taken for one about certificates', async () => {
    const { pools, call } = open(url, material(pki.internal.certPem, { client: pki.gateway }));
    const { status, head, body } = await call('/%00').answer;
    assert.equal(status, 400);
    assert.equal(classifyNginxRefusal(status, head.fields, Buffer.from(body)), undefined);
    pools.close();
  });

  test('an IP address gets no SNI and is checked against IP names', async () => {
    const { pools, call } = open(
      `https://127.0.0.1:${nginx.port}`,
      material(pki.internal.certPem, { client: pki.gateway }),
    );
    const answer = await call().answer;
    assert.equal(answer.status, 200);
    assert.equal(readEcho(answer.body)['ssl_server_name'], '');
    pools.close();
  });

  test('serverName replaces the host in SNI and in the check', async () => {
    const tls = material(pki.internal.certPem, { client: pki.gateway, serverName: 'backend.test' });
    const { pools, call } = open(`https://127.0.0.1:${nginx.port}`, tls);
    assert.equal(readEcho((await call().answer).body)['ssl_server_name'], 'backend.test');
    pools.close();
  });

  test('a name that the certificate does not cover is name_mismatch, before nginx sees a request', async () => {
    const tls = material(pki.internal.certPem, { client: pki.gateway, serverName: 'other.test' });
    const { pools, call } = open(url, tls);
    const fault = await faultOf(call('/must-not-arrive'));
    assert.equal(fault.code, 'name_mismatch');
    assert.match(fault.detail ?? '', /other\.test.*localhost/);
    assert.equal(
      nginx.access().some((entry) => entry.uri === '/must-not-arrive'),
      false,
    );
    pools.close();
  });

  test('a CA that we do not trust is untrusted_issuer', async () => {
    const other = await mintCa({ subject: '/O=Elsewhere/CN=Elsewhere Root' });
    const { pools, call } = open(url, material(other.certPem, { client: pki.gateway }));
    const fault = await faultOf(call());
    assert.equal(fault.code, 'untrusted_issuer');
    assert.match(fault.detail ?? '', /internal CA.*Elsewhere Root/);
    assert.equal(fault.status, 502);
    pools.close();
  });

  test('insecureSkipVerify connects all the same, and the verdict says so', async () => {
    const tls = material(pki.servers.certPem, { client: pki.gateway, verify: false, serverName: 'other.test' });
    const { setup, pools, call } = open(url, tls);
    assert.equal((await call().answer).status, 200);
    const [event] = setup.feed.items;
    assert.ok(event?.kind === 'connected');
    assert.equal(event.verdict?.code, 'ok');
    assert.match(event.verdict?.detail ?? '', /insecureSkipVerify/);
    assert.notEqual(event.verdict?.raw, '');
    pools.close();
  });

  test('two identities towards one address share neither connection nor session', async () => {
    const setup = makeDependencies();
    const pools = openPools(setup);
    const with_ = new Cluster(
      clusterOptions([backendConfig(url)], material(pki.internal.certPem, { client: pki.gateway })),
      pools,
    );
    const without = new Cluster(clusterOptions([backendConfig(url)], material(pki.internal.certPem)), pools);
    const same = new Cluster(
      clusterOptions([backendConfig(url)], material(pki.internal.certPem, { client: pki.gateway })),
      pools,
    );
    const [a, b, c] = [with_.backends[0], without.backends[0], same.backends[0]];
    assert.ok(a !== undefined && b !== undefined && c !== undefined);
    assert.equal((await new TestCall(a).answer).status, 200);
    assert.equal((await new TestCall(b).answer).status, 400);
    assert.equal((await new TestCall(a).answer).status, 200);
    assert.notEqual(a.pool, b.pool);
    assert.equal(a.pool, c.pool);
    const verdicts = setup.feed.items.flatMap((event) => (event.kind === 'connected' ? [event.verdict] : []));
    assert.deepEqual(
      verdicts.map((verdict) => verdict?.resumed),
      [false, false],
    );
    pools.close();
  });
});
