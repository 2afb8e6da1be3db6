// Which backends of a route are asked while others are out, and that keys and sessions follow. No connection is made.
import assert from 'node:assert/strict';
import { after, test, type TestContext } from 'node:test';
import {
  backendConfig,
  closePools,
  clusterOptions,
  makeDependencies,
  noTls,
  openPools,
} from '../../test/conformance/upstream-setup.ts';
import { Fault } from '../base/fault.ts';
import type { BackendConfig } from '../config/gateway-config.ts';
import { FieldNames, Fields } from '../http/field.ts';
import type { Backend } from './backend.ts';
import { Cluster, type ClusterOptions } from './cluster.ts';

after(closePools);

const names = new FieldNames();
const nothing = new Fields();

function open(t: TestContext, backends: readonly Partial<BackendConfig>[], more: Partial<ClusterOptions> = {}) {
  const configs = backends.map((config, at) => backendConfig(`http://192.0.2.${at + 1}:8000`, config));
  const cluster = new Cluster(clusterOptions(configs, noTls, more), openPools(makeDependencies()));
  t.after(() => cluster.close());
  return cluster;
}

/** As after so many failed connects. */
function eject({ pool }: Backend | { readonly pool: undefined } = { pool: undefined }): void {
  for (let i = 0; i < 5; i++) pool?.refusedCertificate(new Fault('refused_by_peer', 'backend'));
}

function labelsOf(cluster: Cluster, requests = 12): string[] {
  const labels = new Set<string>();
  for (let i = 0; i < requests; i++) labels.add(cluster.pick(nothing, '/', '')?.label ?? 'none');
  return [...labels].toSorted();
}

test('backups are idle while one ordinary backend is left, then serve all of them, by their own weights', (t) => {
  const cluster = open(t, [{}, {}, { backup: true }, { backup: true }]);
  assert.deepEqual(labelsOf(cluster), ['192.0.2.1:8000', '192.0.2.2:8000']);
  eject(cluster.backends[0]);
  assert.deepEqual(labelsOf(cluster), ['192.0.2.2:8000']);
  eject(cluster.backends[1]);
  assert.deepEqual(labelsOf(cluster), ['192.0.2.3:8000', '192.0.2.4:8000']);
  cluster.backends[0]?.pool.reached();
  assert.deepEqual(labelsOf(cluster), ['192.0.2.1:8000']);
});

test('where every backend is ejected the ordinary ones are tried again: never nobody', (t) => {
  const cluster = open(t, [{}, { backup: true }]);
  for (const backend of cluster.backends) eject(backend);
  assert.deepEqual(labelsOf(cluster), ['192.0.2.1:8000']);
});

test('weights of the ordinary backends do not keep backups without one from serving', (t) => {
  const cluster = open(t, [{ weight: 5 }, { backup: true }], { loadBalancing: 'weighted' });
  eject(cluster.backends[0]);
  assert.deepEqual(labelsOf(cluster), ['192.0.2.2:8000']);
});

test('another backend is another one than all that were tried, a backup last', (t) => {
  const cluster = open(t, [{}, {}, { backup: true }]);
  const [a, b, spare] = cluster.backends;
  assert.ok(a !== undefined && b !== undefined && spare !== undefined);
  assert.equal(cluster.pickOther([a], nothing, '/', ''), b);
  assert.equal(cluster.pickOther([a, b], nothing, '/', ''), spare);
  assert.equal(cluster.pickOther([a, b, spare], nothing, '/', ''), undefined);
});

test('an ejected backend gives its keys away and gets the same ones back; no other key moves', (t) => {
  const hashOn = [{ source: 'address', name: '' }] as const;
  const cluster = open(t, [{}, {}, {}, {}], { loadBalancing: 'hash', hashOn });
  const addresses = Array.from({ length: 500 }, (_, at) => `10.0.${at >> 8}.${at & 255}`);
  const places = (): (Backend | undefined)[] => addresses.map((address) => cluster.pick(nothing, '/', address));
  const at = places();
  const gone = cluster.backends[2];
  eject(gone);
  for (const [key, place] of places().entries()) {
    assert.notEqual(place, gone);
    if (at[key] !== gone) assert.equal(place, at[key]);
  }
  gone?.pool.reached();
  assert.deepEqual(places(), at);
});

test('a request without any of the things that are hashed goes to whoever has its chance', (t) => {
  const hashOn = [{ source: 'header', name: 'X-Tenant' }] as const;
  const cluster = open(t, [{}, {}], { loadBalancing: 'hash', hashOn });
  assert.ok(cluster.pick(nothing, '/', '') !== undefined);
});

test('a session leaves a backend that is out, and a rule of a canary goes before it', (t) => {
  const config = { cookie: 'b', path: '/', maxAgeMs: 0, secure: true, httpOnly: true, sameSite: 'Lax' } as const;
  const canary = { source: 'query', name: 'canary', operator: 'equals', value: '1' } as const;
  const cluster = open(t, [{}, {}, { match: [canary], exclusive: true }], {
    sticky: { config, secret: Buffer.alloc(32), route: 'r' },
  });
  const [a, b, c] = cluster.backends;
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  const cookie = new Fields();
  const name = names.find('Cookie');
  assert.ok(name !== undefined);
  cookie.push(name, cluster.answerFields(b, nothing).pairs[0]?.[1].split(';')[0] ?? '');
  for (let i = 0; i < 3; i++) assert.equal(cluster.pick(cookie, '/', ''), b);
  assert.equal(cluster.pick(cookie, '/?canary=1', ''), c);
  eject(b);
  assert.equal(cluster.pick(cookie, '/', ''), a);
});
