// `pattern` and `replacement` of a middleware: a regular expression of the safe subset, and the text that takes the place of each
// match, in Go's notation: `$1` or `${1}` for a group, `$0` for the whole match, `$$` for a dollar sign.
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { type Mistake, reportMistake } from './reading.ts';
import { parseSearchRegex } from './safe-regex.ts';

export type ReplacementConfig = {
  /** For `new RegExp(pattern, 'g')`. */
  readonly pattern: string;
  /** A longer value must not be looked at. */
  readonly maxInput: number;
  readonly isAnchored: boolean;
  /** Text, and numbers of groups. */
  readonly parts: readonly (string | number)[];
};

const maxLength = 1_024;

type Written = { readonly pattern?: string | undefined; readonly replacement?: string | undefined };

/** `at`: the rule. Undefined where it cannot be read. */
export function readReplacement(
  { pattern, replacement }: Written,
  at: Cursor,
  problems: ProblemList,
): ReplacementConfig | undefined {
  for (const [key, value] of Object.entries({ pattern, replacement }))
    if (value === undefined && !at.isBroken(key)) problems.error('missing_key', at.place, `the rule has no \`${key}\``);
  if (pattern === undefined || replacement === undefined) return undefined;
  if (pattern === '') {
    reportMistake(problems, 'bad_regex', at.down('pattern'), pattern, { problem: 'is empty', hint: '' });
    return undefined;
  }
  const search = parseSearchRegex(pattern);
  if ('problem' in search) reportMistake(problems, 'bad_regex', at.down('pattern'), pattern, search);
  const groups = 'groups' in search ? search.groups : Infinity;
  const parts = parseReplacement(replacement, groups);
  if ('problem' in parts) reportMistake(problems, 'bad_replacement', at.down('replacement'), replacement, parts);
  if ('problem' in search || 'problem' in parts) return undefined;
  return { pattern: search.pattern, maxInput: search.maxInput, isAnchored: search.isAnchored, parts };
}

function parseReplacement(text: string, groups: number): readonly (string | number)[] | Mistake {
  if (text.length > maxLength) return { problem: `is longer than ${maxLength} characters`, hint: '' };
  if (/\{\{/.test(text))
    return { problem: 'values of the request ({{…}}) cannot be put into it', hint: 'Write groups of the pattern: $1.' };
  if (/[^\x21-\x7e]|[\\"<>^`{|}]/.test(text.replaceAll(/\$\{\d{1,2}\}/g, '')))
    return { problem: 'holds a character that no path has', hint: 'Percent-encode it.' };
  const parts: (string | number)[] = [];
  let literal = '';
  for (let at = 0; at < text.length; ) {
    if (text[at] !== '$') {
      literal += text[at++];
      continue;
    }
    const [whole = '', braced, bare] = /^\$(?:\{(\d{1,2})\}|(\d{1,2})(?![A-Za-z_\d])|\$)/.exec(text.slice(at)) ?? [];
    if (whole === '')
      return { problem: 'a $ stands before no number of a group', hint: 'Write ${1} for the first group, $$ for a $.' };
    at += whole.length;
    const number = braced ?? bare;
    if (number === undefined) {
      literal += '$';
      continue;
    }
    if (Number(number) > groups) return { problem: `the pattern has no group ${number}`, hint: 'Groups stand in ( ).' };
    if (literal !== '') parts.push(literal);
    literal = '';
    parts.push(Number(number));
  }
  return literal === '' ? parts : [...parts, literal];
}
