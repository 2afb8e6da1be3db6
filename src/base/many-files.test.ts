import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { lookAtAll, manyFiles, readAll, realFoldersOf } from './many-files.ts';
import { FileRefusal } from './read-regular-file.ts';

/** Everything that a path can be, and after it `count` files. */
function open(t: TestContext, count: number): { dir: string; paths: string[] } {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'countersign-many-')));
  t.after(() => rmSync(dir, { recursive: true }));
  mkdirSync(join(dir, 'folder/below'), { recursive: true });
  writeFileSync(join(dir, 'folder/below/x'), 'x');
  writeFileSync(join(dir, 'empty'), '');
  writeFileSync(join(dir, 'large'), 'x'.repeat(200));
  symlinkSync('folder/below/x', join(dir, 'link'));
  symlinkSync('nowhere', join(dir, 'dangling'));
  const names = ['folder', 'empty', 'large', 'link', 'dangling', 'missing', 'empty/below', 'link'];
  for (let at = 0; at < count; at++) {
    names.push(`f${at}`);
    writeFileSync(join(dir, `f${at}`), `content of ${at}`);
  }
  return { dir, paths: names.map((name) => join(dir, name)) };
}

describe('many files', () => {
  it('are read as a few are: bytes, refusals and errors in the order of the paths', async (t) => {
    const { paths } = open(t, 3 * manyFiles);
    const many = await readAll(paths, 100);
    const few: (Buffer | Error)[] = [];
    for (let at = 0; at < paths.length; at += 10) few.push(...(await readAll(paths.slice(at, at + 10), 100)));
    const told = (file: Buffer | Error) => {
      if (Buffer.isBuffer(file)) return file.toString();
      if (file instanceof FileRefusal) return { reason: file.reason, size: file.size };
      return { code: (file as NodeJS.ErrnoException).code };
    };
    assert.deepEqual(many.map(told), few.map(told));
    assert.deepEqual(many.slice(0, 8).map(told), [
      { reason: 'directory', size: 0 },
      '',
      { reason: 'too_large', size: 200 },
      'x',
      { code: 'ENOENT' },
      { code: 'ENOENT' },
      { code: 'ENOTDIR' },
      'x',
    ]);
    assert.equal(many.at(-1)?.toString(), `content of ${3 * manyFiles - 1}`);
  });

  it('are looked at as a few are, folders with what is in them', async (t) => {
    const { dir, paths } = open(t, manyFiles);
    const look = async (): Promise<unknown> => {
      const few = [];
      for (let at = 0; at < paths.length; at += 10) few.push(...(await lookAtAll(paths.slice(at, at + 10))));
      return few;
    };
    const before = await lookAtAll(paths);
    assert.deepEqual(before, await look());
    writeFileSync(join(dir, 'folder/below/x'), 'another');
    const after = await lookAtAll(paths);
    assert.deepEqual(after, await look());
    const changed = paths.filter((_, at) => before[at]?.print !== after[at]?.print);
    assert.deepEqual(changed, [join(dir, 'folder'), join(dir, 'link'), join(dir, 'link')]);
  });

  it('lead to the same folders as a few do', async (t) => {
    const { dir, paths } = open(t, manyFiles);
    const few: string[] = [];
    for (let at = 0; at < paths.length; at += 10) few.push(...(await realFoldersOf(paths.slice(at, at + 10))));
    const many = await realFoldersOf(paths);
    assert.deepEqual(many, few);
    assert.equal(many[3], join(dir, 'folder/below'));
  });
});
