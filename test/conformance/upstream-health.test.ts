// Health of backends over real connections with a clock that the test turns: thresholds, reasons, reload, ejection.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer } from '../../src/base/node-http.ts';
import type { AddressInfo } from 'node:net';
import { after, test, type TestContext } from 'node:test';
import type { HealthCheckConfig } from '../../src/config/gateway-config.ts';
import { Fields } from '../../src/http/field.ts';
import type { Backend } from '../../src/upstream/backend.ts';
import { Cluster, type ClusterOptions } from '../../src/upstream/cluster.ts';
import { IdleBudget } from '../../src/upstream/idle-budget.ts';
import { findFreePort } from '../support/free-port.ts';
import { startNginx } from '../support/nginx.ts';
import { openPki } from '../support/pki.ts';
import { eventually, Feed } from '../support/wait-for.ts';
import {
  anchorsOf,
  backendConfig,
  closePools,
  clusterOptions,
  faultOf,
  HandClock,
  makeDependencies,
  openPools,
  material,
  TestCall,
  type TestDependencies,
  noTls,
} from './upstream-setup.ts';

after(closePools);

const check: HealthCheckConfig = {
  path: '/health',
  intervalMs: 10_000,
  timeoutMs: 1_000,
  healthyStatuses: [],
  healthyThreshold: 2,
  unhealthyThreshold: 3,
  host: undefined,
  headers: [],
};

type Probed = {
  readonly port: number;
  status: number;
  readonly probes: Feed<IncomingMessage>;
  close(): Promise<void>;
};

async function serveHealth(t: TestContext, port?: number): Promise<Probed> {
  const probes = new Feed<IncomingMessage>('probes');
  const server = createServer((request, response) => {
    response.writeHead(served.status).end('ok');
    if (request.url === '/health') probes.push(request);
  });
  server.listen(port ?? (await findFreePort()), '127.0.0.1');
  await once(server, 'listening');
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  const served: Probed = { port: (server.address() as AddressInfo).port, status: 200, probes, close };
  t.after(close);
  return served;
}

function open(
  t: TestContext,
  urls: readonly string[],
  more: Partial<ClusterOptions>,
  setup: TestDependencies,
  tls = noTls,
) {
  const pools = openPools(setup);
  const cluster = new Cluster(
    clusterOptions(
      urls.map((url) => backendConfig(url)),
      tls,
      more,
    ),
    pools,
  );
  pools.beginChecks();
  const close = (): void => {
    cluster.close();
    pools.close();
  };
  t.after(close);
  return { pools, cluster, close };
}

const pick = (cluster: Cluster): Backend | undefined => cluster.pick(new Fields(), '/', '');

/** Turns the clock to the next probe and waits until its result was weighed. */
async function nextProbe(clock: HandClock): Promise<void> {
  const settled = eventually(() => clock.waits.some((ms) => ms > check.timeoutMs), { what: 'the result of a probe' });
  await settled;
  clock.advance(check.intervalMs);
  await eventually(() => clock.waits.some((ms) => ms > check.timeoutMs), { what: 'the result of the next probe' });
}

test('the first probe comes at once, with path, Host and our name, and decides alone', async (t) => {
  const served = await serveHealth(t);
  served.status = 503;
  const setup = makeDependencies(new HandClock());
  const { cluster, close } = open(t, [`http://127.0.0.1:${served.port}`], { healthCheck: check }, setup);
  assert.ok(pick(cluster) !== undefined, 'healthy until the first probe is back');
  const probe = await served.probes.waitFor(() => true);
  assert.equal(probe.method, 'GET');
  assert.equal(probe.headers['host'], `127.0.0.1:${served.port}`);
  assert.equal(probe.headers['user-agent'], 'countersign');
  const event = await setup.feed.waitFor(({ kind }) => kind === 'health');
  assert.ok(event.kind === 'health');
  assert.equal(event.state.healthy, false);
  assert.equal(event.state.reason?.code, 'unhealthy_status');
  assert.match(event.state.reason?.detail ?? '', /503/);
  assert.equal(pick(cluster), undefined, 'a single backend that is down takes nothing');
  assert.match(cluster.describe(), /unhealthy_status/);
  close();
  await served.close();
});

test('a probe asks with the Host and the fields that the route says', async (t) => {
  const served = await serveHealth(t);
  const headers = [
    { name: 'X-Probe', value: 'one' },
    { name: 'user-agent', value: 'kube' },
  ];
  const healthCheck = { ...check, host: 'health.example.com', headers };
  const { close } = open(t, [`http://127.0.0.1:${served.port}`], { healthCheck }, makeDependencies(new HandClock()));
  const probe = await served.probes.waitFor(() => true);
  assert.equal(probe.headers['host'], 'health.example.com');
  assert.equal(probe.headers['x-probe'], 'one');
  assert.equal(probe.headers['user-agent'], 'kube');
  assert.equal(probe.headers['accept'], '*/*');
  close();
});

test('thresholds hold both ways', async (t) => {
  const served = await serveHealth(t);
  const clock = new HandClock();
  const { cluster, close } = open(
    t,
    [`http://127.0.0.1:${served.port}`],
    { healthCheck: check },
    makeDependencies(clock),
  );
  await served.probes.waitFor(() => true);
  const seen: boolean[] = [];
  for (const status of [500, 500, 200, 500, 500, 500, 200, 500, 200, 200]) {
    served.status = status;
    await nextProbe(clock);
    seen.push(pick(cluster) !== undefined);
  }
  assert.deepEqual(seen, [true, true, true, true, true, false, false, false, false, true]);
  close();
  await served.close();
});

test('healthyStatuses decide where given, else everything below 400', async (t) => {
  for (const [status, healthyStatuses, healthy] of [
    [302, [], true],
    [404, [], false],
    [404, [404], true],
    [200, [204], false],
  ] as const) {
    const served = await serveHealth(t);
    served.status = status;
    const clock = new HandClock();
    const { cluster, close } = open(
      t,
      [`http://127.0.0.1:${served.port}`],
      { healthCheck: { ...check, healthyStatuses } },
      makeDependencies(clock),
    );
    await eventually(() => clock.waits.some((ms) => ms > check.timeoutMs), { what: 'the result' });
    assert.equal(pick(cluster) !== undefined, healthy, `${status} of [${healthyStatuses.join()}]`);
    close();
    await served.close();
  }
});

test('the wait between probes varies by a tenth of the interval', async (t) => {
  for (const [random, expected] of [
    [0, 9_000],
    [0.5, 10_000],
    [0.999_999, 11_000],
  ] as const) {
    const served = await serveHealth(t);
    const clock = new HandClock();
    const { close } = open(
      t,
      [`http://127.0.0.1:${served.port}`],
      { healthCheck: check },
      makeDependencies(clock, () => random),
    );
    const waits = await eventually(() => clock.waits.find((ms) => ms > check.timeoutMs), { what: 'the next wait' });
    assert.equal(Math.round(waits), expected);
    close();
    await served.close();
  }
});

test('a probe that gets no answer is a timeout, a closed port is refused', async (t) => {
  const silent = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const clock = new HandClock();
  const setup = makeDependencies(clock);
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const { close } = open(t, [url], { healthCheck: check }, setup);
  await once(silent, 'request');
  clock.advance(check.timeoutMs);
  const late = await setup.feed.waitFor(({ kind }) => kind === 'health');
  assert.equal(late.kind === 'health' && late.state.reason?.code, 'timeout');
  close();
  silent.closeAllConnections();
  silent.close();

  const other = makeDependencies(new HandClock());
  const refused = open(t, [`http://127.0.0.1:${await findFreePort()}`], { healthCheck: check }, other);
  const event = await other.feed.waitFor(({ kind }) => kind === 'health');
  assert.equal(event.kind === 'health' && event.state.reason?.code, 'refused');
  refused.close();
});

test('probes use the TLS identity of the route: nginx that wants a certificate gets ours, and says so when it gets none', async (t) => {
  using pki = await openPki();
  await using nginx = await startNginx({ tls: pki.backend, clientCa: pki.internal.file });
  const url = `https://localhost:${nginx.port}`;
  const tls = { ...noTls, anchors: anchorsOf(pki.internal.certPem) };

  const clock = new HandClock();
  const good = open(t, [url], { healthCheck: check }, makeDependencies(clock), { ...tls, client: pki.gateway });
  const entry = await nginx.waitForAccess(({ uri }) => uri === '/health');
  assert.equal(entry.verify, 'SUCCESS');
  await eventually(() => clock.waits.some((ms) => ms > check.timeoutMs), { what: 'the result' });
  assert.ok(pick(good.cluster) !== undefined);
  good.close();

  const setup = makeDependencies(new HandClock());
  const bad = open(t, [url], { healthCheck: check }, setup, tls);
  const event = await setup.feed.waitFor(({ kind }) => kind === 'health');
  assert.equal(event.kind === 'health' && event.state.reason?.code, 'no_client_cert');
  bad.close();

  const stranger = makeDependencies(new HandClock());
  const wrong = open(
    t,
    [url],
    { healthCheck: check },
    stranger,
    material(pki.servers.certPem, { client: pki.gateway }),
  );
  const distrusted = await stranger.feed.waitFor(({ kind }) => kind === 'health');
  assert.ok(distrusted.kind === 'health' && distrusted.state.reason !== undefined);
  assert.equal(distrusted.state.reason.code, 'untrusted_issuer');
  wrong.close();
});

test('of two backends the one that is down gets nothing, and comes back', async (t) => {
  const [a, b] = [await serveHealth(t), await serveHealth(t)];
  const clock = new HandClock();
  const setup = makeDependencies(clock);
  const { cluster, close } = open(
    t,
    [`http://127.0.0.1:${a.port}`, `http://127.0.0.1:${b.port}`],
    { healthCheck: { ...check, unhealthyThreshold: 1, healthyThreshold: 1 } },
    setup,
  );
  const labels = (): Set<string | undefined> => new Set([1, 2, 3, 4].map(() => pick(cluster)?.label));
  await Promise.all([a.probes.waitFor(() => true), b.probes.waitFor(() => true)]);
  assert.equal(labels().size, 2);
  a.status = 500;
  await eventually(() => clock.waits.filter((ms) => ms > check.timeoutMs).length === 2, { what: 'both results' });
  clock.advance(check.intervalMs);
  await setup.feed.waitFor((event) => event.kind === 'health' && !event.state.healthy);
  assert.deepEqual([...labels()], [`127.0.0.1:${b.port}`]);
  a.status = 200;
  await eventually(() => clock.waits.filter((ms) => ms > check.timeoutMs).length === 2, { what: 'both results' });
  clock.advance(check.intervalMs);
  await setup.feed.waitFor((event) => event.kind === 'health' && event.state.healthy);
  assert.equal(labels().size, 2);
  close();
  await Promise.all([a.close(), b.close()]);
});

test('what a check knows survives a reload that does not change it; a check that nobody needs stops', async (t) => {
  const served = await serveHealth(t);
  served.status = 500;
  const clock = new HandClock();
  const setup = makeDependencies(clock);
  const options = clusterOptions([backendConfig(`http://127.0.0.1:${served.port}`)], noTls, { healthCheck: check });
  const old = openPools(setup);
  const before = new Cluster(options, old);
  old.beginChecks();
  await setup.feed.waitFor(({ kind }) => kind === 'health');
  const next = openPools(setup, new IdleBudget(0), old);
  const after = new Cluster(options, next);
  next.beginChecks();
  before.close();
  old.close();
  assert.equal(pick(after), undefined, 'still down, without a new probe');
  assert.equal(served.probes.length, 1);
  next.close();
  assert.deepEqual(clock.waits, [], 'no timer is left');
  await served.close();
});

test('after five failed connects in a row a backend gets nothing while another one is left', async (t) => {
  const served = await serveHealth(t);
  const dead = await findFreePort();
  const clock = new HandClock();
  const setup = makeDependencies(clock);
  const { cluster, close } = open(t, [`http://127.0.0.1:${dead}`, `http://127.0.0.1:${served.port}`], {}, setup);
  const [bad, good] = cluster.backends;
  assert.ok(bad !== undefined && good !== undefined);
  for (let i = 0; i < 5; i += 1) {
    assert.equal(bad.ejected, false);
    assert.equal((await faultOf(new TestCall(bad))).code, 'refused');
  }
  assert.equal(bad.state().reason?.code, 'refused');
  assert.deepEqual(new Set([1, 2, 3].map(() => pick(cluster))), new Set([good]));

  // The trials of the pool: each one failed doubles the time, up to a minute.
  for (const outMs of [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]) {
    assert.equal(clock.waits.at(-1), outMs);
    const from = setup.feed.length;
    clock.advance(outMs);
    await setup.feed.waitFor(({ kind }) => kind === 'failed', { from });
  }

  const revived = await serveHealth(t, dead);
  const from = setup.feed.length;
  clock.advance(60_000);
  await setup.feed.waitFor((event) => event.kind === 'health' && event.state.healthy, { from });
  assert.equal(bad.ejected, false);
  assert.equal(new Set([1, 2, 3].map(() => pick(cluster))).size, 2);
  assert.equal((await new TestCall(bad).answer).status, 200);
  close();
  await Promise.all([served.close(), revived.close()]);
});

test('the last backend is tried although it is ejected, so that the client learns the real reason', async (t) => {
  const setup = makeDependencies(new HandClock());
  const { cluster, close } = open(t, [`http://127.0.0.1:${await findFreePort()}`], {}, setup);
  for (let i = 0; i < 6; i += 1) {
    const backend = pick(cluster);
    assert.ok(backend !== undefined);
    assert.equal((await faultOf(new TestCall(backend))).code, 'refused');
  }
  assert.equal(cluster.backends[0]?.ejected, true);
  close();
});

test('an answer in between forgets failed connects', async (t) => {
  const served = await serveHealth(t);
  const setup = makeDependencies(new HandClock());
  const { cluster, close } = open(t, [`http://127.0.0.1:${served.port}`], {}, setup);
  const [backend] = cluster.backends;
  assert.ok(backend !== undefined);
  await served.close();
  for (let i = 0; i < 4; i += 1) await faultOf(new TestCall(backend));
  const again = await serveHealth(t, served.port);
  await new TestCall(backend).answer;
  await again.close();
  await eventually(() => backend.pool.counts.open === 0, { what: 'the closed connection to be noticed' });
  for (let i = 0; i < 4; i += 1) await faultOf(new TestCall(backend));
  assert.equal(backend.ejected, false);
  close();
});
