// Whether two parts of a configuration that were read at different times are the same, places in files aside: a line that moves
// changes nothing.
import type { Place } from '../yaml/place.ts';

/** Of plain data as it is loaded. Anything else counts as another unless it is the very same. */
export function isSame(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (Array.isArray(one))
    return (
      Array.isArray(other) && one.length === other.length && one.every((value, index) => isSame(value, other[index]))
    );
  if (one instanceof Uint8Array) return other instanceof Uint8Array && Buffer.compare(one, other) === 0;
  return isPlain(one) && isPlain(other) && hasSame(one, other) && hasSame(other, one);
}

type Plain = Readonly<Record<string, unknown>>;

function isPlain(value: object): value is Plain {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** What is absent and what is undefined are the same. */
function hasSame(one: Plain, other: Plain): boolean {
  for (const key in one) {
    if (isSame(one[key], other[key])) continue;
    if (key !== 'place' || !isPlace(one[key]) || !isPlace(other[key])) return false;
  }
  return true;
}

/** By its shape: what somebody has called `place` himself, a field or a file, counts like anything else. */
function isPlace(value: unknown): value is Place {
  if (typeof value !== 'object' || value === null) return false;
  const { file, line, col }: Partial<Place> = value;
  return typeof file === 'string' && typeof line === 'number' && typeof col === 'number';
}
