import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import type { Verdict } from '../trust/verdict.ts';
import { createLogger } from '../telemetry/logger.ts';
import { Metrics } from '../telemetry/metrics.ts';
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
