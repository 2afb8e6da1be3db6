// One readable line per log record for a person at a terminal: time, level, message, then `key=value`. Pure: it takes the
// JSON line that the logger made. Stack traces of errors follow indented; nothing else takes more than one line.
import { paint } from '../base/colour.ts';
import { printable } from './log-escape.ts';

const colours: Readonly<Record<string, string>> = { trace: '90', debug: '36', info: '32', warn: '33', error: '31' };

/** `line` is one JSON record with `level`, `time` and `msg`; the result ends in a newline. */
export function textLine(line: string, colour: boolean): string {
  const { level, time, msg, err, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const name = String(level);
  const shownName = paint(name.toUpperCase().padEnd(5), colours[name] ?? '0', colour);
  let out = `${paint(plain(time), '90', colour)} ${shownName} ${plain(msg)}`;
  for (const [key, value] of Object.entries(rest))
    out += ` ${paint(`${printable(key)}=`, '90', colour)}${shown(value)}`;
  if (err === undefined) return `${out}\n`;
  const { type, message, stack, ...details } = isRecord(err) ? err : { message: err };
  out += ` ${paint('err=', '90', colour)}${shown(`${text(type) || 'Error'}: ${text(message)}`)}`;
  for (const [key, value] of Object.entries(details))
    out += ` ${paint(`err.${printable(key)}=`, '90', colour)}${shown(value)}`;
  const frames = typeof stack === 'string' ? stack.split('\n').filter((frame) => /^\s+at /.test(frame)) : [];
  return `${[out, ...frames.map((frame) => `    ${printable(frame.trim())}`)].join('\n')}\n`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value);
}

function plain(value: unknown): string {
  return printable(text(value));
}

function shown(value: unknown): string {
  if (typeof value !== 'string' || /^[\w.:/@+-]+$/.test(value)) return plain(value);
  return `"${printable(value.replace(/["\\]/g, '\\$&'))}"`;
}
