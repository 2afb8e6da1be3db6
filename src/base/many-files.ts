// Looks at and reads files, however many. Few are asked for through promises; many in a thread of their own, which takes a fifth of
// the CPU, and where a file system that hangs keeps nobody else from the threads that Node has for files.
import { realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { entryModule } from './entry-module.ts';
import { type FileLook, lookAt } from './file-look.ts';
import type { FileAnswer, FileOrder, ReadFailure } from './file-thread.ts';
import { FileRefusal, readRegularFile } from './read-regular-file.ts';

/** A thread takes 20 ms to start. */
export const manyFiles = 256;
/** Files that are looked at together: as many as Node has threads for it, and some that wait. */
const atOnce = 8;

/** In the order of the paths. Never rejects. */
export async function lookAtAll(paths: readonly string[]): Promise<readonly FileLook[]> {
  if (paths.length < manyFiles) return each(paths, lookAt);
  const looks: FileLook[] = [];
  const isWhole = await run({ act: 'look', paths }, (answer) => {
    if (answer.act === 'look') for (const look of answer.looks) looks.push(look);
  });
  return isWhole && looks.length === paths.length ? looks : each(paths, lookAt);
}

/** The folders that paths lead to, links resolved, in their order. Never rejects. */
export async function realFoldersOf(paths: readonly string[]): Promise<readonly string[]> {
  const one = async (path: string): Promise<string> => dirname(await realpath(path).catch(() => path));
  if (paths.length < manyFiles) return each(paths, one);
  const folders: string[] = [];
  const isWhole = await run({ act: 'place', paths }, (answer) => {
    if (answer.act === 'place') for (const folder of answer.folders) folders.push(folder);
  });
  return isWhole && folders.length === paths.length ? folders : each(paths, one);
}

/** The bytes of each, or why they cannot be had: what readRegularFile rejects with. In the order of the paths. Never rejects. */
export async function readAll(paths: readonly string[], maxBytes: number): Promise<readonly (Buffer | Error)[]> {
  const one = async (path: string): Promise<Buffer | Error> =>
    readRegularFile(path, maxBytes).catch((error: unknown) =>
      error instanceof Error ? error : new Error(String(error)),
    );
  if (paths.length < manyFiles) return each(paths, one);
  const files: (Buffer | Error)[] = [];
  const isWhole = await run({ act: 'read', paths, maxBytes }, (answer) => {
    if (answer.act === 'read') files.push(...cut(answer));
  });
  return isWhole && files.length === paths.length ? files : each(paths, one);
}

function cut({ bytes, files }: Extract<FileAnswer, { act: 'read' }>): (Buffer | Error)[] {
  let at = 0;
  return files.map((file) => {
    if (typeof file !== 'number') return errorOf(file);
    at += file;
    return Buffer.from(bytes, at - file, file);
  });
}

function errorOf(failure: ReadFailure): Error {
  if ('reason' in failure) return new FileRefusal(failure.reason, failure.size);
  return Object.assign(new Error(failure.message), { code: failure.code });
}

async function each<T>(paths: readonly string[], act: (path: string) => Promise<T>): Promise<readonly T[]> {
  const results: T[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < paths.length; at = next++) results[at] = await act(paths[at] as string);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return results;
}

/** True where the thread did all of it; false where it failed, or none could be started. */
async function run(order: FileOrder, take: (answer: FileAnswer) => void): Promise<boolean> {
  return new Promise((resolve) => {
    try {
      // What is preloaded into every process is none of its business.
      const thread = new Worker(entryModule('base/file-thread'), { workerData: order, execArgv: [], env: {} });
      thread.on('message', take);
      thread.on('error', () => resolve(false));
      thread.on('exit', (code) => resolve(code === 0));
    } catch {
      resolve(false);
    }
  });
}
