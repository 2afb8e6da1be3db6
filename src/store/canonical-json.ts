// JSON in one spelling per value (RFC 8785): members in the order of their names by UTF-16 code units, no white space,
// numbers and strings as ECMAScript writes them. What is equal has one digest, whoever wrote it and in which order.
import { StoreProblem } from './store-problem.ts';

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export type JsonObject = { readonly [name: string]: Json };

/** Throws `invalid` for what JSON cannot say and for what stands deeper than `maxDepth`. Members that are undefined are left out. */
export function canonicalJson(value: unknown, maxDepth = 64): string {
  if (maxDepth < 0) throw new StoreProblem('invalid', 'a value has too many levels');
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new StoreProblem('invalid', `${value} is no number of JSON`);
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map((item: unknown) => canonicalJson(item, maxDepth - 1)).join(',')}]`;
  if (!isPlainObject(value)) throw new StoreProblem('invalid', `a ${typeof value} cannot be said in JSON`);
  const members = Object.keys(value)
    .filter((name) => value[name] !== undefined)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalJson(value[name], maxDepth - 1)}`);
  return `{${members.join(',')}}`;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
