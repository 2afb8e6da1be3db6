// The file of the record: read at the start, replaced as a whole while it runs. A reader sees the old one or the new one,
// never half of one; what cannot be read is set aside, never overwritten.
import { constants } from 'node:fs';
import { type FileHandle, open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FileRefusal, readRegularFile } from '../base/read-regular-file.ts';
import type { TrustRecordContents } from './record-format.ts';
import { maxRecordBytes } from './record-version.ts';

export type LoadedRecord =
  | { readonly kind: 'loaded'; readonly contents: TrustRecordContents }
  | { readonly kind: 'absent' }
  /** It was no good and stands at `aside` now. */
  | { readonly kind: 'broken'; readonly reason: string; readonly aside: string }
  /** It is there, and can neither be read nor set aside: it must not be written over. */
  | { readonly kind: 'unreadable'; readonly reason: string };

/** Never rejects. `now`: milliseconds since the epoch, for the name of what is set aside. */
export async function loadRecordFile(path: string, now: number): Promise<LoadedRecord> {
  let reason: string;
  try {
    const json = (await readRegularFile(path, maxRecordBytes)).toString('utf8');
    const { parseTrustRecord } = await import('./record-format.ts');
    try {
      return { kind: 'loaded', contents: parseTrustRecord(json) };
    } catch (error) {
      reason = (error as Error).message;
    }
  } catch (error) {
    if (!(error instanceof FileRefusal)) {
      const code = codeOf(error);
      return code === 'ENOENT' ? { kind: 'absent' } : { kind: 'unreadable', reason: `it cannot be read (${code})` };
    }
    if (error.reason !== 'too_large') return { kind: 'unreadable', reason: 'it is not a regular file' };
    reason = `it is over ${maxRecordBytes} bytes`;
  }
  const aside = `${path}.broken-${new Date(now).toISOString().replace(/[:.]/g, '-')}`;
  try {
    await rename(path, aside);
    return { kind: 'broken', reason, aside };
  } catch (error) {
    return { kind: 'unreadable', reason: `${reason}, and it cannot be put aside (${codeOf(error)})` };
  }
}

/** Replaces the file by what `pieces` say, readable for its owner only. Rejects with the system's error; the old one stays then. */
export async function saveRecordFile(path: string, pieces: Iterable<string>): Promise<void> {
  const draft = `${path}.new`;
  // Left over by a process that was killed: nobody else writes under this name.
  await unlink(draft).catch(() => {});
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const file = await open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    await writeAndSync(file, pieces);
    await rename(draft, path);
  } catch (error) {
    await unlink(draft).catch(() => {});
    throw error;
  }
  await syncDirectory(dirname(path));
}

async function writeAndSync(file: FileHandle, pieces: Iterable<string>): Promise<void> {
  try {
    for (const piece of pieces) await file.writeFile(piece);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** So that the new name survives a power failure. Some file systems cannot: then it is as good as it gets. */
async function syncDirectory(path: string): Promise<void> {
  try {
    const directory = await open(path, 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  } catch {
    // The content is on the disk; only the moment of the renaming is not certain.
  }
}

export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
