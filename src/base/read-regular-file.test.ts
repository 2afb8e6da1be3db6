import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { FileRefusal, readRegularFile, readRegularFileSync } from './read-regular-file.ts';

function openFolder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'countersign-read-'));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}

const readers = {
  readRegularFile,
  readRegularFileSync: async (path: string, maxBytes: number) => readRegularFileSync(path, maxBytes),
};

for (const [name, read] of Object.entries(readers)) {
  const refusedFor = async (path: string, reason: string): Promise<void> =>
    assert.rejects(read(path, 100), (error) => error instanceof FileRefusal && error.reason === reason);

  describe(name, () => {
    it('reads a file up to its limit, also through a link, and refuses one byte more', async (t) => {
      const dir = openFolder(t);
      const file = join(dir, 'file');
      writeFileSync(file, 'x'.repeat(100));
      symlinkSync(file, join(dir, 'link'));
      assert.equal((await read(join(dir, 'link'), 100)).toString(), 'x'.repeat(100));
      writeFileSync(file, '');
      assert.equal((await read(file, 100)).length, 0);
      writeFileSync(file, 'x'.repeat(101));
      await refusedFor(file, 'too_large');
    });

    it('believes no size: files of /proc say 0', async () => {
      assert.match((await read('/proc/self/status', 65_536)).toString(), /^Name:/);
      await refusedFor('/proc/self/status', 'too_large');
    });

    it('refuses folders, devices and FIFOs without waiting for anybody', async (t) => {
      const dir = openFolder(t);
      const fifo = join(dir, 'fifo');
      execFileSync('mkfifo', [fifo]);
      await refusedFor(fifo, 'not_regular');
      await refusedFor('/dev/zero', 'not_regular');
      await refusedFor(dir, 'directory');
      await assert.rejects(read(join(dir, 'none'), 100), { code: 'ENOENT' });
    });
  });
}
