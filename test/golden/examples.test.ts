// The examples, with the certificates that their own README has made: `check` finds nothing wrong, nor even doubtful.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));

for (const name of ['goma-backend-mtls', 'goma-edge-mtls']) {
  test(`examples/${name} passes check with the certificates of its README`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'example-'));
    t.after(async () => rm(folder, { recursive: true, force: true }));
    await cp(join(root, 'examples', name), folder, { recursive: true });
    const readme = await readFile(join(folder, 'README.md'), 'utf8');
    const hosts = /pki init certs --host (.+)/.exec(readme)?.[1];
    assert.ok(hosts !== undefined, 'the README says how to make the certificates');
    const countersign = join(root, 'bin', 'countersign.js');
    await run(process.execPath, [countersign, 'pki', 'init', join(folder, 'certs'), '--host', ...hosts.split(' ')]);
    const { stdout } = await run(process.execPath, [
      countersign,
      'check',
      '--strict',
      '--json',
      '--config',
      join(folder, 'goma.yml'),
    ]);
    assert.deepEqual(JSON.parse(stdout), { ok: true, errors: 0, warnings: 0, problems: [] });
  });
}
