// What a type of `middlewares[]` is made of: its names, the declaration of its `rule`, and how the rule is read. Each type
// stands in a file of its own; filter-types.ts lists them, middlewares.ts finds out which routes use which.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { Place } from '../yaml/place.ts';
import type { ProblemList } from '../yaml/problem-list.ts';

export type FilterType<Kind extends string = string, Rule extends object = object> = {
  /** Of its configuration, and of the filter that it becomes. */
  readonly kind: Kind;
  /** What may stand as `type`; the one to write comes first, the others are Goma's. */
  readonly names: readonly [string, ...string[]];
  /** Leaving it out lets more through: it is never skipped, and a request that might be meant by `paths` is. */
  readonly guards: boolean;
  /** It looks at no `paths` (as in Goma, where it counts for the whole route): to write some is a warning. */
  readonly wholeRoute?: true;
  /** Its rule holds passwords or the like: of lines with a mistake the values are not shown. */
  readonly holdsSecrets?: true;
  /** In a sentence, for docs/configuration.md. */
  readonly says: string;
  readonly rule: z.ZodObject;
  /** `rule`: what `this.rule` made of it. Undefined where it cannot be read: then `problems` has an error. */
  read(rule: unknown, at: Cursor, problems: ProblemList): (Rule & { readonly kind: Kind }) | undefined;
};

type Declaration<Kind extends string, S extends z.ZodObject, Rule extends object> = Omit<
  FilterType<Kind, Rule>,
  'rule' | 'read'
> & {
  readonly rule: S;
  /** `at`: the rule. Undefined where it cannot be read: then an error was reported. */
  readonly read: (rule: z.output<S>, at: Cursor, problems: ProblemList) => Rule | undefined;
};

/** Declares a type. Its `rule` counts as `{}` where it is not written, so that what it lacks is said by its own reader. */
export function filterType<const Kind extends string, S extends z.ZodObject, Rule extends object>(
  declaration: Declaration<Kind, S, Rule>,
): FilterType<Kind, Rule> {
  const { kind, read } = declaration;
  return {
    ...declaration,
    read: (rule, at, problems) => {
      const found = read(rule as z.output<S>, at, problems);
      return found && { ...found, kind };
    },
  };
}

/** One entry of `paths` (filter-paths.ts). */
export type PathEntry =
  /** In lower case: the whole path. */
  | { readonly kind: 'exact'; readonly path: string }
  /** In lower case, `/` at its end: everything below. */
  | { readonly kind: 'prefix'; readonly path: string }
  /** Found anywhere in the path: for `new RegExp(pattern, 'i')`, of the safe subset. */
  | { readonly kind: 'regex'; readonly pattern: string };

/** What every filter of a route has besides its rule. */
export type FilterCommon = {
  /** Of the middleware. */
  readonly name: string;
  /** As it is written. */
  readonly type: string;
  /** Undefined: every request of the route. */
  readonly paths: readonly PathEntry[] | undefined;
  readonly guards: boolean;
  readonly place: Place;
};
