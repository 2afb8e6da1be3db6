// Lines on their way to a file or a pipe that several processes share. Gathered up to 64 KiB or for a second, then written
// off the main thread, one write at a time. A file gets whole batches (O_APPEND); anything else gets pieces of at most
// PIPE_BUF = 4,096 bytes cut at line ends, which the kernel never mixes with another process's. Full disks and closed
// pipes cost lines, which are counted, never an exception; memory is bounded.
import { closeSync, constants, fstatSync, openSync, write, writeSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import type { Counter } from './registry.ts';

const batchBytes = 65_536;
const pipeBytes = 4096;
/** Bytes held while the device is slow; further lines are dropped. */
const maxHeldBytes = 4 * 1024 * 1024;
const flushMs = 1000;
/** Between two attempts to open a target that could not be. */
const openAgainMs = 10_000;
/** Pause before a full pipe is tried again. */
const againMs = 5;
/** How long `close` waits for a slow device before it counts the rest as lost. */
const closeMs = 2000;
/** Writes that flushSync may try on a full pipe before it gives up: the process is leaving. */
const lastAttempts = 64;

export class LogFile {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #dropped: Counter;
  /** -1: it could not be opened, or is closed. */
  #fd = -1;
  #pieceBytes = pipeBytes;
  #triedAt = 0;
  #closed = false;
  /** ASCII lines, each ended by a newline. */
  #held = '';
  /** How much of `held` is to be written without waiting for more. */
  #due = 0;
  /** The piece that is being written, and how much of it is. */
  #writing: Buffer | undefined;
  #written = 0;
  #busy = false;
  /** The descriptor of the write under way. */
  #busyFd = -1;
  /** A full pipe: the next attempt is on the clock. */
  #waiting = false;
  /** A piece broke off within a line: begin the next on a new line. */
  #midLine = false;
  #cancelTimer: (() => void) | undefined;
  /** Descriptor to close once the write under way on it has ended. */
  #retired = -1;
  #onIdle: (() => void) | undefined;

  constructor(path: string, clock: Clock, dropped: Counter) {
    this.#path = path;
    this.#clock = clock;
    this.#dropped = dropped;
    this.#openAgain();
  }

  /** Where the target cannot be opened, lines are dropped and counted until it can. */
  get isOpen(): boolean {
    return this.#fd >= 0;
  }

  #openAgain(): Error | undefined {
    this.#triedAt = this.#clock.monotonic();
    try {
      this.#fd = openTarget(this.#path);
      this.#pieceBytes = pieceBytesOf(this.#fd);
      return undefined;
    } catch (error) {
      return error as Error;
    }
  }

  /** `line` is ASCII, ends with a newline and is at most 4,096 bytes. */
  write(line: string): void {
    if (this.#fd < 0 && !this.#closed && this.#clock.monotonic() - this.#triedAt >= openAgainMs) this.#openAgain();
    if (this.#fd < 0 || this.#held.length + line.length > maxHeldBytes) return this.#dropped.inc();
    this.#held += line;
    if (this.#held.length >= batchBytes) this.#flushHeld();
    else this.#cancelTimer ??= this.#clock.after(flushMs, () => this.#onTimer());
  }

  #onTimer(): void {
    this.#cancelTimer = undefined;
    this.#flushHeld();
  }

  #flushHeld(): void {
    this.#due = this.#held.length;
    this.#next();
  }

  /** Writes the next piece of what is due. Lines that come meanwhile wait for their own batch: no tiny writes under load. */
  #next(): void {
    if (this.#busy || this.#waiting) return;
    if (this.#writing === undefined && this.#due > 0) this.#writing = this.#takePiece();
    const piece = this.#writing;
    if (piece === undefined) return this.#idle();
    this.#busy = true;
    this.#busyFd = this.#fd;
    write(this.#fd, piece, this.#written, piece.length - this.#written, null, (error, bytes) => {
      this.#busy = false;
      this.#closeRetired();
      this.#onWritten(piece, error, bytes);
    });
  }

  #onWritten(piece: Buffer, error: NodeJS.ErrnoException | null, bytes: number): void {
    // flushSync or close has taken over.
    if (this.#writing !== piece) return this.#idle();
    if (error === null) {
      this.#written += bytes;
      if (this.#written >= piece.length) this.#endPiece();
    } else if (error.code === 'EAGAIN') {
      this.#waiting = true;
      this.#clock.after(againMs, () => this.#tryAgain());
      return;
    } else if (error.code !== 'EINTR') this.#dropPiece(piece);
    this.#next();
  }

  #tryAgain(): void {
    this.#waiting = false;
    this.#next();
  }

  #endPiece(): void {
    this.#writing = undefined;
    this.#written = 0;
    this.#midLine = false;
  }

  #dropPiece(piece: Buffer): void {
    const rest = piece.subarray(this.#written);
    const midLine = this.#written > 0 ? piece[this.#written - 1] !== 0x0a : this.#midLine;
    this.#dropped.inc(countLines(rest));
    this.#endPiece();
    this.#midLine = midLine;
  }

  /** The next lines, at most a piece of them. */
  #takePiece(): Buffer | undefined {
    const held = this.#held;
    if (held === '') return undefined;
    const room = this.#pieceBytes - (this.#midLine ? 1 : 0);
    const cut = held.length <= room ? held.length : held.lastIndexOf('\n', room - 1) + 1;
    const end = cut > 0 ? cut : held.indexOf('\n') + 1;
    this.#held = held.slice(end);
    this.#due = Math.max(0, this.#due - end);
    return Buffer.from((this.#midLine ? '\n' : '') + held.slice(0, end), 'latin1');
  }

  reopen(): Error | undefined {
    if (this.#path === 'stdout' || this.#path === 'stderr' || this.#closed) return undefined;
    if (this.#fd < 0) return this.#openAgain();
    try {
      const next = openTarget(this.#path);
      if (this.#busy && this.#fd === this.#busyFd) this.#retired = this.#fd;
      else closeOwn(this.#fd);
      this.#fd = next;
      this.#pieceBytes = pieceBytesOf(next);
      return undefined;
    } catch (error) {
      return error as Error;
    }
  }

  #closeRetired(): void {
    if (this.#retired >= 0) closeOwn(this.#retired);
    this.#retired = -1;
  }

  /** Writes what is held now. A write that is under way in another thread is left to end by itself. */
  flushSync(): void {
    if (this.#fd < 0) return;
    if (this.#busy) this.#endPiece();
    this.#due = 0;
    let attempts = lastAttempts;
    for (
      let piece = (this.#writing ??= this.#takePiece());
      piece !== undefined;
      piece = this.#writing ??= this.#takePiece()
    ) {
      try {
        this.#written += writeSync(this.#fd, piece, this.#written);
        if (this.#written >= piece.length) this.#endPiece();
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || --attempts <= 0) this.#dropPiece(piece);
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#fd < 0) return;
    // The clock keeps no process alive; what is held has to.
    const alive = setInterval(() => {}, closeMs);
    await new Promise<void>((resolve) => {
      const giveUp = this.#clock.after(closeMs, resolve);
      this.#onIdle = () => {
        giveUp();
        resolve();
      };
      this.#flushHeld();
    });
    clearInterval(alive);
    this.#cancelTimer?.();
    const fd = this.#fd;
    this.#fd = -1;
    if (this.#writing !== undefined) this.#dropPiece(this.#writing);
    this.#dropped.inc(countLines(Buffer.from(this.#held, 'latin1')));
    this.#held = '';
    this.#due = 0;
    // A write that hangs keeps its descriptor: closing it could hand its number to somebody else's file.
    if (!this.#busy) closeOwn(fd);
  }

  #idle(): void {
    this.#onIdle?.();
    if (this.#held !== '' && this.#fd >= 0) this.#cancelTimer ??= this.#clock.after(flushMs, () => this.#onTimer());
  }
}

/**
 * Opens so that no write ever blocks: a pipe that nobody reads would otherwise hold a thread of the pool, and with it the
 * exit of the process. A standard stream that is a pipe is reopened for that, since the flag of the one we were given is
 * shared with other processes; where that is not allowed (another user's pipe) the given one has to do.
 */
function openTarget(path: string): number {
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK;
  if (path !== 'stdout' && path !== 'stderr') return openSync(path, flags | constants.O_CREAT, 0o640);
  const given = path === 'stdout' ? 1 : 2;
  if (!fstatSync(given).isFIFO()) return given;
  try {
    return openSync(`/proc/self/fd/${given}`, flags);
  } catch {
    return given;
  }
}

/** Throws what openSync throws where lines could not be written there: at the start that is a mistake in the configuration. */
export function checkLogTarget(path: string): void {
  closeOwn(openTarget(path));
}

function closeOwn(fd: number): void {
  if (fd > 2) closeSync(fd);
}

function pieceBytesOf(fd: number): number {
  return fstatSync(fd).isFile() ? batchBytes : pipeBytes;
}

function countLines(bytes: Buffer): number {
  let lines = 0;
  for (const byte of bytes) if (byte === 0x0a) lines++;
  return lines;
}
