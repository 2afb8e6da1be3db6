// The thread that looks at and reads many files (many-files.ts): one after the other, without a promise for each step. Started with
// its order, does it when it is imported, and ends.
import { parentPort, workerData } from 'node:worker_threads';
import { lookAtSync, realFolderOf } from './file-look.ts';
import { FileRefusal, type FileRefusalReason, readRegularFileSync } from './read-regular-file.ts';

export type FileOrder = { readonly paths: readonly string[] } & (
  | { readonly act: 'look' | 'place' }
  | { readonly act: 'read'; readonly maxBytes: number }
);

/** Why a file was not read: a refusal of ours, or the code of the system. */
export type ReadFailure =
  | { readonly reason: FileRefusalReason; readonly size: number }
  | { readonly code: string; readonly message: string };

/** In the order of the paths, some at a time. */
export type FileAnswer =
  | { readonly act: 'look'; readonly looks: readonly ReturnType<typeof lookAtSync>[] }
  | { readonly act: 'place'; readonly folders: readonly string[] }
  /** One after the other in `bytes`: lengths, or why there is nothing. */
  | { readonly act: 'read'; readonly bytes: ArrayBuffer; readonly files: readonly (number | ReadFailure)[] };

/** So many at a time that whoever takes them is not kept, and that their bytes are few. */
const filesAtOnce = 256;
const bytesAtOnce = 4 * 1024 * 1024;

function say(answer: FileAnswer): void {
  parentPort?.postMessage(answer, answer.act === 'read' ? [answer.bytes] : []);
}

function read(paths: readonly string[], maxBytes: number): void {
  let parts: Buffer[] = [];
  let files: (number | ReadFailure)[] = [];
  let size = 0;
  const flush = (): void => {
    const bytes = new Uint8Array(size);
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    say({ act: 'read', bytes: bytes.buffer, files });
    [parts, files, size] = [[], [], 0];
  };
  for (const path of paths) {
    try {
      const part = readRegularFileSync(path, maxBytes);
      parts.push(part);
      files.push(part.length);
      size += part.length;
    } catch (error) {
      files.push(failureOf(error));
    }
    if (files.length >= filesAtOnce || size >= bytesAtOnce) flush();
  }
  flush();
}

function failureOf(error: unknown): ReadFailure {
  if (error instanceof FileRefusal) return { reason: error.reason, size: error.size };
  const { code = 'unknown error', message } = error as NodeJS.ErrnoException;
  return { code, message };
}

const order = workerData as FileOrder;
if (order.act === 'read') read(order.paths, order.maxBytes);
else
  for (let at = 0; at < order.paths.length; at += filesAtOnce) {
    const some = order.paths.slice(at, at + filesAtOnce);
    if (order.act === 'look') say({ act: 'look', looks: some.map(lookAtSync) });
    else say({ act: 'place', folders: some.map(realFolderOf) });
  }
