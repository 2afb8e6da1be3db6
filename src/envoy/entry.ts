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

/** Middlewares that refuse nobody, by the names that an import gives them. */
const changers = /^(?:request-headers|response-headers|rewrite)(?:-\d+)?$/;
const movers = /^(?:redirect|to-https)(?:-\d+)?$/;

/** What may be called, as one text: two entries with the same are as open as each other. */
export function guardOf({ clientCert, keys, middlewares }: Entry): string {
  const redirects = middlewares.some((name) => movers.test(name));
  const guards = middlewares.filter((name) => !changers.test(name) && !movers.test(name));
  return JSON.stringify([clientCert ?? null, redirects ? null : (keys['response'] ?? null), guards]);
}

/** It answers with an error, and nobody gets further. */
export function isClosed({ keys: { response }, middlewares }: Entry): boolean {
  if (typeof response !== 'object' || Array.isArray(response)) return false;
  return Number(response['statusCode']) >= 400 && !middlewares.some((name) => movers.test(name));
}

/** Segment by segment: the one is the other, or above it. */
export function isAbove(upper: string, lower: string): boolean {
  return upper === '/' || upper === lower || lower.startsWith(`${upper}/`);
}
