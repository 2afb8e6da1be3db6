// What the sections share when they read: how a mistake about one value is told, and values with a grammar of their own.
import type { Cursor } from '../yaml/cursor.ts';
import type { PlainRef, WrittenRef } from './ref.ts';
import { parseMaterialRef } from './material-ref.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
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
export function readRef(
  value: string | undefined,
  at: Cursor,
  key: string,
  problems: ProblemList,
): WrittenRef | undefined {
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

/** As readRef, for a private key: a store has it under an id of its own. */
export function readKeyRef(
  value: string | undefined,
  at: Cursor,
  key: string,
  problems: ProblemList,
): PlainRef | undefined {
  const { materialId, place } = at.down(key);
  return materialId === undefined ? readRef(value, at, key, problems) : { place, id: materialId };
}

/** `""` in the file stands for "not given", as in Goma; a variable that is empty does not: it was meant to hold something. */
export function unlessBlank(value: string | undefined, around: Cursor, key: string): string | undefined {
  return value === '' && around.down(key).showable ? undefined : value;
}

/** What should be nobody else's to read. */
const secretKeys: ReadonlySet<string> = new Set(['key', 'clientKey', 'keys']);

/** As readRef, for a value whose own position is at hand (an item of a list). */
export function readRefAt(value: string, at: Cursor, name: string, problems: ProblemList): WrittenRef | undefined {
  const ref = parseMaterialRef(value, at, secretKeys.has(name));
  if (!('problem' in ref)) return ref;
  problems.error('bad_material', at.place, `${name} ${ref.problem}`, ref.hint);
  return undefined;
}

/** Goma's old name of a key: it works. */
export function reportDeprecated(old: string, name: string, at: Cursor, problems: ProblemList): void {
  if (at.has(old)) problems.warn('deprecated_key', at.keyPlace(old), `${old} is a deprecated name`, `Write ${name}.`);
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

/** A wait that must end: 0 is refused. */
export function reportEndless(ms: number, at: Cursor, problems: ProblemList): void {
  if (ms === 0)
    problems.error(
      'endless_wait',
      at.place,
      '0 is not possible here: this wait must end',
      'Give a duration above 0, or leave it out for the default.',
    );
}
