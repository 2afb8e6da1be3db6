// A route on its way: what Envoy's table says, in our words, before it has a name and a place among the others.
import type { DraftMap } from '../import/draft.ts';
import type { PathRule } from './route-match.ts';

export type Entry = {
  readonly path: PathRule;
  /** `match`: methods, headers, query. */
  readonly conditions: DraftMap;
  /** Empty: every host. */
  readonly hosts: readonly string[];
  /** target, backends, response, rewrite, timeouts, … */
  readonly keys: DraftMap;
  readonly middlewares: readonly string[];
  /** `security.clientCert`. */
  readonly clientCert: DraftMap | undefined;
  /** What it is called in the report and, where it can, in the file. */
  readonly name: string;
  /** Its prefix ended in a slash: the path without it belongs to a later route. */
  readonly hasSlash: boolean;
  /** The route table has to be searched from a later one on: virtual hosts of a wider name. */
  readonly group: number;
};

/** The same at a path below; what a prefix is rewritten to goes on with the rest. */
export function deepen(entry: Entry, path: string, kind: 'exact' | 'prefix'): Entry {
  const { rewrite } = entry.keys;
  const keys = { ...entry.keys };
  if (typeof rewrite === 'string') {
    const rest = entry.path.path === '/' ? path : path.slice(entry.path.path.length);
    keys['rewrite'] = `${rewrite === '/' ? '' : rewrite}${rest}` || '/';
  }
  return { ...entry, path: { ...entry.path, kind, path }, keys, hasSlash: false };
}

export function conditionCount({ conditions }: Entry): number {
  return ['methods', 'headers', 'query'].reduce((sum, name) => {
    const list = conditions[name];
    return sum + (name === 'methods' ? (list === undefined ? 0 : 1) : Array.isArray(list) ? list.length : 0);
  }, 0);
}

/** What may be called, as one text: two entries with the same are as open as each other. */
export function guardOf({ clientCert, keys, middlewares }: Entry): string {
  const { response } = keys;
  return JSON.stringify([
    clientCert ?? null,
    response ?? null,
    middlewares.filter((name) => !/^(?:request|response)-headers|^rewrite/.test(name)),
  ]);
}

/** Segment by segment: the one is the other, or above it. */
export function isAbove(upper: string, lower: string): boolean {
  return upper === '/' || upper === lower || lower.startsWith(`${upper}/`);
}
