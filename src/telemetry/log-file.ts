// Lines on their way to a file or a pipe that several processes share. Gathered up to 64 KiB or for a second, then written
// off the main thread, one write at a time. A file gets whole batches (O_APPEND); anything else gets pieces of at most
// PIPE_BUF = 4,096 bytes cut at line ends, which the kernel never mixes with another process's. Full disks and closed
// pipes cost lines, which are counted, never an exception; memory is bounded.
import { closeSync, fstatSync, openSync, write, writeSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import type { Counter } from './registry.ts';

const batchBytes = 65_536;
const pipeBytes = 4096;
/** Bytes held while the device is slow; further lines are dropped. */
const maxHeldBytes = 4 * 1024 * 1024;
const flushMs = 1000;
/** Pause before a full pipe is tried again. */
const againMs = 20;
/** Writes that flushSync may try on a full pipe before it gives up: the process is leaving. */
const lastAttempts = 64;

export class LogFile {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #dropped: Counter;
  #fd: number;
  #pieceBytes: number;
  /** ASCII lines, each ended by a newline. */
  #held = '';
  /** How much of `held` is to be written without waiting for more. */
  #due = 0;
  /** The piece that is being written, and how much of it is. */
  #writing: Buffer | undefined;
  #written = 0;
  #busy = false;
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
    this.#fd = openTarget(path);
    this.#pieceBytes = pieceBytesOf(this.#fd);
  }

  /** `line` is ASCII, ends with a newline and is at most 4,096 bytes. */
  write(line: string): void {
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
    if (this.#busy) return;
    if (this.#writing === undefined && this.#due > 0) this.#writing = this.#takePiece();
    const piece = this.#writing;
    if (piece === undefined) return this.#idle();
    this.#busy = true;
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
      this.#cancelTimer ??= this.#clock.after(againMs, () => this.#onTimer());
      return;
    } else if (error.code !== 'EINTR') this.#dropPiece(piece);
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
    if (isStandard(this.#path) || this.#fd < 0) return undefined;
    try {
      const next = openTarget(this.#path);
      this.#closeRetired();
      if (this.#busy) this.#retired = this.#fd;
      else closeSync(this.#fd);
      this.#fd = next;
      this.#pieceBytes = pieceBytesOf(next);
      return undefined;
    } catch (error) {
      return error as Error;
    }
  }

  #closeRetired(): void {
    if (this.#retired < 0 || this.#busy) return;
    closeSync(this.#retired);
    this.#retired = -1;
  }

  /** Writes what is held now. A write that is under way in another thread is left to end by itself. */
  flushSync(): void {
    if (this.#fd < 0) return;
    if (this.#busy) this.#endPiece();
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
    if (this.#fd < 0) return;
    await new Promise<void>((resolve) => {
      const giveUp = this.#clock.after(flushMs, resolve);
      this.#onIdle = () => {
        giveUp();
        resolve();
      };
      this.#flushHeld();
    });
    this.#cancelTimer?.();
    const fd = this.#fd;
    this.#fd = -1;
    this.#dropped.inc(countLines(Buffer.from(this.#held, 'latin1')));
    this.#held = '';
    // A write that hangs keeps its descriptor: closing it could hand its number to somebody else's file.
    if (!isStandard(this.#path) && !this.#busy) closeSync(fd);
  }

  #idle(): void {
    this.#onIdle?.();
    if (this.#held !== '' && this.#fd >= 0) this.#cancelTimer ??= this.#clock.after(flushMs, () => this.#onTimer());
  }
}

function isStandard(path: string): boolean {
  return path === 'stdout' || path === 'stderr';
}

function openTarget(path: string): number {
  return path === 'stdout' ? 1 : path === 'stderr' ? 2 : openSync(path, 'a');
}

function pieceBytesOf(fd: number): number {
  return fstatSync(fd).isFile() ? batchBytes : pipeBytes;
}

function countLines(bytes: Buffer): number {
  let lines = 0;
  for (const byte of bytes) if (byte === 0x0a) lines++;
  return lines;
}
