// One parameter of a query, as every backend reads it. Backends differ over the rest: whether the first or the last of several
// counts, whether `;` divides, whether names are case-sensitive, what `[]` and a second decoding make of them. What is not plain
// is said to be in doubt (conditions.ts).
import { openSegment, withoutInvisible } from '../http/open-segment.ts';
import { Doubt } from './conditions.ts';

/** `query`: with its `?`, '' for none. Undefined where the parameter is absent for every backend. */
export function findParameter(query: string, name: string): string | undefined | Doubt {
  if (query === '') return undefined;
  const folded = foldParameter(name) ?? name;
  let found: string | undefined;
  for (const pair of query.slice(1).split('&')) {
    const pieces = pair.split(';');
    // For those who divide at `;` too, each piece is a pair; for the others the first name is all.
    if (!mayBe(nameOf(pair), folded) && !pieces.some((piece) => mayBe(nameOf(piece), folded))) continue;
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

/** Could a backend take a parameter of this name for the one that folds so? */
function mayBe(name: string, folded: string): boolean {
  const text = foldParameter(name);
  return text === undefined || text === folded;
}

/**
 * The name as far as any backend simplifies it: decoded, without case, blanks around it, an index (`[]`), and with one character
 * for all that are neither letter nor digit, as PHP has it. Undefined where no server has an honest use for it.
 */
function foldParameter(name: string): string | undefined {
  const opened = openSegment(name.replaceAll('+', '%20'));
  if (opened === undefined) return undefined;
  const end = opened.search(/[[?#]/);
  const text = withoutInvisible(end > 0 ? opened.slice(0, end) : opened).normalize('NFKC');
  return text
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]/gu, '_');
}
