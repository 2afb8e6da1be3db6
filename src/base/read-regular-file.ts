// Reads a file that a configuration or a command names: regular files only, never more than a limit, never waiting for the
// other end of a FIFO or swallowing a device. What the file is, is asked of the opened file, so nobody can swap it between.
import { constants, fstatSync, openSync, readSync, closeSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

export type FileRefusalReason = 'directory' | 'not_regular' | 'too_large';

/** The file is there, and is none that is read. The system's errors (ENOENT, EACCES, …) are thrown as they come. */
export class FileRefusal extends Error {
  override readonly name = 'FileRefusal';
  readonly reason: FileRefusalReason;
  /** Bytes, where it is a regular file; of one that grows, as many as were seen. */
  readonly size: number;

  constructor(reason: FileRefusalReason, size = 0) {
    super(reason);
    this.reason = reason;
    this.size = size;
  }
}

/** O_NONBLOCK: to open a FIFO that has no writer would otherwise wait for ever. */
const flags = constants.O_RDONLY | constants.O_NONBLOCK;
const chunkBytes = 65_536;

/** The bytes of a regular file, at most `maxBytes` of them. Rejects with FileRefusal or the system's error. */
export async function readRegularFile(path: string, maxBytes: number): Promise<Buffer> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, flags);
    const gathering = new Gathering(await file.stat(), maxBytes);
    while (gathering.take((await file.read(gathering.room())).bytesRead));
    return gathering.bytes();
  } finally {
    await file?.close().catch(() => {});
  }
}

/** The same in one go: for threads of their own, and commands. */
export function readRegularFileSync(path: string, maxBytes: number): Buffer {
  const file = openSync(path, flags);
  try {
    const gathering = new Gathering(fstatSync(file), maxBytes);
    while (gathering.take(readSync(file, gathering.room())));
    return gathering.bytes();
  } finally {
    closeSync(file);
  }
}

type Stat = { readonly size: number; isDirectory(): boolean; isFile(): boolean };

/** What was read so far. Sizes are not believed: files grow, and those of /proc say 0. */
class Gathering {
  readonly #maxBytes: number;
  readonly #parts: Buffer[] = [];
  #room: Buffer;
  #length = 0;

  constructor(stat: Stat, maxBytes: number) {
    if (stat.isDirectory()) throw new FileRefusal('directory');
    if (!stat.isFile()) throw new FileRefusal('not_regular');
    if (stat.size > maxBytes) throw new FileRefusal('too_large', stat.size);
    this.#maxBytes = maxBytes;
    // One byte more, so that the end is found without another buffer.
    this.#room = Buffer.allocUnsafe(Math.max(stat.size + 1, 512));
  }

  room(): Buffer {
    return this.#room;
  }

  /** False at the end of the file. */
  take(count: number): boolean {
    if (count === 0) return false;
    this.#parts.push(this.#room.subarray(0, count));
    this.#length += count;
    if (this.#length > this.#maxBytes) throw new FileRefusal('too_large', this.#length);
    const rest = this.#room.subarray(count);
    this.#room = rest.length > 0 ? rest : Buffer.allocUnsafe(chunkBytes);
    return true;
  }

  bytes(): Buffer {
    const [only] = this.#parts;
    return this.#parts.length === 1 && only !== undefined ? only : Buffer.concat(this.#parts, this.#length);
  }
}
