// What `npm pack` makes, installed into an empty folder as `npm install` does it: JavaScript that any Node 26.10 starts, no types
// to strip (Node strips none below node_modules), nothing of the tests, no other package but Node itself.
import assert from 'node:assert/strict';
import { existsSync, globSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Finished, runToEnd, startProcess } from '../support/owned-process.ts';
import { openTempDir, type TempDir } from '../support/temp.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('the package', () => {
  let dir: TempDir;
  let app: string;
  let command: string;
  const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Finished> =>
    runToEnd(command, args, { cwd: app, env: { NODE_COMPILE_CACHE: '', ...env } });

  before(async () => {
    dir = openTempDir('package');
    app = dir.file('app');
    mkdirSync(app);
    // The runner has built dist/ already; packing builds it for those who publish (prepack).
    const packed = await runToEnd('npm', ['pack', '--ignore-scripts', '--pack-destination', dir.path], { cwd: root });
    assert.equal(packed.code, 0, packed.stderr);
    const [tarball] = globSync('*.tgz', { cwd: dir.path });
    assert.ok(tarball !== undefined);
    writeFileSync(`${app}/package.json`, '{"private": true}');
    // Its one dependency is a Node of 100 MB, which is here already.
    const args = ['install', '--offline', '--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund'];
    const installed = await runToEnd('npm', [...args, dir.file(tarball)], { cwd: app });
    assert.equal(installed.code, 0, installed.stderr);
    command = `${app}/node_modules/.bin/countersign`;
    const runtime = `node-${process.platform}-${process.arch}`;
    if (existsSync(`${root}/node_modules/${runtime}`)) {
      symlinkSync(`${root}/node_modules/${runtime}`, `${app}/node_modules/${runtime}`);
    }
  });
  after(() => dir.remove());

  it('holds the launcher, the program and what its parts are licensed under, and nothing else', () => {
    const files = globSync('**/*', { cwd: `${app}/node_modules/countersign` });
    assert.deepEqual(
      files.filter((file) => /\.ts$|(?:^|\/)(?:src|test|bench|scripts)\//.test(file)),
      [],
    );
    for (const file of ['bin/countersign', 'dist/cli/main.js', 'dist/THIRD-PARTY.txt', 'LICENSE', 'README.md']) {
      assert.ok(files.includes(file), file);
    }
    const { version } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as { readonly version: string };
    const manifest = JSON.parse(readFileSync(`${app}/node_modules/countersign/package.json`, 'utf8')) as {
      readonly version: string;
      readonly dependencies?: unknown;
    };
    assert.equal(manifest.version, version);
    assert.equal(manifest.dependencies, undefined);
  });

  it('says its version, also where an old Node is first on PATH', async () => {
    const bin = dir.file('old');
    mkdirSync(bin);
    writeFileSync(`${bin}/node`, '#!/bin/sh\necho "an old one was started" >&2\nexit 9\n', { mode: 0o755 });
    for (const env of [{}, { PATH: `${bin}:${process.env['PATH']}` }]) {
      const { stdout, stderr, code } = await run(['--version'], env);
      assert.deepEqual({ stdout, stderr, code }, { stdout: '0.1.0\n', stderr: '', code: 0 });
    }
  });

  it('checks a configuration, and points at the line of a mistake', async () => {
    const made = await run(['pki', 'init', 'certs', '--host', 'localhost']);
    assert.equal(made.code, 0, made.stderr);
    const good = `version: 2
gateway:
  tls:
    certificates: [{cert: certs/server.crt, key: certs/server.key}]
    clientAuth: {clientCA: certs/ca.crt, required: true}
  routes:
    - name: api
      path: /
      backends: [{endpoint: "http://127.0.0.1:9"}]
`;
    writeFileSync(`${app}/good.yml`, good);
    writeFileSync(`${app}/bad.yml`, good.replace('required: true', 'requird: true'));
    const checked = await run(['check', '--config', 'good.yml']);
    assert.equal(checked.code, 0, checked.stderr);
    const refused = await run(['check', '--config', 'bad.yml']);
    assert.equal(refused.code, 1);
    assert.match(refused.stdout + refused.stderr, /bad\.yml:5:/);
  });

  it('runs the demonstration: alice passes, nobody is refused', async () => {
    await using demo = await startProcess(command, ['demo', '--any-port'], {
      env: { NODE_COMPILE_CACHE: '' },
      cwd: app,
      name: 'demo',
    });
    await demo.lines.waitFor((line) => /Ctrl-C/.test(line.text), { what: 'the instructions' });
    const lines = demo.lines.items.map((line) => line.text.trim()).filter((text) => text.startsWith('curl '));
    const codes = [];
    for (const line of lines.slice(0, 2)) {
      const { stdout } = await runToEnd('sh', ['-c', `${line} --silent --show-error --noproxy '*'`]);
      codes.push((JSON.parse(stdout) as { readonly calledBy?: string; readonly code?: string }).code ?? 'passed');
    }
    assert.deepEqual(codes, ['passed', 'no_client_cert']);
    assert.deepEqual(await demo.stop('SIGINT'), { code: 0, signal: null });
  });
});
