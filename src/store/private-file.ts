// Files that nobody else may read, in folders where nobody else can put another in their place. Asked by name, never by opening:
// a process that opens and closes the file of an SQLite database loses the locks of its own connections.
import {
  closeSync,
  constants,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from 'node:fs';
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
  refuseUnless(
    own !== undefined && isOurs(own, true),
    code,
    `${showPath(folder)} belongs to another user: run this as that one`,
  );
  refuseUnless(
    !allows(own, groupOrOthersWrite),
    code,
    `others can write to the folder ${showPath(folder)} (chmod go-w)`,
  );

  const file = statOf(path, code);
  if (file === undefined) return false;
  refuseUnless(file.isFile(), code, `${showPath(path)} is not a regular file`);
  refuseUnless(isOurs(file, false), code, `${showPath(path)} belongs to another user: run this as that one`);
  refuseUnless(!allows(file, groupOrOthers), code, `others can read ${showPath(path)} (chmod 600)`);
  return true;
}

/**
 * The folder of mode 0700 where it is missing and can be made; where not, whoever opens what is to lie in it says so. What a volume is
 * mounted to may be open to others, as an empty one of Kubernetes is: a folder in it is not.
 */
export function makePrivateFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
  }
}

/** A new file of mode 0600, opened for writing: the number of it. Throws the system's error, EEXIST where there is one. */
export function openNewPrivateFile(path: string): number {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  return openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
}

/** The file as a whole, on the disk when it returns: before, whoever reads finds the old one. Throws the system's error. */
export function replacePrivateFile(path: string, content: string | Uint8Array): void {
  const draft = `${path}.new`;
  // Of one who was interrupted.
  rmSync(draft, { force: true });
  writeNewPrivateFile(draft, content);
  renameSync(draft, path);
  syncToDisk(dirname(path));
}

/** Throws the system's error, EEXIST where there is one. On the disk when it returns, but for its name. */
export function writeNewPrivateFile(path: string, content: string | Uint8Array): void {
  const file = openNewPrivateFile(path);
  try {
    writeFileSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** So that a file, or the name of one in its folder, survives a power failure. No file of a database that is open here. */
export function syncToDisk(path: string): void {
  const file = openSync(path, constants.O_RDONLY);
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** The problem that an error of the system stands for, where `path` could not be made. */
export function makingProblem(error: unknown, path: string): StoreProblem {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EEXIST') return new StoreProblem('duplicate', `${showPath(path)} is there already`, { cause: error });
  const kind = code === 'ENOSPC' || code === 'EDQUOT' ? 'disk_full' : code === 'EROFS' ? 'read_only' : 'cannot_open';
  return new StoreProblem(kind, `${showPath(path)} cannot be made`, { cause: error });
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
