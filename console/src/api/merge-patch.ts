// What is different between what was read and what is to be, as a JSON Merge Patch (RFC 7396): only what somebody changed is
// sent, so that two people who change different fields do not undo each other's.
export type JsonObject = { readonly [name: string]: unknown };

/** Undefined where nothing is different. Arrays are one value; a member that is gone is null. */
export function mergePatch(before: JsonObject, after: JsonObject): JsonObject | undefined {
  const patch: Record<string, unknown> = {};
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [was, is] = [before[name], after[name]];
    if (isObject(was) && isObject(is)) {
      const inner = mergePatch(was, is);
      if (inner !== undefined) patch[name] = inner;
    } else if (!isSame(was, is)) patch[name] = is === undefined ? null : is;
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}

/** Undefined and null are both: not there. */
function isSame(a: unknown, b: unknown): boolean {
  if ((a ?? null) === (b ?? null)) return true;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((one, at) => isSame(one, b[at]));
  return isObject(a) && isObject(b) && mergePatch(a, b) === undefined;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
