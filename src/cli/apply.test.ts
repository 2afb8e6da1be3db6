import assert from 'node:assert/strict';
import { before, describe, it, type TestContext } from 'node:test';
import { runHere } from '../../test/support/cli.ts';
import { openStoreToWrite, type WrittenStore } from '../../test/support/stored-config.ts';
import { type Issued, mintCa } from '../certs/test-ca.ts';
import { loadConfig } from '../config/load-config.ts';
import { applyCommand } from './apply.ts';
import { exportCommand } from './export.ts';

let leaf: Issued;
before(async () => {
  leaf = await (await mintCa({ cn: 'Root' })).issue({ kind: 'server', cn: 'localhost', sans: ['DNS:localhost'] });
});

const gatewayText = `gateway:
  store: {url: "sqlite:store.db"}
  certificates: [{id: of-file, cert: web.crt, key: "MC4CAQAwBQYDK2VwBCIEIJ1111111111111111111111111111111111111111111"}]
  tls: {defaultPolicy: none}
`;
const objects = (address: string): string => `gateway:
  certificates: [{id: web, cert: "${leaf.chainPem.replaceAll('\n', '\\n')}", key: web.key}]
  services: [{name: orders, address: "${address}", tls: {mode: "off"}}]
  routes: [{name: orders, path: /orders, priority: 7, service: orders}]
  tls: {policies: [{name: edge, hosts: [localhost], certificateIds: [web]}]}
`;

async function open(t: TestContext): Promise<{ written: WrittenStore; config: string; file: string }> {
  const written = await openStoreToWrite(t);
  const { dir } = written;
  dir.write('web.key', leaf.keyPem);
  dir.write('web.crt', leaf.chainPem);
  const config = dir.write('gateway.yml', gatewayText.replace(/ {2}certificates.*\n/, ''));
  return { written, config, file: dir.write('objects.yml', objects('localhost:1')) };
}

describe('countersign apply', () => {
  it('with --dry-run says what would change and who may enter, and changes nothing', async (t) => {
    const { written, config, file } = await open(t);
    const { code, stdout } = await runHere(applyCommand, ['--config', config, '--dry-run', file]);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^added: services\/orders$/m);
    assert.match(stdout, /^opened: 1$/m);
    assert.match(stdout, /a gateway would take it; nothing was changed/);
    assert.equal((await written.store.revisions.head()).number, 0);
    assert.deepEqual((await written.store.sealed.list()).items, []);
  });

  it('makes a revision with sealed keys, that export gives back and that changes nothing when it is applied again', async (t) => {
    const { written, config, file } = await open(t);
    const { code, stdout } = await runHere(applyCommand, ['--config', config, file, '--reason', 'first']);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^revision 1$/m);
    const head = await written.store.revisions.find(1);
    assert.deepEqual([head?.reason, head?.actor.startsWith('local:')], ['first', true]);
    const exported = await runHere(exportCommand, ['--config', config, '--only', 'store']);
    assert.equal(exported.code, 0, exported.stderr);
    assert.match(exported.stdout, /sealed: [0-9a-f]{64}/);
    assert.ok(!exported.stdout.includes('PRIVATE'));
    const again = written.dir.write('again.yml', exported.stdout);
    const { stdout: second } = await runHere(applyCommand, ['--config', config, again]);
    assert.match(second, /^nothing changes$/m);
    const { stdout: third } = await runHere(applyCommand, ['--config', config, file]);
    assert.match(third, /^nothing changes$/m, 'the same key is no other, though it was sealed');
    assert.equal((await written.store.revisions.head()).number, 1);
  });

  it('names the field that changes, and refuses what a gateway would not take', async (t) => {
    const { written, config, file } = await open(t);
    await runHere(applyCommand, ['--config', config, file]);
    const changed = written.dir.write('changed.yml', objects('localhost'));
    const { code, stdout } = await runHere(applyCommand, ['--config', config, changed]);
    assert.equal(code, 1);
    assert.match(stdout, /^proposed revision 2, service orders, \/address: error: /m);
    assert.match(stdout, /^changed: services\/orders\n {2}\/address$/m);
    assert.match(stdout, /^refused: a gateway would not take it; nothing was changed$/m);
    assert.equal((await written.store.revisions.head()).number, 1);
  });

  it('puts nothing in force for all that somebody has put on trial at the same moment', async (t) => {
    const { written, config, file } = await open(t);
    const changes = [{ kind: 'services', id: 'tried', put: { address: 'localhost:9', tls: { mode: 'off' } } }];
    let onTrial: Promise<unknown> | undefined;
    // Asked for when everything that speaks against it was looked at, and before it is planned.
    const read = {
      get: () => {
        onTrial ??= written.store.revisions.append({ actor: 'user:bob', parent: 0, changes, canary: ['edge-1'] });
        return loadConfig;
      },
    };
    const { code, stdout } = await runHere(
      (io) => applyCommand(Object.defineProperty(io, 'read', read)),
      ['--config', config, file],
    );
    await onTrial;
    assert.equal(code, 1, stdout);
    assert.match(stdout, /^refused: somebody else was quicker; nothing was changed, try again$/m);
    assert.equal((await written.store.revisions.head()).number, 1);
    assert.deepEqual((await written.store.revisions.find(1))?.canary, ['edge-1']);
  });

  it('with --prune removes what the files do not name, and shows it before with --dry-run', async (t) => {
    const { written, config, file } = await open(t);
    await runHere(applyCommand, ['--config', config, file]);
    const lines = objects('localhost:2').replace('name: orders', 'name: other').split('\n');
    const fewer = written.dir.write('fewer.yml', lines.filter((line) => !line.includes('routes:')).join('\n'));
    const kept = await runHere(applyCommand, ['--config', config, '--dry-run', fewer]);
    assert.deepEqual([kept.code, /removed/.test(kept.stdout)], [0, false]);
    const dry = await runHere(applyCommand, ['--config', config, '--dry-run', '--prune', fewer]);
    assert.equal(dry.code, 0, dry.stdout);
    for (const name of ['services/orders', 'routes/orders'])
      assert.match(dry.stdout, new RegExp(`^removed: ${name}$`, 'm'));
    assert.equal((await written.store.revisions.head()).number, 1);
    const pruned = await runHere(applyCommand, ['--config', config, '--prune', fewer]);
    assert.match(pruned.stdout, /^revision 2$/m);
    const { objects: left = [] } = (await written.store.revisions.read(2)) ?? {};
    assert.deepEqual(
      left.map(({ kind, id }) => `${kind}/${id}`),
      ['certificates/web', 'policies/edge', 'services/other'],
    );
  });

  for (const [what, text, message] of [
    ['what no store holds', 'gateway: {workers: 3}', /gateway\.workers is nothing that a store holds/],
    ['an object without a name', 'gateway: {services: [{address: "a:1"}]}', /an item of services has no name/],
    ['an object twice', 'gateway: {services: [{name: a}, {name: a}]}', /services\/a stands in these files twice/],
    ['no YAML', 'gateway: [', /objects\.yml:\d+:\d+: not valid YAML/],
  ] as const) {
    it(`refuses a file with ${what}`, async (t) => {
      const { written, config } = await open(t);
      const file = written.dir.write('objects.yml', text);
      const { code, stderr } = await runHere(applyCommand, ['--config', config, file]);
      assert.equal(code, 1);
      assert.match(stderr, message);
    });
  }

  it('says that a configuration names no store', async (t) => {
    const { written, file } = await open(t);
    const config = written.dir.write('without.yml', 'gateway: {}\n');
    const { code, stderr } = await runHere(applyCommand, ['--config', config, file]);
    assert.deepEqual([code, /names no store/.test(stderr)], [1, true]);
  });
});

describe('countersign export', () => {
  it('leaves the keys of the file out', async (t) => {
    const { written } = await open(t);
    const config = written.dir.write('keys.yml', gatewayText);
    const { code, stdout } = await runHere(exportCommand, ['--config', config]);
    assert.equal(code, 0);
    assert.match(stdout, /id: of-file\n +cert: web\.crt\n +key: LEFT OUT/);
    assert.match(stdout, /# keys\.yml:\d+\n +- id: of-file/);
    assert.match(stdout, /^# revision 0 of the store/m);
  });
});
