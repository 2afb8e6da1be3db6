// What identifies the content behind a path without reading it: of a file its inode, size, times and mode, of a folder those of
// everything in it.
import { lstatSync, readdirSync, realpathSync, type Stats, statSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Entries of a folder that are looked at. */
const maxEntries = 10_000;

export type FileLook = { readonly print: string; readonly isFolder: boolean };

/** Never rejects: what is not there is a print like any other. */
export async function lookAt(path: string): Promise<FileLook> {
  const { print, isFolder } = await stat(path).then(printOf(path), failureOf(path));
  if (!isFolder) return { print, isFolder };
  const entries = await readdir(path, { recursive: true }).catch(() => []);
  const parts = [print];
  for (const one of chosen(path, entries)) parts.push((await stat(one).then(printOf(one), failureOf(one))).print);
  return { print: parts.join('\n'), isFolder };
}

/** The same in one go: for a thread of its own. */
export function lookAtSync(path: string): FileLook {
  const look = (one: string): FileLook => {
    try {
      return printOf(one)(statSync(one));
    } catch (error) {
      return failureOf(one)(error);
    }
  };
  const { print, isFolder } = look(path);
  if (!isFolder) return { print, isFolder };
  let entries: readonly string[] = [];
  try {
    entries = readdirSync(path, { recursive: true, encoding: 'utf8' });
  } catch {
    // It went, or may not be read: its own print says so.
  }
  return { print: [print, ...chosen(path, entries).map((one) => look(one).print)].join('\n'), isFolder };
}

const folders = new Map<string, string>();

/** The folder that a path leads to, links resolved; its own where it leads nowhere. For a thread that ends soon: it remembers. */
export function realFolderOf(path: string): string {
  try {
    if (lstatSync(path).isSymbolicLink()) return dirname(realpathSync(path));
    const folder = dirname(path);
    let real = folders.get(folder);
    if (real === undefined) folders.set(folder, (real = realpathSync(folder)));
    return dirname(join(real, basename(path)));
  } catch {
    return dirname(path);
  }
}

function chosen(path: string, entries: readonly string[]): string[] {
  return entries
    .slice(0, maxEntries)
    .sort()
    .map((entry) => `${path}/${entry}`);
}

function printOf(path: string): (found: Stats) => FileLook {
  return (found) => {
    const { ino, size, mtimeMs, ctimeMs, mode } = found;
    return { print: `${path} ${ino} ${size} ${mtimeMs} ${ctimeMs} ${mode}`, isFolder: found.isDirectory() };
  };
}

function failureOf(path: string): (error: unknown) => FileLook {
  return (error) => ({
    print: `${path} ${(error as NodeJS.ErrnoException).code ?? 'error'}`,
    isFolder: false,
  });
}
