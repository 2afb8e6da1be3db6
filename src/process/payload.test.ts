import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { loadConfig } from '../config/load-config.ts';
import { FileSource } from '../loading/file-source.ts';
import { loadGateway } from '../loading/load.ts';
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
  const { head, pieces } = cutPayload(loaded);
  assert.equal(pieces.length, 2 + 3);
  assert.deepEqual([head.routes, head.policies, head.config.routes, head.config.tls.policies], [[], [], [], []]);
  const payloads = new Payloads();
  for (const piece of pieces.slice(0, 3)) payloads.add(1, piece);
  for (const piece of pieces) payloads.add(2, piece);
  assert.deepEqual(payloads.complete(2, head), loaded);
  assert.deepEqual(payloads.complete(3, head).routes, []);
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
