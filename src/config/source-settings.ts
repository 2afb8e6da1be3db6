// What the settings of sources share: addresses of servers, the CAs that verify them, secrets that are written or stand in a file.
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { parseFetchUrl, withoutPassword } from './fetch-url.ts';
import { isLoopback } from './listen-address.ts';
import { refTo } from './material-ref.ts';
import { readRef, reportEmpty, reportMistake } from './reading.ts';
import type { MaterialText, SecretText } from './source-config.ts';

/** An https URL; with `orLocal` also http to this machine. Undefined where it is missing or wrong (reported). */
export function readServerUrl(
  value: string | undefined,
  around: Cursor,
  name: string,
  problems: ProblemList,
  { example, orLocal = false }: { readonly example: string; readonly orLocal?: boolean },
): string | undefined {
  if (value === undefined || value === '') {
    if (!around.isBroken(name)) problems.error('missing_key', around.place, `\`${name}\` is missing`, example);
    return undefined;
  }
  const at = around.down(name);
  const parsed = parseFetchUrl(value);
  if ('problem' in parsed) {
    reportMistake(problems, 'bad_url', at, withoutPassword(value), parsed);
    return undefined;
  }
  const url = new URL(parsed.url);
  if (url.protocol === 'https:' || (orLocal && isLoopback(url.hostname.replace(/^\[|\]$/g, '')))) return parsed.url;
  problems.error(
    'plain_server',
    at.place,
    `${name} is plain HTTP: whoever is on the way could issue what they like`,
    orLocal ? 'Write https://; http:// is for 127.0.0.1 alone.' : 'Write https://.',
  );
  return undefined;
}

/** PEM text or a file, under `name`; undefined where it is absent or wrong (reported). */
export function readMaterialText(
  value: string | undefined,
  at: Cursor,
  name: string,
  problems: ProblemList,
): MaterialText | undefined {
  const ref = readRef(value, at, name, problems);
  if (ref === undefined) return undefined;
  if ('pem' in ref) return { pem: ref.pem };
  return ref.label === undefined ? { path: ref.path } : { path: ref.path, label: ref.label };
}

/** One of `name` and `file`; undefined where it is neither, or both (reported). */
export function readSecret(
  shape: Readonly<Record<string, unknown>>,
  at: Cursor,
  [name, file]: readonly [name: string, file: string],
  problems: ProblemList,
): SecretText | undefined {
  for (const one of [name, file]) reportEmpty(at, one, problems);
  const [text, path] = [shape[name], shape[file]];
  if (typeof text === 'string' && typeof path === 'string') {
    problems.error('contradiction', at.keyPlace(file), `both ${name} and ${file} are given`, 'Keep one of them.');
    return undefined;
  }
  if (typeof text === 'string' && text.trim() !== '') return { text };
  if (typeof path === 'string' && path !== '') return { path: refTo(path, at.down(file)).path };
  if (!at.isBroken(name) && !at.isBroken(file) && !at.isEmpty(name) && !at.isEmpty(file))
    problems.error('missing_key', at.place, `there is no \`${name}\``, `Give ${name}: \${VARIABLE}, or ${file}: FILE.`);
  return undefined;
}

/** An object of a store is not to make the gateway write files, or ask servers that its own file does not name. */
export function refuseInStore(way: string, at: Cursor, problems: ProblemList): boolean {
  if (at.place.stored === undefined) return false;
  problems.error(
    'source_in_store',
    at.place,
    `an object of the store has no ${way}`,
    `Write the certificate with its ${way} into the configuration file; objects can refer to its id.`,
  );
  return true;
}
