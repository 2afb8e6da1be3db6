// What is different between two documents, field by field: places as JSON Pointers (RFC 6901). Lists are compared place by
// place. At most `maxFieldDifferences` are named; where there are more, that is said.
import { canonicalJson, type Json, type JsonObject } from './canonical-json.ts';
import { maxFieldDifferences } from './limits.ts';
import type { ObjectName } from './object.ts';

/** Absent `before`: the field is new; absent `after`: it is gone. */
export type FieldDifference = { readonly pointer: string; readonly before?: Json; readonly after?: Json };

export type ObjectDifference = ObjectName & {
  readonly change: 'added' | 'removed' | 'changed';
  /** For `added` and `removed` none: the object says it all. */
  readonly fields: readonly FieldDifference[];
  /** True where there are more fields than are named. */
  readonly more: boolean;
};

export function compareDocuments(before: JsonObject, after: JsonObject): Pick<ObjectDifference, 'fields' | 'more'> {
  const fields: FieldDifference[] = [];
  for (const difference of walk(before, after, '')) {
    if (fields.length === maxFieldDifferences) return { fields, more: true };
    fields.push(difference);
  }
  return { fields, more: false };
}

function* walk(before: Json, after: Json, pointer: string): Generator<FieldDifference, void, undefined> {
  const [left, right] = [membersOf(before), membersOf(after)];
  if (left !== undefined && right !== undefined && Array.isArray(before) === Array.isArray(after)) {
    const names = [...new Set([...left.keys(), ...right.keys()])];
    for (const name of Array.isArray(after) ? names : names.sort()) {
      const place = `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      const [was, is] = [left.get(name), right.get(name)];
      if (was === undefined) yield { pointer: place, after: is as Json };
      else if (is === undefined) yield { pointer: place, before: was };
      else yield* walk(was, is, place);
    }
  } else if (canonicalJson(before) !== canonicalJson(after)) yield { pointer, before, after };
}

/** A Map, so that no name of a member means anything else to JavaScript. Undefined where there are none. */
function membersOf(value: Json): Map<string, Json> | undefined {
  if (value === null || typeof value !== 'object') return undefined;
  return new Map(Object.entries(value));
}
