// One JSON line per request, put together by hand from pieces that are computed once per connection (access-log-fields.ts). Lines
// are ASCII and at most 4,096 bytes; they are gathered here and written by log-file.ts. The query string never enters the log: it is
// where secrets end up.
import { isatty } from 'node:tty';
import type { Clock } from '../base/clock.ts';
import { mayHaveColours } from '../base/colour.ts';
import type { AccessLogFields } from './access-log-fields.ts';
import { accessTextLine } from './access-log-text.ts';
import { jsonText } from './log-escape.ts';
import { LogFile } from './log-file.ts';
import type { Counter } from './registry.ts';

export type AccessRecord = {
  /** Milliseconds since the epoch at which the request was complete. */
  readonly time: number;
  readonly requestId: string;
  /** AccessLogFields.describePeer of the connection. */
  readonly client: string;
  readonly method: string;
  /** As received. */
  readonly host: string;
  /** As received; its query is cut off. */
  readonly target: string;
  /** 10, 11 or 20; 1 for a connection that was passed through, which has no request; 0 where there was none. */
  readonly version: number;
  /** 0: no answer was sent. */
  readonly status: number;
  /** Of a call of gRPC, as its client was told; undefined where there is none. */
  readonly grpcStatus: number | undefined;
  /** Fault code; '' where nothing failed. */
  readonly code: string;
  /** The rule that denied the request, escaped; '' where none did. */
  readonly rule: string;
  /** What exactly was wrong; '' where nothing failed, or the code says it all. */
  readonly detail: string;
  readonly route: string;
  readonly backend: string;
  /** AccessLogFields.describeBackend. */
  readonly backendCertificate: string;
  readonly durationMs: number;
  /** Body bytes from and to the client. */
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** What filters add. */
  readonly noted?: readonly (readonly [name: string, value: string])[] | undefined;
};

// Longest encoded form of each field: together with the fixed text and what is said of the connection they stay below one atomic
// pipe write.
const max = {
  id: 64,
  method: 32,
  host: 255,
  path: 1024,
  code: 40,
  rule: 240,
  detail: 360,
};
const maxName = 160;
/** Of one note. */
const maxNoted = 128;
/** One atomic write to a pipe. */
const maxLine = 4_096;

const protocols: Readonly<Record<number, string>> = {
  1: ',"protocol":"TCP"',
  10: ',"protocol":"HTTP/1.0"',
  11: ',"protocol":"HTTP/1.1"',
  20: ',"protocol":"HTTP/2.0"',
};

/** One line, ended by a newline. `time` is ISO 8601 text. */
export function accessLogLine(record: AccessRecord, time: string): string {
  const query = record.target.indexOf('?');
  const path = query < 0 ? record.target : record.target.slice(0, query);
  let line = `{"time":"${time}","requestId":${jsonText(record.requestId, max.id)},${record.client}`;
  line += `,"method":${jsonText(record.method, max.method)},"host":${jsonText(record.host, max.host)}`;
  line += `,"path":${jsonText(path, max.path)}`;
  line += protocols[record.version] ?? '';
  line += `,"status":${record.status}`;
  if (record.grpcStatus !== undefined) line += `,"grpcStatus":${record.grpcStatus}`;
  if (record.code !== '') line += `,"code":${jsonText(record.code, max.code)}`;
  if (record.rule !== '') line += `,"rule":${jsonText(record.rule, max.rule)}`;
  if (record.detail !== '') line += `,"detail":${jsonText(record.detail, max.detail)}`;
  if (record.route !== '') line += `,"route":${jsonText(record.route, maxName)}`;
  if (record.backend !== '') line += `,"backend":${jsonText(record.backend, maxName)}`;
  line += record.backendCertificate;
  const ms = Math.round(record.durationMs * 1000) / 1000;
  line += `,"durationMs":${ms},"bytesIn":${record.receivedBytes},"bytesOut":${record.sentBytes}`;
  if (record.noted !== undefined) line += notedText(record.noted, maxLine - line.length - 2);
  return `${line}}\n`;
}

/** As many as there is room for. */
function notedText(noted: readonly (readonly [string, string])[], room: number): string {
  const begin = ',"noted":{';
  let text = begin;
  for (const [name, value] of noted) {
    const one = `${text === begin ? '' : ','}${jsonText(name, maxNoted)}:${jsonText(value, maxNoted)}`;
    if (text.length + one.length + 1 > room) break;
    text += one;
  }
  return text === begin ? '' : `${text}}`;
}

export type AccessLogOptions = {
  /** A file that is appended to, or `stdout` or `stderr`. */
  readonly path: string;
  readonly fields: AccessLogFields;
  /** undefined: text on a terminal, else JSON. */
  readonly format?: 'text' | 'json' | undefined;
  /** Share of requests that are logged, 0 to 1. */
  readonly sample: number;
  readonly clock: Clock;
  /** Counts lines that could not be written. */
  readonly dropped: Counter;
  /** 0 ≤ x < 1, for sampling. */
  readonly random: () => number;
};

export class AccessLog {
  readonly fields: AccessLogFields;
  readonly #file: LogFile;
  readonly #sample: number;
  readonly #random: () => number;
  readonly #text: boolean;
  readonly #colour: boolean;
  #second = -1;
  #secondText = '';

  /** Where the file cannot be opened, lines are dropped and counted until it can: see `isOpen`. */
  constructor(options: AccessLogOptions) {
    this.#file = new LogFile(options.path, options.clock, options.dropped);
    this.fields = options.fields;
    this.#sample = options.sample;
    this.#random = options.random;
    const fd = { stdout: 1, stderr: 2 }[options.path] ?? -1;
    this.#text = options.format === undefined ? isatty(fd) : options.format === 'text';
    this.#colour = mayHaveColours(fd);
  }

  get isOpen(): boolean {
    return this.#file.isOpen;
  }

  /** Never throws, never blocks. */
  write(record: AccessRecord): void {
    if (this.#sample < 1 && this.#random() >= this.#sample) return;
    const line = accessLogLine(record, this.#timeText(record.time));
    this.#file.write(this.#text ? accessTextLine(line, this.#colour) : line);
  }

  /** ISO 8601 with milliseconds; the text of a second is made once. */
  #timeText(time: number): string {
    const second = Math.floor(time / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#secondText = new Date(second * 1000).toISOString().slice(0, 20);
    }
    return `${this.#secondText}${String(Math.floor(time) - second * 1000).padStart(3, '0')}Z`;
  }

  /** After the file was moved away: opens it anew. Keeps the old one where that fails, and returns the error. */
  reopen(): Error | undefined {
    return this.#file.reopen();
  }

  /** For the last moment of a process (`exit` event): writes what is held, synchronously. */
  flushSync(): void {
    this.#file.flushSync();
  }

  /** Writes what is held and closes. Never rejects. */
  async close(): Promise<void> {
    await this.#file.close();
  }
}
