import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { Slices } from '../base/slices.ts';
import { loadConfig } from '../config/load-config.ts';
import { FileSource } from '../loading/file-source.ts';
import { loadGateway } from '../loading/load.ts';
import type { LoadedPolicy, LoadedRoute, LoadedRules } from '../loading/loaded.ts';
import { mintCa } from '../certs/test-ca.ts';
import { cutPayload, Payloads, rulesFor } from './payload.ts';

it('what was cut comes out whole, and nothing of a shipment that was broken off', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'countersign-shipment-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const ca = await mintCa({ cn: 'Root' });
  const server = await ca.issue({ kind: 'server', sans: ['*.a.test', 'a.test'] });
  writeFileSync(join(dir, 'ca.crt'), ca.certPem);
  writeFileSync(join(dir, 'a.crt'), server.chainPem);
  writeFileSync(join(dir, 'a.key'), server.keyPem);
  const lines = (count: number, line: (i: number) => string): string =>
    Array.from({ length: count }, (_, i) => `      - ${line(i)}\n`).join('');
  const auth = 'clientAuth: {clientCA: ca.crt, required: true}';
  writeFileSync(
    join(dir, 'g.yml'),
    `gateway:\n  tls:\n    certificates: [{cert: a.crt, key: a.key}]\n    policies:\n` +
      lines(30, (i) => `{name: p${i}, hosts: [p${i}.a.test], ${auth}}`) +
      `  routes:\n${lines(600, (i) => `{name: r${i}, path: /${i}, hosts: [a.test], target: "http://127.0.0.1:1"}`)}`,
  );
  const { loaded } = await loadGateway(new FileSource(join(dir, 'g.yml')), {
    env: {},
    strict: true,
    clock: systemClock,
    read: loadConfig,
  });
  assert.ok(loaded);
  const slices = new Slices(systemClock);
  const { head, pieces } = await cutPayload(loaded, undefined, slices);
  assert.equal(pieces.length, 2 + 3);
  assert.deepEqual([head.routes, head.policies, head.config.routes, head.config.tls.policies], [[], [], [], []]);
  const payloads = new Payloads();
  for (const piece of pieces.slice(0, 3)) payloads.add(1, piece);
  for (const piece of pieces) payloads.add(2, piece);
  assert.deepEqual(payloads.complete(2, head, undefined), loaded);
  assert.deepEqual(payloads.complete(3, head, undefined).routes, []);
});

it('what a worker serves by is not sent again, whatever moved; what is new, gone or in another order is as it is written', async () => {
  const policy = (name: string, line: number, depth = 4): LoadedPolicy =>
    ({
      config: { name, place: { file: 'g', line, col: 1 }, clientAuth: { maxDepth: depth } },
    }) as unknown as LoadedPolicy;
  const route = (name: string): LoadedRoute => ({ config: { name }, filters: [] }) as unknown as LoadedRoute;
  const rules = (policies: readonly LoadedPolicy[], routes: readonly LoadedRoute[]): LoadedRules => ({
    config: { tls: { gateway: { name: 'gateway' } } } as unknown as LoadedRules['config'],
    policies,
    routes,
  });
  const slices = new Slices(systemClock);
  const held = rules([policy('gateway', 1), policy('a', 2), policy('b', 3), policy('c', 4)], [route('x'), route('y')]);
  const next = rules(
    [policy('gateway', 5), policy('a', 6, 2), policy('c', 7), policy('b', 8), policy('d', 9)],
    [route('x'), route('y'), route('z')],
  );
  const { head, pieces } = await cutPayload(next, held, slices);
  const sent = pieces.flatMap(({ policies, routes }) => [...policies, ...routes]);
  assert.deepEqual(
    sent.map((one) => ('config' in one ? one.config.name : one)),
    [{ from: 0, count: 1 }, 'a', { from: 3, count: 1 }, { from: 2, count: 1 }, 'd', { from: 0, count: 2 }, 'z'],
  );
  const payloads = new Payloads();
  for (const piece of structuredClone(pieces)) payloads.add(1, piece);
  const whole = payloads.complete(1, head, held);
  assert.deepEqual(
    whole.policies.map(({ config: { name, clientAuth } }) => [name, clientAuth?.maxDepth]),
    next.policies.map(({ config: { name, clientAuth } }) => [name, clientAuth?.maxDepth]),
  );
  assert.equal(whole.policies[2], held.policies[3]);
  assert.deepEqual(whole.routes, next.routes);
  assert.deepEqual(
    whole.config.tls.policies.map(({ name }) => name),
    ['a', 'c', 'b', 'd'],
  );
  // The other worker came up since, and has nothing.
  const all = await cutPayload(next, undefined, slices);
  assert.deepEqual(
    all.pieces.flatMap(({ policies }) => policies),
    next.policies,
  );
  for (const piece of pieces) payloads.add(2, piece);
  assert.throws(() => payloads.complete(2, head, undefined), RangeError);
});

it('a worker learns nothing of who signs in at the console, and no secret of it', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'countersign-payload-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'g.yml');
  const oidc =
    '{issuer: "https://id.test", clientId: c, clientSecret: hush, redirectUri: "https://g.test/log-in/callback", roleClaim: r, roles: {admin: a}}';
  writeFileSync(
    file,
    `gateway:\n  store: {url: "sqlite:a.db"}\n  entryPoints: {admin: {oidc: ${oidc}}}\n  routes: [{name: a, path: /, target: "http://b.test:1"}]\n`,
  );
  const { config } = await loadConfig({ file }, { env: {}, strict: true });
  assert.ok(config?.entryPoints.admin.oidc !== undefined);
  for (const port of [undefined, 8443]) {
    const sent = rulesFor({ config, policies: [], routes: [] }, port);
    assert.doesNotMatch(JSON.stringify(sent), /hush/);
    assert.equal(sent.config.entryPoints.admin.oidc, undefined);
  }
});
