// The admin listener as a monitoring system and an orchestrator see it, and what somebody reads whose port is taken.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { keepConnection } from '../support/kept-connection.ts';
import { curl } from '../support/curl.ts';
import { openSetup } from '../support/mtls-setup.ts';
import { runToEnd } from '../support/owned-process.ts';
import { sClient } from '../support/openssl.ts';
import { openTempDir } from '../support/temp.ts';
import { program } from '../support/program.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

type Documented = { readonly type: string; readonly labels: readonly string[] };

/** The table of docs/metrics.md. */
function documentedMetrics(): Map<string, Documented> {
  const rows = readFileSync(`${root}/docs/metrics.md`, 'utf8').matchAll(/^\| `(\w+)` \| (\w+) \| ([^|]*) \|/gm);
  return new Map(
    [...rows].map(([, name = '', type = '', labels = '']) => [
      name,
      { type, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label) },
    ]),
  );
}

type Series = {
  readonly metric: string;
  readonly name: string;
  readonly labels: Record<string, string>;
  readonly value: number;
};

/** Reads Prometheus text (exposition format 0.0.4) and fails on anything that is not. */
function readExposition(text: string): { types: Map<string, string>; series: Series[] } {
  assert.ok(text.endsWith('\n'));
  const types = new Map<string, string>();
  const series: Series[] = [];
  const seen = new Set<string>();
  let current = '';
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const meta = /^# (HELP|TYPE) ([a-z0-9_]+) (.+)$/.exec(line);
    if (meta !== null) {
      const [, what, name = '', rest = ''] = meta;
      if (what === 'HELP') assert.ok(!types.has(name), `${name} comes twice`);
      else types.set(name, rest);
      current = name;
      continue;
    }
    const sample = /^([a-z0-9_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (-?[0-9.e+]+|NaN|\+Inf)$/.exec(
      line,
    );
    assert.ok(sample !== null, `not a sample: ${line}`);
    const [, name = '', labelText = '', value = ''] = sample;
    const metric = types.get(current) === 'histogram' ? name.replace(/_(bucket|sum|count)$/, '') : name;
    assert.equal(metric, current, `${name} under ${current}`);
    assert.ok(!seen.has(`${name}{${labelText}}`), `twice: ${line}`);
    seen.add(`${name}{${labelText}}`);
    const labels = [...labelText.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', text_ = '']) => [
      key,
      text_,
    ]);
    series.push({ metric, name, labels: Object.fromEntries(labels) as Record<string, string>, value: Number(value) });
  }
  return { types, series };
}

describe('the admin listener', () => {
  it('says that the gateway lives and is ready, to whoever reads only', async () => {
    await using setup = await openSetup({ workers: 2 });
    const { gateway } = setup;
    assert.deepEqual(await gateway.admin('/healthz'), { status: 200, body: 'ok\n' });
    assert.deepEqual(await gateway.admin('/readyz?verbose'), { status: 200, body: '2 of 2 workers ready\n' });
    assert.equal((await gateway.admin('/')).status, 404);
    assert.equal((await gateway.admin('/metrics/../secret')).status, 404);
    const url = `http://127.0.0.1:${gateway.ports.admin}/healthz`;
    assert.equal((await curl(url, { method: 'POST', body: 'x' })).status, 405);
    const head = await curl(url, { method: 'HEAD' });
    assert.deepEqual([head.status, head.body], [200, head.body]);
    using rude = await keepConnection({ port: gateway.ports.admin, plain: true });
    rude.send('\u0000\u0001 nonsense\r\n\r\n');
    await rude.ended;
    assert.equal((await gateway.admin('/healthz')).status, 200);
  });

  it('shows metrics in Prometheus text, each as docs/metrics.md describes it', async () => {
    await using setup = await openSetup({ workers: 2 });
    const { pki, gateway } = setup;
    const to = { port: gateway.ports.webSecure, ca: pki.servers.file };
    const load = setup.load();
    await load.waitForOk(20);
    await load.stop();
    await sClient(to);
    await sClient({ ...to, cert: pki.stranger.cert, key: pki.stranger.key });
    await curl(`http://localhost:${gateway.ports.web}/`);
    await curl(`https://localhost:${to.port}/`, {
      ca: to.ca,
      cert: pki.alice.cert,
      key: pki.alice.key,
      headers: { Host: 'nobody.test' },
    });

    const { types, series } = readExposition((await gateway.admin('/metrics')).body);
    const documented = documentedMetrics();
    assert.ok(documented.size > 20);
    for (const [name, type] of types) assert.equal(documented.get(name)?.type, type, name);
    for (const { metric, labels } of series) {
      const known = documented.get(metric)?.labels ?? [];
      for (const label of Object.keys(labels))
        assert.ok(label === 'le' || known.includes(label), `${metric}: ${label}`);
    }
    const has = new Set(series.map(({ metric }) => metric));
    for (const name of [
      'tls_handshakes_total',
      'tls_handshake_seconds',
      'tls_no_certificate_total',
      'connections_active',
      'connections_total',
      'requests_total',
      'certificate_expiry_timestamp_seconds',
      'config_generation',
      'config_reload_failures_total',
      'workers',
    ]) {
      assert.ok(has.has(`countersign_${name}`), name);
    }

    for (const sum of series.filter(({ name }) => name.endsWith('_count'))) {
      const same = series.filter(({ name, labels }) => {
        const { le: _le, ...rest } = labels;
        return name === `${sum.metric}_bucket` && JSON.stringify(rest) === JSON.stringify(sum.labels);
      });
      const counts = same.map(({ value }) => value);
      assert.deepEqual(
        counts,
        counts.toSorted((a, b) => a - b),
        sum.name,
      );
      assert.equal(same.at(-1)?.labels['le'], '+Inf');
      assert.equal(counts.at(-1), sum.value, sum.name);
    }
    // A second look counts nothing twice.
    const again = readExposition((await gateway.admin('/metrics')).body).series;
    const value = (from: readonly Series[]) =>
      from.filter(({ name }) => name === 'countersign_requests_total').map(({ labels, value: n }) => [labels, n]);
    assert.deepEqual(value(again), value(series));
  });
});

describe('an admin page that is switched off', () => {
  it('is not there', async () => {
    const monitoring = '{enableMetrics: false, enableReadiness: false, enableLiveness: false}';
    await using setup = await openSetup({ gateway: `  accessLog: {enabled: false}\n  monitoring: ${monitoring}` });
    for (const path of ['/healthz', '/readyz', '/metrics']) assert.equal((await setup.gateway.admin(path)).status, 404);
  });
});

describe('a port that is taken', () => {
  for (const entryPoint of ['web', 'webSecure', 'admin'] as const) {
    it(`(${entryPoint}) ends the start with one clear line`, async () => {
      using dir = openTempDir('taken');
      const other = createServer().listen(0, '127.0.0.1');
      await once(other, 'listening');
      const address = other.address();
      const port = address !== null && typeof address === 'object' ? address.port : 0;
      const points = {
        web: '127.0.0.1:0',
        webSecure: '127.0.0.1:0',
        admin: '127.0.0.1:0',
        [entryPoint]: `127.0.0.1:${port}`,
      };
      const lines = Object.entries(points).map(([name, where]) => `    ${name}: {address: "${where}"}`);
      const file = dir.write(
        'gateway.yml',
        `version: 2\ngateway:\n  workers: 2\n  entryPoints:\n${lines.join('\n')}\n  routes: [{name: x, path: /, target: "http://127.0.0.1:1"}]\n`,
      );
      const run = await runToEnd(process.execPath, [program, 'run', '-c', file]);
      other.close();
      assert.deepEqual([run.code, run.timedOut], [1, false], run.stderr);
      const errors = run.stderr.split('\n').filter((line) => line.includes('"level":"error"'));
      assert.equal(errors.length, 1, run.stderr);
      const { msg, err } = JSON.parse(errors[0] ?? '') as { msg: string; err?: unknown };
      assert.equal(err, undefined, 'no stack: nothing of ours is at fault');
      assert.equal(msg, `cannot listen on 127.0.0.1:${port}: another process does already`);
      assert.doesNotMatch(run.stdout, /listening/);
    });
  }
});
