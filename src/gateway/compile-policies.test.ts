import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { mintCa } from '../certs/test-ca.ts';
import { type CompiledPolicy, policyCompiler } from './compile-policies.ts';
import { loadConfig } from '../config/load-config.ts';
import { FileSource } from '../loading/file-source.ts';
import { loadGateway } from '../loading/load.ts';

it('a policy is taken over where nothing of it changed but its line, and built anew where anything did', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'countersign-policies-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const [ca, other] = [await mintCa({ cn: 'Root' }), await mintCa({ cn: 'Other' })];
  const issue = async (): Promise<void> => {
    const server = await ca.issue({ kind: 'server', sans: ['a.test', 'b.test'] });
    writeFileSync(join(dir, 's.crt'), server.chainPem);
    writeFileSync(join(dir, 's.key'), server.keyPem);
  };
  await issue();
  writeFileSync(join(dir, 'a.crt'), ca.certPem);
  writeFileSync(join(dir, 'b.crt'), ca.certPem);
  let before: ReadonlyMap<string, CompiledPolicy> | undefined;
  /** Names of the policies that are built anew. */
  const built = async (note: string, depth: number): Promise<string[]> => {
    writeFileSync(
      join(dir, 'g.yml'),
      `${note}gateway:
  tls:
    certificates: [{cert: s.crt, key: s.key}]
    policies:
      - {name: a, hosts: [a.test], clientAuth: {clientCA: a.crt, required: true, maxDepth: ${depth}}}
      - {name: b, hosts: [b.test], clientAuth: {clientCA: b.crt, required: true}}
  routes: [{name: r, path: /, target: "http://127.0.0.1:1"}]
`,
    );
    const { loaded, problems } = await loadGateway(new FileSource(join(dir, 'g.yml')), {
      env: {},
      strict: true,
      clock: systemClock,
      read: loadConfig,
    });
    assert.ok(loaded, JSON.stringify(problems));
    const last = before;
    const compiler = policyCompiler(loaded, Buffer.alloc(48, 1), { find: () => [] }, undefined, last);
    for (const policy of loaded.policies) compiler.add(policy);
    before = compiler.compiled;
    return [...before].filter(([name, { policy }]) => last?.get(name)?.policy !== policy).map(([name]) => name);
  };
  assert.deepEqual(await built('', 2), ['gateway', 'a', 'b']);
  assert.deepEqual(await built('# a line more\n', 2), []);
  assert.deepEqual(await built('', 1), ['a']);
  writeFileSync(join(dir, 'b.crt'), other.certPem);
  assert.deepEqual(await built('', 1), ['b']);
  await issue();
  assert.deepEqual(await built('', 1), ['gateway', 'a', 'b'], 'they all show the new certificate');
});
