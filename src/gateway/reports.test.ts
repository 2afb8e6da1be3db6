import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import type { Verdict } from '../trust/verdict.ts';
import { createLogger } from '../telemetry/logger.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { openTempDir } from '../../test/support/temp.ts';
import { eventually } from '../../test/support/wait-for.ts';
import { Reports } from './reports.ts';

const backend = 'b.test:443';

function open(): { metrics: Metrics; reports: Reports } {
  const metrics = new Metrics();
  const log = createLogger({ level: 'error', format: 'json', file: undefined });
  return { metrics, reports: new Reports(systemClock, log, metrics) };
}

function values(metrics: Metrics, name: string): (readonly [string, number])[] {
  const metric = metrics.snapshot().find((one) => one.name === `countersign_${name}`);
  return (metric?.values ?? []).map(({ labels, value }) => [Object.values(labels).join(' '), value] as const);
}

const verdict: Verdict = {
  code: 'ok',
  raw: '',
  detail: '',
  leaf: undefined,
  chain: [],
  chainKnown: true,
  anchor: undefined,
  resumed: true,
  version: 'TLSv1.3',
  cipher: '',
};

test('a backend connection counts TCP and TLS apart', () => {
  const { metrics, reports } = open();
  reports.onBackendConnected(backend, verdict, { connectMs: 1000, handshakeMs: 2000 });
  assert.equal(metrics.of.upstreamConnectSeconds.labels({ backend }).sum, 1);
  assert.equal(metrics.of.upstreamHandshakeSeconds.labels({ backend }).sum, 2);
  assert.deepEqual(values(metrics, 'tls_handshakes_total'), [[`backend  ${backend} ok TLSv1.3 true`, 1]]);
  assert.deepEqual(values(metrics, 'upstream_connect_failures_total'), []);
});

test('a refused connect is no handshake, a refused certificate is one', () => {
  const { metrics, reports } = open();
  reports.onBackendConnectFailure(backend, new Fault('refused', 'backend'), { connectMs: 1, handshakeMs: undefined });
  assert.deepEqual(values(metrics, 'tls_handshakes_total'), []);
  assert.deepEqual(values(metrics, 'upstream_handshake_seconds'), []);
  reports.onBackendConnectFailure(backend, new Fault('expired', 'backend'), { connectMs: 1, handshakeMs: 1 });
  assert.deepEqual(values(metrics, 'tls_handshakes_total'), [[`backend  ${backend} expired  false`, 1]]);
  assert.deepEqual(values(metrics, 'upstream_connect_failures_total'), [
    [`${backend} refused`, 1],
    [`${backend} expired`, 1],
  ]);
});

test('plain HTTP to a backend has no handshake', () => {
  const { metrics, reports } = open();
  reports.onBackendConnected(backend, undefined, { connectMs: 1, handshakeMs: undefined });
  assert.deepEqual(values(metrics, 'tls_handshakes_total'), []);
  assert.deepEqual(values(metrics, 'upstream_handshake_seconds'), []);
});

test('each connection that is refused before HTTP is counted, and told once a minute for its client and code', async () => {
  using dir = openTempDir('reports');
  const metrics = new Metrics();
  const log = createLogger({ level: 'warn', format: 'json', file: dir.file('log') });
  const reports = new Reports(systemClock, log, metrics);
  const refuse = (remoteAddress: string, code: 'client_limit' | 'bad_proxy_header'): void =>
    reports.onConnectionRefused('web', { remoteAddress, remotePort: 1, localPort: 2 }, { code, detail: 'too much' });
  for (const address of ['192.0.2.1', '192.0.2.1', '2001:db8::1', '2001:db8::2', '192.0.2.2'])
    refuse(address, 'client_limit');
  refuse('192.0.2.1', 'bad_proxy_header');
  assert.deepEqual(values(metrics, 'connections_refused_total'), [['web', 6]]);
  assert.deepEqual(values(metrics, 'faults_total'), [
    ['client_limit client', 5],
    ['bad_proxy_header client', 1],
  ]);
  const lines = (): string[] => readFileSync(dir.file('log'), 'utf8').split('\n').slice(0, -1);
  await eventually(() => lines().length === 4, { what: 'four lines' });
  const said = lines().map((line) => (JSON.parse(line) as { msg: string }).msg);
  assert.deepEqual(said, [
    'connection refused: client_limit: too much (from 192.0.2.1)',
    'connection refused: client_limit: too much (from 2001:db8::1)',
    'connection refused: client_limit: too much (from 192.0.2.2)',
    'connection refused: bad_proxy_header: too much (from 192.0.2.1)',
  ]);
});
