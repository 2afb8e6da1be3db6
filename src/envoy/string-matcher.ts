// A StringMatcher as a rule of ours: exact, prefix, suffix, contains or a regular expression.
import { parseWholeRegex } from '../config/safe-regex.ts';
import type { SourceMap, SourceValue } from '../import/source-map.ts';
import type { Context } from './context.ts';

export type StringRule = {
  readonly kind: 'exact' | 'prefix' | 'suffix' | 'contains' | 'regex';
  readonly text: string;
  readonly ignoreCase: boolean;
  readonly value: SourceValue;
};

const kinds = {
  exact: 'exact',
  prefix: 'prefix',
  suffix: 'suffix',
  contains: 'contains',
  safe_regex: 'regex',
} as const;

/** Undefined where it has none of them, or one that cannot be taken over: that is refused or left to the sweep. */
export function readStringMatcher(context: Context, value: SourceValue): StringRule | undefined {
  const { map } = value;
  if (map === undefined) {
    context.report.refuse('bad_value', value, value.shown, 'has to be a matcher: exact, prefix, suffix, contains');
    return undefined;
  }
  const found = Object.entries(kinds).filter(([name]) => map.has(name));
  const [only] = found;
  const ignoreCase = context.flag(map, 'ignore_case') ?? false;
  if (only === undefined || found.length > 1) {
    const what = map.names.filter((name) => name !== 'ignore_case').join(', ') || 'nothing';
    context.loses('match_condition', value, `a matcher with ${what} has no counterpart`);
    map.readAll();
    return undefined;
  }
  const [name, kind] = only;
  const text = kind === 'regex' ? regexOf(context, map, name) : map.text(name);
  if (text === undefined) return undefined;
  const inner = map.get(name) ?? value;
  if (text === '') {
    context.report.refuse('bad_value', inner, inner.shown, 'is empty: it would fit everything, or nothing');
    return undefined;
  }
  return { kind, text, ignoreCase, value: inner };
}

/** `safe_regex: {google_re2: {}, regex: …}`. */
export function regexOf(context: Context, map: SourceMap, name: string): string | undefined {
  const regex = map.map(name);
  if (regex === undefined) return undefined;
  regex.mapOrEmpty('google_re2')?.readAll();
  const value = regex.get('regex');
  const text = regex.text('regex');
  if (value === undefined || text === undefined) {
    context.report.refuse('bad_value', map.get(name) ?? map, name, 'has no regex');
    return undefined;
  }
  const reading = parseWholeRegex(text);
  if ('pattern' in reading) return text;
  context.report.refuse('bad_regex', value, value.shown, `${reading.problem}. ${reading.hint}`.trim());
  return undefined;
}

/** A pattern for the whole value that says the same. */
export function wholePattern({ kind, text }: StringRule): string {
  const literal = text.replace(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);
  if (kind === 'regex') return text;
  if (kind === 'prefix') return `${literal}.*`;
  if (kind === 'suffix') return `.*${literal}`;
  return kind === 'contains' ? `.*${literal}.*` : literal;
}
