// Someone starts the installed command with the Node of their distribution. What an old Node can do cannot be borrowed
// here, so a new one is made to believe that it is old.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chmodSync, copyFileSync, mkdirSync, symlinkSync } from 'node:fs';
import { runToEnd } from '../support/owned-process.ts';
import { openTempDir } from '../support/temp.ts';

const bin = fileURLToPath(new URL('../../bin/countersign.js', import.meta.url));
const launcher = fileURLToPath(new URL('../../bin/countersign', import.meta.url));

describe('the command under another Node', () => {
  for (const version of ['12.22.12', '20.19.2', '26.8.1', '26.9.0']) {
    it(`refuses ${version} with one line that says what is needed`, async () => {
      using dir = openTempDir();
      const disguise = dir.write(
        'disguise.cjs',
        `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });`,
      );
      const run = await runToEnd(process.execPath, ['--require', disguise, bin, '--version']);
      assert.equal(run.code, 1);
      assert.equal(run.stdout, '');
      assert.match(run.stderr, /^countersign needs Node 26\.10 or newer; this is Node [\d.]+; .+\n$/);
      assert.ok(run.stderr.includes(`this is Node ${version};`));
      assert.ok(run.stderr.includes(process.platform === 'linux' ? launcher : 'install it'));
    });
  }

  it('runs on the one that npm ci brings', async () => {
    const run = await runToEnd(process.execPath, [bin, '--version']);
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stdout, /^\d+\.\d+\.\d+\n$/);
  });
});

describe('the launcher', () => {
  it('starts the Node that lies beside it, through links, from elsewhere, with another Node or none on PATH', async () => {
    using dir = openTempDir('launcher');
    const app = dir.file('app dir');
    mkdirSync(`${app}/bin`, { recursive: true });
    copyFileSync(launcher, `${app}/bin/countersign`);
    dir.write('app dir/bin/countersign.js', 'console.log(process.execPath, process.cwd(), ...process.argv.slice(2));');
    const arch = { x64: 'x64', arm64: 'arm64' }[process.arch as string] ?? 'none';
    const beside = `${app}/node_modules/node-${process.platform}-${arch}/bin`;
    mkdirSync(beside, { recursive: true });
    symlinkSync(process.execPath, `${beside}/node`);
    mkdirSync(dir.file('links/far'), { recursive: true });
    symlinkSync('../../app dir/bin/countersign', dir.file('links/far/one'));
    symlinkSync('far/one', dir.file('links/two'));
    dir.write('old/node', '#!/bin/sh\necho "an old Node" >&2\nexit 3\n');
    chmodSync(dir.file('old/node'), 0o755);
    const system = '/usr/bin:/bin';
    for (const [command, path] of [
      [`${app}/bin/countersign`, system],
      [dir.file('links/two'), `${dir.file('old')}:${system}`],
    ] as const) {
      const cwd = dir.file('links');
      // As sudo does: next to nothing of the environment.
      const run = await runToEnd('env', ['-i', `PATH=${path}`, command, 'pki', 'a b'], { cwd });
      assert.equal(run.code, 0, run.stderr);
      assert.equal(run.stdout, `${process.execPath} ${cwd} pki a b\n`);
    }
    const elsewhere = dir.file('bare');
    mkdirSync(elsewhere);
    copyFileSync(launcher, `${elsewhere}/countersign`);
    const old = await runToEnd('env', ['-i', `PATH=${dir.file('old')}:${system}`, `${elsewhere}/countersign`]);
    assert.deepEqual([old.code, old.stderr], [3, 'an old Node\n']);
  });
});
