// What SQLite reports, as problems of a store. Result codes: https://www.sqlite.org/rescode.html; extended ones have the
// primary code in their low byte.
import { showPath } from '../base/secret-text.ts';
import { StoreProblem, type StoreProblemCode } from '../store/store-problem.ts';

const codes: ReadonlyMap<number, readonly [StoreProblemCode, string]> = new Map([
  [3, ['cannot_open', 'may not be opened']],
  [5, ['locked', 'is locked by another process']],
  [6, ['locked', 'is locked by another use in this process']],
  [8, ['read_only', 'cannot be written to']],
  [10, ['io', 'cannot be read or written']],
  [11, ['corrupt', 'is damaged']],
  [13, ['disk_full', 'has no room left']],
  [14, ['cannot_open', 'cannot be opened']],
  [22, ['io', 'is too large for this system']],
  [23, ['cannot_open', 'may not be opened']],
  [26, ['not_a_store', 'is no database']],
]);

type SqliteError = Error & { readonly errcode: number; readonly errstr: string };

export function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number';
}

/** The problem that an error of SQLite stands for; the error itself where it stands for a mistake of ours. */
export function asStoreProblem(error: unknown, path: string): unknown {
  if (error instanceof StoreProblem) return error;
  if (error instanceof Error && 'code' in error && error.code === 'ERR_INVALID_STATE') {
    return new StoreProblem('closed', `${showPath(path)} is closed`, { cause: error });
  }
  // A number that no store writes: beyond what JavaScript can count.
  if (error instanceof Error && 'code' in error && error.code === 'ERR_OUT_OF_RANGE') {
    return new StoreProblem('altered', `${showPath(path)} holds a number that was never stored`, { cause: error });
  }
  if (!isSqliteError(error)) return error;
  const [code, what] = codes.get(error.errcode & 0xff) ?? [];
  if (code === undefined || what === undefined) return error;
  return new StoreProblem(code, `${showPath(path)} ${what} (${error.errstr}, ${error.errcode})`, { cause: error });
}
