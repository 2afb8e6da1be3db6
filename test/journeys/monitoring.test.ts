// The dashboard and the alerts that we ship, before a real Prometheus that scrapes a real gateway: every query of theirs is one that it
// can answer, of metrics and labels that exist.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { Metrics } from '../../src/telemetry/metrics.ts';
import { writeCrl } from '../support/crls.ts';
import { curl } from '../support/curl.ts';
import { findFreePort } from '../support/free-port.ts';
import { openSetup, type Setup } from '../support/mtls-setup.ts';
import { runToEnd, startProcess } from '../support/owned-process.ts';
import { requireCommand } from '../support/peers.ts';
import { openTempDir, type TempDir } from '../support/temp.ts';
import { eventually } from '../support/wait-for.ts';

const folder = new URL('../../packaging/', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, folder), 'utf8');
const path = (name: string): string => new URL(name, folder).pathname;

type Panel = { readonly title: string; readonly targets?: readonly { readonly expr: string }[] };
type Dashboard = {
  readonly panels: readonly Panel[];
  readonly annotations: { readonly list: readonly { readonly expr: string }[] };
  readonly templating: { readonly list: readonly { readonly type: string; readonly definition?: string }[] };
};
type Rules = {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert: string;
      readonly expr: string;
      readonly annotations: Readonly<Record<string, string>>;
    }[];
  }[];
};

const dashboard = JSON.parse(read('grafana/countersign.json')) as Dashboard;
const rules = (parse(read('prometheus/countersign.rules.yml')) as Rules).groups.flatMap((group) => group.rules);
const shown = dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ name: title, expr })));
const marks = dashboard.annotations.list.map(({ expr }) => ({ name: 'annotation', expr }));
const told = rules.map(({ alert, expr }) => ({ name: alert, expr }));
const all = [...shown, ...marks, ...told];

/** As Grafana fills its variables in. */
function fill(expr: string): string {
  return expr.replaceAll('$__rate_interval', '1m').replace(/\$(?:job|instance|route)\b/g, '.*');
}

describe('what we ship for Prometheus and Grafana', () => {
  it('names metrics and labels of the catalogue alone', () => {
    const families = new Map(
      new Metrics().families().map(({ spec, type }) => [spec.name, { labels: spec.labels, type }]),
    );
    for (const { name, expr } of all) {
      const names = [...expr.matchAll(/countersign_[a-z0-9_]+/g)].map(([metric]) => metric);
      assert.ok(names.length > 0, name);
      const labels = new Set(['job', 'instance', 'le']);
      for (const metric of names) {
        const family = families.get(metric) ?? families.get(metric.replace(/_bucket$/, ''));
        assert.ok(family !== undefined, `${name}: there is no ${metric}`);
        assert.equal(family.type === 'counter', metric.endsWith('_total'), metric);
        for (const label of family.labels) labels.add(label);
      }
      const matched = [...expr.matchAll(/([a-z_]+)(?:=~|!~|!=|=)"/g)].map(([, label]) => label);
      const grouped = [...expr.matchAll(/\b(?:by|on|ignoring) \(([^)]*)\)/g)].flatMap(([, list]) => list?.split(', '));
      for (const label of [...matched, ...grouped]) assert.ok(labels.has(label ?? ''), `${name}: label ${label}`);
    }
  });

  it('has rules that promtool takes, and that tell what they should', async () => {
    const promtool = requireCommand('promtool');
    const checked = await runToEnd(promtool, ['check', 'rules', path('prometheus/countersign.rules.yml')]);
    assert.equal(checked.code, 0, checked.stdout + checked.stderr);
    const tested = await runToEnd(promtool, ['test', 'rules', path('prometheus/countersign.rules.test.yml')]);
    assert.equal(tested.code, 0, tested.stdout + tested.stderr);
  });

  it('points at pages that are there', () => {
    for (const { alert, annotations } of rules)
      for (const [page] of (annotations['description'] ?? '').matchAll(/docs\/[a-z-]+\.md/g))
        assert.ok(readFileSync(new URL(`../${page}`, folder)).length > 0, alert);
  });
});

describe('a Prometheus that scrapes the gateway', () => {
  const stack = new AsyncDisposableStack();
  after(() => stack.disposeAsync());
  let setup: Setup;
  let dir: TempDir;
  let base: string;

  before(async () => {
    setup = stack.use(
      await openSetup({
        workers: 2,
        prepare: ({ dir: files, clients }) => void writeCrl(files, 'clients.crl', clients),
        clientAuth: '{clientCA: clients-ca.crt, required: true, crl: {sources: [clients.crl]}}',
        gateway: '  store: {url: "sqlite:store.db"}\n  accessLog: {enabled: false}',
        routes: () =>
          '    - {name: dead, path: /dead, target: "http://localhost:1", healthCheck: {path: /, interval: 200ms}}',
      }),
    );
    const { pki, gateway } = setup;
    const url = `https://localhost:${gateway.ports.webSecure}/`;
    const alice = { ca: pki.servers.file, cert: pki.alice.cert, key: pki.alice.key };
    // Connections of one's own, so that each is a handshake; the last request finds its backend dead.
    for (const as of [alice, alice, { ca: pki.servers.file }]) await curl(url, as);
    await curl(`${url}dead`, alice);
    dir = stack.use(openTempDir('prometheus'));
    const file = dir.write(
      'prometheus.yml',
      `global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [${path('prometheus/countersign.rules.yml')}]
scrape_configs:
  - job_name: countersign
    static_configs: [{targets: ["127.0.0.1:${gateway.ports.admin}"]}]
`,
    );
    const port = await findFreePort();
    base = `http://127.0.0.1:${port}/api/v1`;
    const args = [`--config.file=${file}`, `--storage.tsdb.path=${dir.file('data')}`];
    stack.use(await startProcess(requireCommand('prometheus'), [...args, `--web.listen-address=127.0.0.1:${port}`]));
    await eventually(async () => (await query('sum(count_over_time(countersign_workers[1m])) > 3')).length > 0, {
      what: 'some scrapes',
    });
  });

  /** The result of an instant query; rejects where it is refused. */
  async function query(expr: string): Promise<readonly unknown[]> {
    const answer = await fetch(`${base}/query?${new URLSearchParams({ query: expr }).toString()}`).catch(
      () => undefined,
    );
    if (answer === undefined || answer.status === 503) return [];
    const { status, error, data } = (await answer.json()) as {
      readonly status: string;
      readonly error?: string;
      readonly data?: { readonly result: readonly unknown[] };
    };
    assert.equal(status, 'success', `${expr}\n${error}`);
    return data?.result ?? [];
  }

  it('finds nothing to object to in the page', async () => {
    const { body } = await setup.gateway.admin('/metrics');
    const checked = await runToEnd(requireCommand('promtool'), ['check', 'metrics'], { input: body });
    assert.equal(checked.code, 0, checked.stderr);
  });

  it('answers every query of dashboard and alerts; of the dashboard with something to show', async () => {
    // What this gateway has no occasion for.
    const idle = /ocsp|certificate_source|rejudged|retries|connect_failures|session_reused/;
    const empty: string[] = [];
    for (const { name, expr } of all) {
      const result = await query(fill(expr));
      if (result.length === 0 && !told.some((one) => one.name === name) && !idle.test(expr))
        empty.push(`${name}: ${expr}`);
    }
    assert.deepEqual(
      empty.filter((line) => !line.startsWith('annotation')),
      [],
    );
  });

  it('tells of the backend that is dead, and of nothing else that is critical', async () => {
    const alerts = async (): Promise<readonly string[]> => {
      const { data } = (await (await fetch(`${base}/alerts`)).json()) as {
        readonly data: {
          readonly alerts: readonly { readonly labels: { readonly alertname: string; readonly severity: string } }[];
        };
      };
      return data.alerts.filter(({ labels }) => labels.severity === 'critical').map(({ labels }) => labels.alertname);
    };
    await eventually(async () => (await alerts()).length > 0, { what: 'an alert' });
    assert.deepEqual(await alerts(), ['CountersignRouteDown']);
  });
});
