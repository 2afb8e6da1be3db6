// Someone starts the installed command with the Node of their distribution. What an old Node can do cannot be borrowed
// here, so a new one is made to believe that it is old.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runToEnd } from '../support/owned-process.ts';
import { openTempDir } from '../support/temp.ts';

const bin = fileURLToPath(new URL('../../bin/countersign.js', import.meta.url));

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
    });
  }

  it('runs on the one that npm ci brings', async () => {
    const run = await runToEnd(process.execPath, [bin, '--version']);
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stdout, /^\d+\.\d+\.\d+\n$/);
  });
});
