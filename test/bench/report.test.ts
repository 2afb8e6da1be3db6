import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { workloads } from '../../bench/job.ts';
import type { PeerName } from '../../bench/peer.ts';
import { renderChart } from '../../bench/render-chart.ts';
import { BEGIN, END, NO_RUN, partOf, putIntoPage, renderReport } from '../../bench/render-report.ts';
import { completeRun } from '../../bench/report.ts';
import { parseRun, type ReportRow, type ReportRun, rowOf } from '../../bench/report-run.ts';
import { type Measured, type Measurement, summarise } from '../../bench/table.ts';

type Costs = Partial<Record<PeerName, number>>;

const failed: Measurement['failures'] = { 'closed without an answer': 2 };

function row(name: string, costs: Costs, failing: readonly PeerName[] = []): ReportRow {
  const workload = workloads.find((one) => one.name === name);
  assert.ok(workload, name);
  const measured: Measured[] = Object.entries(costs).flatMap(([peer, cost]) => {
    const failures = failing.includes(peer as PeerName) ? failed : {};
    const figures = { perSecond: 1000, p50: 1, p99: cost, resumed: 1, failures, delayMs: 10 };
    const withoutLog = { peer: peer as PeerName, withLog: false, rounds: [{ ...figures, cost }] };
    const withLog = { peer: peer as PeerName, withLog: true, rounds: [{ ...figures, cost: cost * 1.25 }] };
    return workload.withLog === true ? [withoutLog, withLog] : [withoutLog];
  });
  return rowOf(summarise(workload, 'own', measured, workload.pace === undefined ? undefined : 4200));
}

function run(rows: readonly ReportRow[], more: Partial<ReportRun> = {}): ReportRun {
  return {
    format: 1,
    date: '2026-01-02T03:04:05.000Z',
    commit: 'abc1234',
    machine: 'a processor, 2 cores',
    method: 'as always',
    peers: { countersign: '0.1.0', nginx: '1.22.1', haproxy: '2.6.12', caddy: null, envoy: '1.40.0' },
    generators: { own: '', wrk: '4.1.0', h2load: null },
    interruptions: 0,
    notes: [],
    rows,
    ...more,
  };
}

/** The cells of the line of the first table that begins with that row. */
function cells(part: string, name: string): string[] {
  const line = part.split('\n').find((one) => one.startsWith(`| \`${name}\` `)) ?? '';
  return line.split('|').map((cell) => cell.trim());
}

test('Each ratio is the median over runs with the lowest and the highest, where we lose as plain as where we win', () => {
  const nginx = [50, 40, 25];
  const runs = nginx.map((cost) => run([row('small', { countersign: 50, nginx: cost, haproxy: 100 })]));
  const part = renderReport(runs, ['small/own']);
  const [, , generator, unit, toNginx, toHaproxy, toCaddy] = cells(part, 'small');
  assert.deepEqual([generator, unit], ['own', 'µs CPU/request']);
  assert.equal(toNginx, '**1.25** (1.00–2.00)');
  assert.equal(toHaproxy, '0.50 (0.50–0.50)');
  assert.equal(toCaddy, '–');
});

test('The page says machine, versions, date, and what is missing', () => {
  const notes = ['envoy 1.40.0: LEFT OUT, it does not resume sessions'];
  const runs = [run([row('small', { countersign: 50 })], { notes, interruptions: 2 })];
  const part = renderReport(runs, ['small/own', 'body/wrk']);
  assert.match(part, /Machine: a processor, 2 cores/);
  assert.match(part, /nginx 1\.22\.1, HAProxy 2\.6\.12, Caddy is not installed, Envoy 1\.40\.0; commit abc1234/);
  assert.match(part, /wrk 4\.1\.0, h2load is not installed/);
  assert.match(part, /Run 1: 2026-01-02 03:04 UTC, in 3 sittings, INCOMPLETE, without body\/wrk/);
  assert.match(part, /- envoy 1\.40\.0: LEFT OUT, it does not resume sessions\./);
});

test('A gateway that failed in one of the runs has no ratio, and the page says with what', () => {
  const good = run([row('small', { countersign: 50, nginx: 50, haproxy: 50 })]);
  const bad = run([row('small', { countersign: 50, nginx: 50, haproxy: 50 }, ['haproxy'])]);
  const part = renderReport([good, bad], ['small/own']);
  assert.deepEqual(cells(part, 'small').slice(4, 6), ['1.00 (1.00–1.00)', 'FAILED']);
  assert.match(part, /- `small` \(own\), HAProxy: haproxy: 2 × closed without an answer\./);
  assert.match(renderChart([good, bad]), /HAProxy failed/);
});

test('Where we failed, nobody has a ratio', () => {
  const part = renderReport([run([row('small', { countersign: 50, nginx: 50 }, ['countersign'])])], ['small/own']);
  assert.equal(cells(part, 'small')[4], 'FAILED');
  assert.match(part, /countersign: 2 × closed without an answer/);
});

test('A row at a fixed rate is judged by p99 and says its rate', () => {
  const part = renderReport([run([row('pace-50', { countersign: 4, nginx: 2 })])], ['pace-50/own']);
  const [, title, , of, toNginx] = cells(part, 'pace-50');
  assert.match(title ?? '', /4200 a second/);
  assert.deepEqual([of, toNginx], ['p99', '**2.00** (2.00–2.00)']);
  assert.match(part, /\| p50 \/ p99 ms \| 1\.00 \/ 4\.00 \| 1\.00 \/ 2\.00 \|/);
});

test('Where runs found different rates, the page says both', () => {
  const one = row('pace-50', { countersign: 4, nginx: 2 });
  const part = renderReport([run([one]), run([{ ...one, rate: 5000 }])], ['pace-50/own']);
  assert.match(part, /: 4200 to 5000 a second, by run \|/);
});

test('Access logs are set against each gateway itself', () => {
  const part = renderReport([run([row('log', { countersign: 40, nginx: 20 })])], ['log/own']);
  assert.match(
    part,
    /each gateway by itself \| \*\*1\.25\*\* \(1\.25–1\.25\) \| \*\*1\.25\*\* \(1\.25–1\.25\) \| – \|/,
  );
});

test('Runs of different machines, commits or programs make no page', () => {
  const one = run([row('small', { countersign: 50 })]);
  for (const more of [{ machine: 'another' }, { commit: 'def5678' }, { peers: {} }])
    assert.throws(() => renderReport([one, { ...one, ...more }], []), /Runs differ in their/);
});

test('Only the generated part of the page is replaced', () => {
  const page = `# Title\n\nby hand\n\n${BEGIN}\nold\n${END}\n\nby hand too\n`;
  const next = putIntoPage(page, 'new');
  assert.equal(next, `# Title\n\nby hand\n\n${BEGIN}\nnew\n${END}\n\nby hand too\n`);
  assert.equal(partOf(next), 'new');
  assert.throws(() => putIntoPage('# Title\n', 'new'), /no "<!-- made by/);
});

test('The chart has a mark for each ratio, on both sides of 1, as text too, and runs nothing', () => {
  const chart = renderChart([
    run([row('small', { countersign: 50, nginx: 25 }), row('body', { countersign: 50, nginx: 100, envoy: 50 })]),
  ]);
  const at = [...chart.matchAll(/<circle class="nginx" cx="([\d.]+)"/g)].map(([, x]) => Number(x));
  const one = Number(/<line class="one" x1="([\d.]+)"/.exec(chart)?.[1]);
  // The first is the legend's.
  assert.equal(at.length, 3);
  assert.ok((at[1] ?? 0) > one && (at[2] ?? 0) < one);
  assert.match(chart, /small by own: nginx 2\.00; body by own: nginx 0\.50, Envoy 1\.00/);
  assert.match(chart, /prefers-color-scheme:dark/);
  assert.doesNotMatch(chart, /<script|href|on\w+=/);
});

test('The committed page and chart are made of the committed runs', () => {
  const docs = new URL('../../docs/', import.meta.url);
  const read = (name: string): string => readFileSync(new URL(name, docs), 'utf8');
  const part = partOf(read('performance.md'));
  if (!existsSync(new URL('performance-runs.jsonl', docs))) {
    assert.equal(part, NO_RUN, 'figures without runs');
    return;
  }
  const lines = read('performance-runs.jsonl')
    .split('\n')
    .filter((line) => line !== '');
  const runs = lines.map((line) => parseRun(line, 'performance-runs.jsonl'));
  assert.equal(part, renderReport(runs, completeRun));
  assert.equal(read('performance.svg'), renderChart(runs));
});
