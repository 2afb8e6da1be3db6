// The structured log: JSON lines for machines, one readable line per record on a terminal. pino makes the records, this
// file writes them, synchronously, so that the last words of a dying process arrive. A full disk or a closed pipe never
// throws and never blocks for long: lines are dropped and counted. Requests go to access-log.ts, not here.
import { closeSync, openSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import pino from 'pino';
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

/** Throws what openSync throws where the file cannot be opened. */
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
  return Object.assign(log, {
    reopen: () => sink.reopen(),
    droppedLines: () => sink.dropped,
    close: () => sink.close(),
  });
}

/** Attempts to write to a pipe that is full before the line is given up. */
const maxAttempts = 8;

class LogSink {
  dropped = 0;
  readonly #file: string | undefined;
  readonly #text: boolean;
  readonly #colour: boolean;
  #fd: number;

  constructor({ file, fd, format }: LoggerOptions) {
    this.#file = file;
    this.#fd = file === undefined ? (fd ?? 2) : openSync(file, 'a');
    this.#colour = isatty(this.#fd);
    this.#text = format === undefined ? this.#colour : format === 'text';
  }

  write(line: string): void {
    const out = Buffer.from(this.#text ? textLine(line, this.#colour) : escapeInvisible(line));
    let at = 0;
    for (let attempt = 0; attempt < maxAttempts && at < out.length; attempt++) {
      try {
        at += writeSync(this.#fd, out, at);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') break;
      }
    }
    if (at < out.length) this.dropped++;
  }

  reopen(): Error | undefined {
    if (this.#file === undefined) return undefined;
    try {
      const next = openSync(this.#file, 'a');
      closeSync(this.#fd);
      this.#fd = next;
      return undefined;
    } catch (error) {
      return error as Error;
    }
  }

  close(): void {
    if (this.#file === undefined || this.#fd < 0) return;
    closeSync(this.#fd);
    this.#fd = -1;
  }
}
