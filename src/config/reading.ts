// What the readers of single parts share: where problems go, how values with a grammar of their own are read, and what
// the whole file decides for its parts.
import type { Cursor } from '../yaml/cursor.ts';
import { parseDuration } from './duration.ts';
import type { CertificatePair, Ref, TlsVersion } from './gateway-config.ts';
import { parseMaterialRef } from './material-ref.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import type { CertificatePairShape } from './tls-shape.ts';
import { quote } from '../yaml/tree.ts';

export type Mistake = { readonly problem: string; readonly hint: string };

/** Reports a mistake about one value; neither it nor a part of it is shown where it came from the environment. */
export function reportMistake(problems: ProblemList, code: string, at: Cursor, value: string, mistake: Mistake): void {
  const { problem, hint } = mistake;
  if (at.showable) {
    problems.error(code, at.place, `${quote(value)}: ${problem}`, hint);
    return;
  }
  const shown = problem.replace(/"[^"]*"/g, '"…"');
  problems.error(code, at.place, `the value from the environment: ${shown}`, reveals(hint, value) ? '' : hint);
}

/** True where a hint repeats a word of the value. */
function reveals(hint: string, value: string): boolean {
  const lower = hint.toLowerCase();
  return (value.toLowerCase().match(/[\p{L}\p{N}_-]{3,}/gu) ?? []).some((word) => lower.includes(word));
}

/** `S` under `key`; undefined where it is absent or wrong (then it is reported). Present but empty is an error. */
export function readRef(value: string | undefined, at: Cursor, key: string, problems: ProblemList): Ref | undefined {
  if (value === undefined) {
    if (at.isEmpty(key))
      problems.error(
        'empty_material',
        at.keyPlace(key),
        `${key} is written but has no value`,
        'Name a file, give PEM text, or remove the key.',
      );
    return undefined;
  }
  return readRefAt(value, at.down(key), key, problems);
}

/** What should be nobody else's to read. */
const secretKeys: ReadonlySet<string> = new Set(['key', 'clientKey', 'keys']);

/** As readRef, for a value whose own position is at hand (an item of a list). */
export function readRefAt(value: string, at: Cursor, name: string, problems: ProblemList): Ref | undefined {
  const ref = parseMaterialRef(value, at, secretKeys.has(name));
  if (!('problem' in ref)) return ref;
  problems.error('bad_material', at.place, `${name} ${ref.problem}`, ref.hint);
  return undefined;
}

export function readPair(shape: CertificatePairShape, at: Cursor, problems: ProblemList): CertificatePair | undefined {
  for (const key of ['cert', 'key'] as const)
    if (shape[key] === undefined && !at.has(key))
      problems.error('missing_key', at.place, `the certificate has no \`${key}\``, 'cert and key belong together.');
  const cert = readRef(shape.cert, at, 'cert', problems);
  const key = readRef(shape.key, at, 'key', problems);
  return cert === undefined || key === undefined ? undefined : { cert, key, place: at.place };
}

export function readPairs(
  shapes: readonly CertificatePairShape[] | undefined,
  at: Cursor,
  problems: ProblemList,
): CertificatePair[] {
  const pairs = (shapes ?? []).map((shape, i) => readPair(shape, at.down(i), problems));
  return pairs.filter((pair) => pair !== undefined);
}

/** minVersion and maxVersion with their defaults; an empty range is reported. */
export function readVersions(
  shape: { minVersion?: TlsVersion | undefined; maxVersion?: TlsVersion | undefined },
  at: Cursor,
  problems: ProblemList,
): { minVersion: TlsVersion; maxVersion: TlsVersion } {
  const { minVersion = 'TLSv1.2', maxVersion = 'TLSv1.3' } = shape;
  if (minVersion > maxVersion)
    problems.error(
      'version_range',
      at.keyPlace('maxVersion'),
      `maxVersion ${maxVersion} is below minVersion ${minVersion}: no handshake could succeed`,
    );
  return { minVersion, maxVersion };
}

/** A trust key that is written without a value: what was meant cannot be known, so it is not taken for "off". */
export function reportEmpty(at: Cursor, key: string, problems: ProblemList): undefined {
  if (at.isEmpty(key))
    problems.error(
      'empty_value',
      at.keyPlace(key),
      `${key} is written but has no value`,
      'Give the value, or remove the key.',
    );
  return undefined;
}

/** A list that narrows down who is accepted: without a single item it could mean nobody or everybody. True where it was reported. */
export function reportNobody(
  list: readonly unknown[] | undefined,
  around: Cursor,
  key: string,
  problems: ProblemList,
): boolean {
  if (list === undefined) reportEmpty(around, key, problems);
  if (list?.length !== 0) return false;
  if (!around.isBroken(key))
    problems.error(
      'empty_list',
      around.keyPlace(key),
      `${key} is an empty list, which could mean nobody or everybody`,
      'List who is accepted, or remove the key.',
    );
  return true;
}

/** The duration under `key` of `around`, within bounds that are written as durations themselves; in milliseconds. */
export function readBetween(
  ms: number | undefined,
  byDefault: number,
  [min, max]: readonly [min: string, max: string],
  around: Cursor,
  key: string,
  problems: ProblemList,
): number {
  if (ms !== undefined && (ms < (parseDuration(min) ?? 0) || ms > (parseDuration(max) ?? 0)))
    problems.error('out_of_range', around.down(key).place, `${key} is not between ${min} and ${max}`);
  return ms ?? byDefault;
}
