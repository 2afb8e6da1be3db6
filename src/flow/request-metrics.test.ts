import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../base/fault.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { RequestMetrics, RouteMetrics } from './request-metrics.ts';

/** Samples of one metric as `label=value,… number`; of histograms the counts only. */
function samples(metrics: Metrics, name: string): string[] {
  const metric = metrics.snapshot().find((one) => one.name === `countersign_${name}`);
  return (metric?.values ?? [])
    .filter(({ metricName }) => metricName === undefined || metricName.endsWith('_count'))
    .map(({ labels, value }) => `${Object.entries(labels).join(' ')} ${value}`);
}

test('answers are counted by route, backend and class of status', () => {
  const metrics = new Metrics();
  const route = new RouteMetrics(metrics.of, 'r');
  for (const status of [200, 204, 404, 502]) route.of('b:1').answered(status);
  route.of('').answered(503);
  assert.deepEqual(samples(metrics, 'requests_total'), [
    'route,r status,2xx backend,b:1 2',
    'route,r status,4xx backend,b:1 1',
    'route,r status,5xx backend,b:1 1',
    'route,r status,5xx backend, 1',
  ]);
});

test('times are observed in seconds, and what never happened has no series', () => {
  const metrics = new Metrics();
  const route = new RouteMetrics(metrics.of, 'r');
  route.of('b:1');
  assert.deepEqual(samples(metrics, 'request_seconds'), []);
  assert.deepEqual(samples(metrics, 'upstream_first_byte_seconds'), []);
  route.took(2000);
  route.of('b:1').headCame(500);
  route.of('b:1').retried();
  assert.equal(metrics.of.requestSeconds.labels({ route: 'r' }).sum, 2);
  assert.equal(metrics.of.upstreamFirstByteSeconds.labels({ backend: 'b:1' }).sum, 0.5);
  assert.deepEqual(samples(metrics, 'upstream_retries_total'), ['backend,b:1 1']);
});

test('two generations of a route count into the same series', () => {
  const metrics = new Metrics();
  new RouteMetrics(metrics.of, 'r').of('b:1').answered(200);
  new RouteMetrics(metrics.of, 'r').of('b:1').answered(200);
  assert.deepEqual(samples(metrics, 'requests_total'), ['route,r status,2xx backend,b:1 2']);
});

test('faults are counted by code and by who caused them', () => {
  const metrics = new Metrics();
  const requests = new RequestMetrics(metrics.of);
  requests.countFault(new Fault('no_client_cert', 'client'));
  requests.countFault(new Fault('no_client_cert', 'backend'));
  requests.countFault(new Fault('no_client_cert', 'client', { detail: 'another' }));
  assert.deepEqual(samples(metrics, 'faults_total'), [
    'code,no_client_cert source,client 2',
    'code,no_client_cert source,backend 1',
  ]);
});
