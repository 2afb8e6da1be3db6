// Files that nobody else may read, in folders where nobody else can put another in their place. Asked by name, never by opening:
// a process that opens and closes the file of an SQLite database loses the locks of its own connections.
import { lstatSync, type Stats } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { showPath } from '../base/secret-text.ts';
import { StoreProblem, type StoreProblemCode } from './store-problem.ts';

const groupOrOthersWrite = 0o022;
const groupOrOthers = 0o077;

/** Whether the file exists. Throws `code` where others could read, write or replace it, or it is no regular file. */
export function checkPrivateFile(path: string, code: StoreProblemCode): boolean {
  const folder = dirname(resolve(path));
  const place = statOf(folder, code);
  if (place?.isSymbolicLink() !== true && place?.isDirectory() !== true) {
    throw new StoreProblem('cannot_open', `${showPath(folder)} is not a folder`);
  }
  // Who may write there can replace the file, whatever its own mode is. Of a link its target is what counts.
  const own = place.isSymbolicLink() ? statOf(`${folder}/.`, code) : place;
  refuseUnless(own !== undefined && isOurs(own, true), code, `${showPath(folder)} belongs to another user`);
  refuseUnless(
    !allows(own, groupOrOthersWrite),
    code,
    `others can write to the folder ${showPath(folder)} (chmod go-w)`,
  );

  const file = statOf(path, code);
  if (file === undefined) return false;
  refuseUnless(file.isFile(), code, `${showPath(path)} is not a regular file`);
  refuseUnless(isOurs(file, false), code, `${showPath(path)} belongs to another user`);
  refuseUnless(!allows(file, groupOrOthers), code, `others can read ${showPath(path)} (chmod 600)`);
  return true;
}

function refuseUnless(fine: boolean, code: StoreProblemCode, message: string): void {
  if (!fine) throw new StoreProblem(code, message);
}

function allows(stat: Stats | undefined, mask: number): boolean {
  return stat === undefined || (stat.mode & mask) !== 0;
}

/** Folders may belong to root as well. */
function isOurs({ uid }: Stats, orRoot: boolean): boolean {
  return uid === process.getuid?.() || (orRoot && uid === 0);
}

function statOf(path: string, code: StoreProblemCode): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new StoreProblem(code, `${showPath(path)} cannot be looked at`, { cause: error });
  }
}
