// Temporary directories that remove themselves: `using dir = openTempDir()` or `t.after(() => dir.remove())`.
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export type TempDir = {
  /** Absolute. */
  readonly path: string;
  /** Absolute path of `name` inside. */
  file(name: string): string;
  /** Writes `name` (folders included) and returns its absolute path. */
  write(name: string, content: string | Uint8Array): string;
  /** As `write`, but by renaming a finished file into place, as careful tools do it. */
  replace(name: string, content: string | Uint8Array): string;
  remove(): void;
  [Symbol.dispose](): void;
};

/** What is left is removed by one listener: each of its own would be a warning where there are many. */
const left = new Set<() => void>();
process.on('exit', () => {
  for (const remove of left) remove();
});

/** An empty directory of mode 0700, removed with its content at the end of the scope, at the latest with the process. */
export function openTempDir(label = 'test'): TempDir {
  const path = mkdtempSync(join(tmpdir(), `countersign-${label}-`));
  const remove = (): void => {
    left.delete(remove);
    rmSync(path, { recursive: true, force: true });
  };
  left.add(remove);
  const write = (name: string, content: string | Uint8Array): string => {
    const file = join(path, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    return file;
  };
  return {
    path,
    file: (name) => join(path, name),
    write,
    replace(name, content) {
      const next = write(`${name}.next`, content);
      const file = join(path, name);
      renameSync(next, file);
      return file;
    },
    remove,
    [Symbol.dispose]: remove,
  };
}
