import assert from 'node:assert/strict';
import { test } from 'node:test';
import { longestDelay, parseDelays } from '../../bench/event-loop.ts';
import { chooseGenerator, workloads } from '../../bench/job.ts';
import type { PeerName } from '../../bench/peer.ts';
import { type Measured, renderTable, summarise } from '../../bench/table.ts';
import type { Workload } from '../../bench/workload.ts';
import { readWrk } from '../../bench/wrk.ts';

function workload(name: string): Workload {
  const found = workloads.find((one) => one.name === name);
  assert.ok(found, name);
  return found;
}

function rounds(peer: PeerName, costs: readonly number[], failures = {}, withLog = false): Measured {
  const rest = { perSecond: 1000, p50: 1, p99: 2, resumed: 0, failures, delayMs: undefined };
  return { peer, withLog, rounds: costs.map((cost) => ({ ...rest, cost, p99: cost * 10 })) };
}

test('A ratio is the median of the ratios of rounds that followed each other, with the lowest and the highest', () => {
  const { ratios } = summarise(workload('small'), 'own', [
    rounds('countersign', [10, 30, 20]),
    rounds('nginx', [10, 15, 40]),
  ]);
  assert.deepEqual(ratios.nginx, { median: 1, lowest: 0.5, highest: 2 });
});

test('Where a gateway failed there is no ratio, and the table says what happened', () => {
  const failed = rounds('caddy', [10], { ECONNRESET: 3 });
  const result = summarise(workload('small'), 'own', [rounds('countersign', [10]), rounds('nginx', [5]), failed]);
  assert.deepEqual(Object.keys(result.ratios), ['nginx']);
  assert.match(renderTable(result), /caddy FAILED: 3 × ECONNRESET/);
});

test('Where we failed nobody has a ratio', () => {
  const result = summarise(workload('small'), 'own', [
    rounds('countersign', [10], { closed: 1 }),
    rounds('nginx', [5]),
  ]);
  assert.deepEqual(result.ratios, {});
  assert.match(renderTable(result), /countersign FAILED: 1 × closed/);
});

test('A row at a fixed rate is judged by p99, and says the rate', () => {
  const measured = [rounds('countersign', [10]), rounds('nginx', [5])];
  const result = summarise(workload('pace-50'), 'own', measured, 4200);
  assert.equal(result.ratios.nginx?.median, 2);
  assert.match(renderTable(result), /4200 requests\/s[\s\S]*p99, ours ÷ its/);
});

test('A row with access logs sets each gateway against itself without one, and ours with one against others with one', () => {
  const result = summarise(workload('log'), 'own', [
    rounds('countersign', [10]),
    rounds('countersign', [12], {}, true),
    rounds('nginx', [10]),
    rounds('nginx', [15], {}, true),
  ]);
  assert.equal(result.logRatios.countersign?.median, 1.2);
  assert.equal(result.logRatios.nginx?.median, 1.5);
  assert.equal(result.ratios.nginx?.median, 0.8);
});

test('A generator without client certificates is named with the row, and rows that it cannot do are done by ours', () => {
  const byWrk = summarise(workload('small'), chooseGenerator(workload('small'), 'wrk'), [rounds('countersign', [10])]);
  assert.match(renderTable(byWrk), /^small \(wrk, no client certificate\)/);
  for (const name of ['rate', 'handshake', 'h1-upload', 'pace-50', 'h1-idle', 'h2-h1'])
    assert.equal(chooseGenerator(workload(name), 'wrk'), 'own', name);
  assert.equal(chooseGenerator(workload('h2-h1'), 'h2load'), 'h2load');
  assert.equal(chooseGenerator(workload('h2-upload'), 'h2load'), 'own');
});

const wrk = `Running 2s test @ https://localhost:1/
  1 threads and 64 connections
  Latency Distribution
     50%  500.00us
     75%    2.50ms
     90%   10.00ms
     99%    1.20s
  21392 requests in 2.00s, 4.92MB read
Requests/sec:  10696.00
`;

test('What wrk prints is read, and what went wrong counts as failures', () => {
  const { done, seconds, p50, p99, failures } = readWrk(wrk);
  assert.deepEqual(
    { done, seconds, p50, p99, failures },
    { done: 21392, seconds: 2, p50: 0.5, p99: 1200, failures: {} },
  );
  const broken = `${wrk}  Socket errors: connect 0, read 3, write 0, timeout 1\n  Non-2xx or 3xx responses: 7\n`;
  assert.deepEqual(readWrk(broken).failures, { read: 3, timeout: 1, non2xx: 7 });
});

test('The longest delay of an event loop is that of the workers and of the time in between', () => {
  const metric = (worker: readonly number[], primary: number): string =>
    ['0.01', '0.05', '+Inf']
      .flatMap((le, at) => [
        `countersign_event_loop_delay_seconds_bucket{process="worker",le="${le}"} ${worker[at]}`,
        `countersign_event_loop_delay_seconds_bucket{process="primary",le="${le}"} ${le === '+Inf' ? primary : 0}`,
      ])
      .join('\n');
  const before = parseDelays(metric([3, 4, 5], 5));
  assert.equal(longestDelay(before, parseDelays(metric([5, 7, 8], 8))), 50);
  assert.equal(longestDelay(before, parseDelays(metric([5, 6, 8], 8))), Number.POSITIVE_INFINITY);
  assert.equal(longestDelay(before, before), undefined);
});
