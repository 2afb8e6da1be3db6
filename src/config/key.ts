// One declaration for each key of the configuration: its type, its default, whether ignoring it would open something, and what
// is said of it. Reading, the keys that are known and their places, the JSON Schema and the tables of docs/configuration.md
// follow from it. A default is written as in a file and goes through the same parser, so readers never repeat it.
import { z } from 'zod';
import { closedMap, map, ranges } from './atoms.ts';

/** As it would stand in a file; lists of texts too. */
export type Written = string | number | boolean | readonly string[];

export type KeySays = {
  /** For the JSON Schema. `{default}`, `{min}` and `{max}` stand for what is declared. */
  readonly says?: string;
  /** For the table of docs/configuration.md, in Markdown; where it is not given: `says` without its default. */
  readonly page?: string;
  readonly default?: Written;
  /** In words: what holds where the key is not written, if that is no value of its own. For the table. */
  readonly unset?: string;
  /** Ignoring the key would let more through or verify less: a near miss of it is an error, with --lenient too. */
  readonly restricts?: true;
  /** Goma has no such key below one that has no effect here: where it stands there, it slid in from elsewhere. */
  readonly oursAlone?: true;
  /** An old name, or of no function in this version: no hint offers it. */
  readonly untold?: true;
  /** Nothing in the block is looked at while its `enabled` is not on. */
  readonly idleWhenOff?: true;
  /** Keys that are known for what becomes of the block; nothing is done with their values, and no hint sends anybody there. */
  readonly inert?: true;
  /** How the block looks, for those who wrote a single value; or the value, for those who wrote a list. */
  readonly example?: string;
  /** The block has a table of its own under this heading of docs/configuration.md. */
  readonly table?: string;
};

/** What was declared about a schema; filled while the declarations are made. */
export const declared = z.registry<KeySays>();

export function key<T extends z.ZodType>(
  value: T,
  says: KeySays & { readonly default: NonNullable<Written> },
): z.ZodDefault<T>;
export function key<T extends z.ZodType>(value: T, says: KeySays & { readonly default?: never }): z.ZodOptional<T>;
export function key(value: z.ZodType, says: KeySays): z.ZodType {
  const written = says.default;
  const schema = written === undefined ? value.optional() : value.default(value.parse(asSource(written)) as never);
  return declare(schema, says, value);
}

/** A map of keys that is there with their defaults, be it written or not. */
export function block<T extends z.ZodRawShape>(keys: T, says: KeySays = {}): z.ZodPrefault<z.ZodObject<T>> {
  const inner = map(keys);
  return declare(inner.prefault({} as never), says, inner);
}

/** The same where an unknown key is an error always. */
export function closedBlock<T extends z.ZodRawShape>(keys: T, says: KeySays = {}): z.ZodPrefault<z.ZodObject<T>> {
  const inner = closedMap(keys);
  return declare(inner.prefault({} as never), says, inner);
}

function declare<S extends z.ZodType>(schema: S, says: KeySays, value: z.ZodType): S {
  const range = ranges.get(value);
  const sentence = says.says
    ?.replace('{default}', String(says.default))
    .replace('{min}', String(range?.min))
    .replace('{max}', String(range?.max));
  const described: z.ZodType = sentence === undefined ? schema : schema.describe(sentence);
  declared.add(described, says);
  return described as S;
}

/** Text of the file for what is declared as a value. */
function asSource(written: Written): unknown {
  return typeof written === 'object' ? written.map(String) : String(written);
}

/** What a key is where it is not written, as a value. */
export function defaultOf<T extends z.ZodType>(declaration: z.ZodDefault<T>): z.output<T> {
  return declaration.parse(undefined);
}

/** As it is written, for what other keys say about it. */
export function writtenDefault(declaration: z.ZodDefault): string {
  return String(declared.get(declaration)?.default);
}

/** The same keys where what is not written comes from around and not from the defaults. */
export type Inheriting<S extends z.ZodRawShape> = {
  [K in keyof S]: S[K] extends z.ZodDefault<infer T>
    ? z.ZodOptional<T>
    : S[K] extends z.ZodPrefault<z.ZodObject<infer I extends z.ZodRawShape>>
      ? z.ZodOptional<z.ZodObject<Inheriting<I>>>
      : S[K];
};

export function inheriting<S extends z.ZodRawShape>(keys: S): Inheriting<S> {
  const entries = Object.entries(keys).map(([name, schema]) => [name, inherited(schema as z.ZodType)]);
  return Object.fromEntries(entries) as Inheriting<S>;
}

function inherited(schema: z.ZodType): z.ZodType {
  if (!(schema instanceof z.ZodDefault) && !(schema instanceof z.ZodPrefault)) return schema;
  const inner = schema.unwrap() as z.ZodType;
  const { default: _, ...rest } = declared.get(schema) ?? {};
  const says = schema.description === undefined ? rest : { ...rest, says: schema.description };
  const value = inner instanceof z.ZodObject ? map(inheriting(inner.shape as z.ZodRawShape)) : inner;
  return declare(value.optional(), says, value);
}
