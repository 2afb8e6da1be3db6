// The structured log: JSON lines for machines, one readable line per record on a terminal. pino makes the records, this
// file writes them, synchronously, so that the last words of a dying process arrive. A full disk or a closed pipe never
// throws and never blocks for long: lines are dropped and counted. Requests go to access-log.ts, not here.
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import pino from 'pino';
import { mayHaveColours } from '../base/colour.ts';
import { escapeInvisible } from './log-escape.ts';
import { textLine } from './log-text.ts';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'off';

type Write = { (fields: object, message: string): void; (message: string): void };

/** What the rest of the program sees of the logger. Put an Error under `err`. */
export interface Logger {
  readonly trace: Write;
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
  /** A logger whose lines all carry `bindings`. */
  child(bindings: Record<string, unknown>): Logger;
}

export type LoggerOptions = {
  readonly level: LogLevel;
  /** undefined: text on a terminal, else JSON. */
  readonly format?: 'text' | 'json' | undefined;
  /** A file that is appended to, or a file descriptor (default 2, standard error). */
  readonly file?: string | undefined;
  readonly fd?: number | undefined;
  /**
   * What where `file` cannot be opened. `throw` (default): a mistake in the configuration. `stderr`: lines go to standard error
   * until it can; logging never decides over serving.
   */
  readonly whenClosed?: 'throw' | 'stderr';
  /** Fields of every line. */
  readonly base?: Record<string, unknown>;
  /** Milliseconds since the epoch; tests pass their own. */
  readonly now?: () => number;
};

/** The logger at the root, which owns the file. */
export interface OpenLogger extends Logger {
  /** Opens the file anew (after it was moved away); keeps the old one where that fails and returns the error. */
  reopen(): Error | undefined;
  /** Lines that could not be written so far. */
  droppedLines(): number;
  close(): void;
}

/** Throws what openSync throws where the file cannot be opened, unless `whenClosed` says otherwise. */
export function createLogger(options: LoggerOptions): OpenLogger {
  const now = options.now ?? Date.now;
  const sink = new LogSink(options);
  const log = pino(
    {
      level: options.level === 'off' ? 'silent' : options.level,
      base: options.base ?? {},
      formatters: { level: (label) => ({ level: label }) },
      timestamp: () => `,"time":"${new Date(now()).toISOString()}"`,
      serializers: { err: pino.stdSerializers.err },
    },
    sink,
  );
  return {
    ...messageFirst(log),
    reopen: () => sink.reopen(),
    droppedLines: () => sink.dropped,
    close: () => sink.close(),
  };
}

/** A line begins with what happened, for whoever reads it cut off: pino alone writes the message behind all fields. */
function messageFirst(log: pino.Logger): Logger {
  const writer =
    (level: 'trace' | 'debug' | 'info' | 'warn' | 'error'): Write =>
    (first: object | string, message?: string) => {
      if (typeof first === 'string') log[level](first);
      else log[level]({ msg: message, ...first });
    };
  return {
    trace: writer('trace'),
    debug: writer('debug'),
    info: writer('info'),
    warn: writer('warn'),
    error: writer('error'),
    child: (bindings) => messageFirst(log.child(bindings)),
  };
}

/** Attempts to write to a pipe that is full before the line is given up. */
const maxAttempts = 8;

/** Between two attempts to open a file that could not be. */
const openAgainMs = 10_000;
/** Neither a FIFO without a reader nor one that is full may hold a process up. */
const openFlags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

class LogSink {
  dropped = 0;
  readonly #file: string | undefined;
  readonly #text: boolean;
  readonly #colour: boolean;
  readonly #now: () => number;
  #fd: number;
  /** When the file was last tried, where its lines go to standard error. */
  #astrayAt: number | undefined;

  constructor({ file, fd, format, whenClosed, now }: LoggerOptions) {
    this.#file = file;
    this.#now = now ?? Date.now;
    this.#fd = fd ?? 2;
    try {
      if (file !== undefined) this.#fd = openSync(file, openFlags, 0o644);
    } catch (error) {
      if (whenClosed !== 'stderr') throw error;
      this.#goAstray(error);
    }
    this.#colour = mayHaveColours(this.#fd);
    this.#text = format === undefined ? isatty(this.#fd) : format === 'text';
  }

  write(line: string): void {
    // It is closed: what is said after that is lost, and does no harm.
    if (this.#fd < 0) return void this.dropped++;
    if (this.#astrayAt !== undefined && this.#now() - this.#astrayAt >= openAgainMs) this.#openAgain();
    const out = Buffer.from(this.#text ? textLine(line, this.#colour) : escapeInvisible(line));
    const failure = this.#put(out);
    if (failure === undefined) return;
    this.dropped++;
    // A full pipe is slow, no more; what else keeps lines out of the file may last.
    if (this.#file === undefined || this.#fd === 2 || failure.code === 'EAGAIN') return;
    closeSync(this.#fd);
    this.#goAstray(failure);
    if (this.#put(out) === undefined) this.dropped--;
  }

  /** The last error, where not all of it could be written. */
  #put(out: Buffer): NodeJS.ErrnoException | undefined {
    let at = 0;
    let failure: NodeJS.ErrnoException | undefined;
    for (let attempt = 0; attempt < maxAttempts && at < out.length; attempt++) {
      try {
        at += writeSync(this.#fd, out, at);
      } catch (error) {
        failure = error as NodeJS.ErrnoException;
        if (failure.code !== 'EAGAIN') break;
      }
    }
    return at < out.length ? (failure ?? new Error('it takes no more')) : undefined;
  }

  #goAstray(error: unknown): void {
    this.#fd = 2;
    this.#astrayAt = this.#now();
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    const fields = { level: 'error', time: new Date(this.#now()).toISOString(), file: this.#file, code };
    const msg = 'the log file cannot be written: its lines go to standard error until it can';
    this.#put(Buffer.from(`${JSON.stringify({ ...fields, msg })}\n`));
  }

  #openAgain(): void {
    this.#astrayAt = this.#now();
    this.reopen();
  }

  reopen(): Error | undefined {
    if (this.#file === undefined) return undefined;
    try {
      const next = openSync(this.#file, openFlags, 0o644);
      if (this.#fd > 2) closeSync(this.#fd);
      this.#fd = next;
      this.#astrayAt = undefined;
      return undefined;
    } catch (error) {
      // What was taken away whole, folder and all, is read by nobody: better lines on standard error than in there.
      if (this.#fd > 2 && fstatSync(this.#fd).nlink === 0) {
        closeSync(this.#fd);
        this.#goAstray(error);
      }
      return error as Error;
    }
  }

  close(): void {
    if (this.#file === undefined || this.#fd < 0) return;
    if (this.#fd > 2) closeSync(this.#fd);
    this.#fd = -1;
  }
}
