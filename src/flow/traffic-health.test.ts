import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TrafficHealthConfig } from '../config/gateway-config.ts';
import { TrafficHealth } from './traffic-health.ts';

type Asked = { target?: string; method?: string; entryPoint?: string; from?: string; draining?: boolean };

const everywhere: TrafficHealthConfig = {
  liveness: true,
  readiness: true,
  entryPoints: ['web', 'webSecure'],
  sourceRanges: undefined,
};

/** The status and what is said, or that it is a request like any other. */
function ask(config: Partial<TrafficHealthConfig>, asked: Asked): string {
  const { target = '/healthz', method = 'GET', entryPoint = 'web', from = '192.0.2.1', draining = false } = asked;
  const question = { target, method, entryPoint, address: from, isDraining: draining };
  const answer = new TrafficHealth({ ...everywhere, ...config }).find(question);
  if (answer === undefined) return 'a request like any other';
  const { status } = JSON.parse(answer.body) as { status: string };
  return `${answer.status} ${status}`;
}

const other = 'a request like any other';

test("/healthz and /readyz are answered as Goma's", () => {
  for (const target of ['/healthz', '/readyz']) {
    assert.equal(ask({}, { target }), '200 running');
    assert.equal(ask({}, { target, method: 'HEAD' }), '200 running');
  }
});

test('No other path, spelling or method is', () => {
  for (const target of [
    '/',
    '/healthz/',
    '//healthz',
    '/healthz/x',
    '/Healthz',
    '/healthz?x',
    '/healthz;x',
    '/%68ealthz',
    '/x/../healthz',
    '/metrics',
  ])
    assert.equal(ask({}, { target }), other, target);
  for (const method of ['POST', 'OPTIONS', 'get']) assert.equal(ask({}, { method }), other, method);
});

test('While it drains the gateway runs, and is not ready', () => {
  assert.equal(ask({}, { draining: true }), '200 running');
  assert.equal(ask({}, { target: '/readyz', draining: true }), '503 draining');
});

test('Only what is switched on is answered, on the entry points and to the addresses that are named', () => {
  assert.equal(ask({ liveness: false }, {}), other);
  assert.equal(ask({ readiness: false }, { target: '/readyz' }), other);
  assert.equal(ask({ entryPoints: ['web'] }, { entryPoint: 'webSecure' }), other);
  const inner = { sourceRanges: ['10.0.0.0/8'] };
  assert.equal(ask(inner, { from: '10.1.2.3' }), '200 running');
  assert.equal(ask(inner, { from: '::ffff:10.1.2.3' }), '200 running');
  for (const from of ['192.0.2.1', '', '::1']) assert.equal(ask(inner, { from }), other, from);
});
