// The scalars of the configuration as zod schemas. What comes in is always source text (yaml/tree.ts); each atom says
// what it expected in words, with a hint where it can. YAML 1.1 booleans pass, as in Goma's parser.
import { z } from 'zod';
import { durationPattern, maxDurationMs, parseDuration } from './duration.ts';
import { saysOff, saysOn } from '../yaml/cursor.ts';
import { findNearest } from '../yaml/nearest.ts';

/** Shown where a value came in wrong; `hint` travels in the issue's params. */
function atom<T extends z.ZodType>(expected: string, out: T, parse: (text: string) => unknown, hint = '') {
  return z.preprocess((input, ctx) => {
    const value = typeof input === 'string' ? parse(input) : undefined;
    if (value !== undefined) return value;
    ctx.addIssue({ code: 'custom', message: `expected ${expected}`, params: { hint }, input });
    return z.NEVER;
  }, out);
}

export const text = atom('text', z.string(), (value) => value);

export const flag = atom('true or false', z.boolean(), (value) => {
  if (saysOn.test(value)) return true;
  return saysOff.test(value) ? false : undefined;
});

/** Bounds of a value as they are written in a file, for what is said about a key. */
export const ranges = z.registry<{ readonly min: string | number; readonly max: string | number }>();

/** A whole number within the bounds. */
export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER, hint = '') {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  const parse = (value: string): number | undefined => {
    const number = /^[-+]?\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
    return number >= min && number <= max ? number : undefined;
  };
  const schema = atom(`a whole number ${range}`, z.int().min(min).max(max), parse, hint);
  return schema.register(ranges, { min, max });
}

const maxSeconds = Math.floor(maxDurationMs / 1000);

/** Whole seconds, as Goma writes its timeouts; in milliseconds. */
export const seconds = atom(
  'a whole number of seconds',
  z.int().min(0),
  (value) => {
    const ms = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Number.NaN;
    return ms <= maxDurationMs ? ms : undefined;
  },
  'This key takes seconds without a unit, for example 30.',
).register(ranges, { min: 0, max: maxSeconds });

/** A Go duration; in milliseconds. */
export const duration = atom(
  'a duration with a unit',
  z.string().regex(durationPattern),
  (value) => (parseDuration(value) === undefined ? undefined : value),
  'For example 500ms, 30s, 1m30s, 1h; a day is 24h.',
).transform((value) => parseDuration(value) ?? 0);

/** A Go duration within bounds that are written as durations themselves; in milliseconds. */
export function durationBetween(min: string, max: string) {
  const [from = 0, to = 0] = [parseDuration(min), parseDuration(max)];
  const within = z.preprocess((input, ctx) => {
    const ms = typeof input === 'string' ? parseDuration(input) : undefined;
    if (ms === undefined || (ms >= from && ms <= to)) return input;
    const params = { outOfRange: `is not between ${min} and ${max}` };
    ctx.addIssue({ code: 'custom', message: 'out of range', params, input });
    return z.NEVER;
  }, duration);
  return within.register(ranges, { min, max });
}

/** A number from 0 to 1. */
export const ratio = atom('a number from 0 to 1', z.number().min(0).max(1), (value) => {
  const number = /^(?:\d*\.)?\d+$/.test(value) ? Number(value) : Number.NaN;
  return number <= 1 ? number : undefined;
});

/** One of some words; another case is accepted where `anyCase` says so. `help`: the hint where no word is near. */
export function oneOf<const T extends readonly [string, ...string[]]>(words: T, anyCase = false, help = '') {
  const out = z.enum(words);
  return z.preprocess((input, ctx) => {
    const wanted = typeof input === 'string' ? input : '';
    const found = words.find((word) => word === wanted || (anyCase && word.toLowerCase() === wanted.toLowerCase()));
    if (found !== undefined) return found;
    const near = findNearest(wanted, words);
    const hint = near === undefined ? help : `Did you mean ${near}?`;
    ctx.addIssue({ code: 'custom', message: `expected one of ${words.join(', ')}`, params: { hint }, input });
    return z.NEVER;
  }, out);
}

/** A list; says so where a single value stands instead. */
export function list<T extends z.ZodType>(item: T) {
  return z.array(item, { error: () => 'expected a list' });
}

/** Schemas of lists that may also be written as one value, for the JSON Schema. */
export const singleAllowed = z.registry<{ readonly singleAllowed: true }>();

/** One value or a list of them; a list in the end. */
export function oneOrMore<T extends z.ZodType>(item: T) {
  const items = z
    .array(item, { error: () => 'expected a value or a list of values' })
    .register(singleAllowed, { singleAllowed: true });
  return z.preprocess((input) => (typeof input === 'string' ? [input] : input), items);
}

/** Schemas of blocks that may be switched off in one word, for the JSON Schema. */
export const offAllowed = z.registry<{ readonly offAllowed: true }>();

/** A block, or the word `off`: then undefined, and the reader asks the cursor which of the two it was (`Cursor.saysOff`). */
export function offOr<T extends z.ZodType>(block: T) {
  const inner = block.optional();
  offAllowed.add(inner, { offAllowed: true });
  return z.preprocess((input) => (typeof input === 'string' && saysOff.test(input) ? undefined : input), inner);
}

/** Schemas of maps that may also be written as one text, for the JSON Schema. */
export const textAllowed = z.registry<{ readonly textAllowed: true }>();

/** Schemas of values that no message may hold. */
export const secrets = z.registry<{ readonly secret: true }>();

/** A value that may be, or hold, a secret: a mistake about it does not show it. */
export function secret<T extends z.ZodType>(value: T): T {
  const own = value.clone();
  secrets.add(own, { secret: true });
  return own;
}

/** A map with known keys; unknown ones are reported by known-keys.ts. */
export function map<T extends z.ZodRawShape>(shape: T) {
  return z.object(shape, { error: () => 'expected a map of keys and values' });
}

/** Maps in which an unknown key is an error, since it could be a condition that something else depends on. */
export const closed = z.registry<{ readonly closed: true }>();

/** A map with known keys and no others. */
export function closedMap<T extends z.ZodRawShape>(shape: T) {
  return map(shape).register(closed, { closed: true });
}

/** Schemas of values that are read by a shape of their own, which depends on what stands beside them. */
export const readApart = z.registry<{ readonly readApart: true }>();
