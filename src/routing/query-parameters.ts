// One parameter of a query, as every backend reads it. Backends differ over the rest: whether the first or the last of several
// counts, whether `;` divides, whether names are case-sensitive, what `[]` and a second decoding make of them. What is not plain
// is said to be in doubt (conditions.ts).
import { foldParameter, mayBeParameter } from '../http/fold-parameter.ts';
import { Doubt } from './conditions.ts';

/** `query`: with its `?`, '' for none. Undefined where the parameter is absent for every backend. */
export function findParameter(query: string, name: string): string | undefined | Doubt {
  if (query === '') return undefined;
  const folded = foldParameter(name) ?? name;
  let found: string | undefined;
  for (const pair of query.slice(1).split('&')) {
    const pieces = pair.split(';');
    // For those who divide at `;` too, each piece is a pair; for the others the first name is all.
    if (!mayBeParameter(nameOf(pair), folded) && !pieces.some((piece) => mayBeParameter(nameOf(piece), folded)))
      continue;
    if (pieces.length > 1) return new Doubt(`query parameter ${name} stands beside a semicolon`);
    if (found !== undefined) return new Doubt(`query parameter ${name} came more than once`);
    if (decode(nameOf(pair)) !== name)
      return new Doubt(`query parameter ${name} is spelt in a way that some backends take for it`);
    const value = decode(pair.slice(nameOf(pair).length + 1));
    if (value === undefined || /%[0-9A-Fa-f]{2}/.test(value))
      return new Doubt(`query parameter ${name} is encoded in several ways`);
    found = value;
  }
  return found;
}

function nameOf(pair: string): string {
  const end = pair.indexOf('=');
  return end < 0 ? pair : pair.slice(0, end);
}

/** Once, as forms are (`+` is a blank); undefined where it cannot be. */
function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
