// A line of the access log for a person at a terminal: when, what came of what, how long it took, then the rest as `key=value`.
// Made from the line of JSON, so that both say the same; ASCII as it is.
import { paint } from '../base/colour.ts';
import { safeJson } from '../base/safe-json.ts';

/** `json` is one line of access-log.ts; so is the result. */
export function accessTextLine(json: string, colour: boolean): string {
  const { time, status, method, host, path, durationMs, ...rest } = JSON.parse(json) as Record<string, unknown>;
  const what = `${shown(method)} ${shown(host)}${shown(path)}`;
  let line = `${paint(shown(time), '90', colour)} ${paint(shown(status), colourOf(Number(status)), colour)} ${what} ${shown(durationMs)}ms`;
  for (const [key, value] of flat(rest, '')) line += ` ${paint(`${key}=`, '90', colour)}${value}`;
  return `${line}\n`;
}

function colourOf(status: number): string {
  if (status === 0 || status >= 500) return '31';
  return status >= 400 ? '33' : '32';
}

function flat(fields: Readonly<Record<string, unknown>>, prefix: string): [key: string, value: string][] {
  return Object.entries(fields).flatMap(([key, value]) => {
    const name = prefix + key;
    if (Array.isArray(value)) return [[name, value.map(shown).join(',')]];
    if (typeof value === 'object' && value !== null) return flat(value as Record<string, unknown>, `${name}.`);
    return [[name, shown(value)]];
  });
}

/** As it is where nothing in it could be taken for the next field, else as a JSON string. */
function shown(value: unknown): string {
  if (typeof value !== 'string') return String(value);
  return /^[\w.:/@+*~%?&=[\]-]*$/.test(value) ? value : safeJson(value);
}
