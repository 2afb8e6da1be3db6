// `regex` values of canary conditions and name rules: a bounded subset of RE2's syntax, as Goma has it, that JavaScript's
// backtracking engine runs in bearable time. Refused: what RE2 does not have either (back references, lookaround), nested repetition, and more unbounded
// repetition than a short input can stand. The value that is matched must be cut: see matchInputLimit.

/** A value longer than this (characters) must count as not matching. With it, a pattern costs a few million steps at worst. */
export const matchInputLimit = 512;
const maxPatternLength = 256;
const maxRepeat = 64;
/** One search for a start and one unbounded repetition, or two behind `^`; a little more for small choices. */
const maxWays = 4 * matchInputLimit * matchInputLimit;
/** Ways times the characters that each may compare behind the first choice before it fails. */
const maxSteps = 16 * maxWays;

/** The same for a pattern without a choice that grows with the square of the value: whole targets can be looked at. */
const longInputLimit = 16 * matchInputLimit;

export type RegexReading = { readonly pattern: string } | { readonly problem: string; readonly hint: string };

/** The pattern to give to `new RegExp(pattern)`: unanchored, as in Goma; a redundant leading or trailing `.*` is removed. */
export function parseSafeRegex(text: string): RegexReading {
  // What could only be cut from a text of absurd length is not looked for.
  if (text.length > maxPatternLength) return check(text, 1);
  const pattern = text.replace(/^\^?(?:\.\*)+(?![?+*{])/, '').replace(/(?<!\\)(?:\.\*)+\$?$/, '');
  // The search for a start counts like an unbounded repetition.
  return check(pattern, pattern.startsWith('^') && !pattern.includes('|') ? 1 : matchInputLimit);
}

/**
 * A pattern for `new RegExp('^(?:' + pattern + ')$')`: the whole value has to match. Nothing is removed from it, and there is
 * no search for a start, so one more unbounded repetition is possible than without `^`.
 */
export function parseWholeRegex(text: string): RegexReading {
  const reading = check(text, 1);
  if (!('pattern' in reading)) return reading;
  return isValid(`^(?:${text})$`) ? reading : { problem: 'the regular expression has a syntax error', hint: '' };
}

export type SearchReading =
  | {
      readonly pattern: string;
      /** Capturing groups. */
      readonly groups: number;
      /** It can match at the start of a value only. */
      readonly isAnchored: boolean;
      /** A longer value must not be looked at. */
      readonly maxInput: number;
    }
  | Extract<RegexReading, { readonly problem: string }>;

/** A pattern for `new RegExp(pattern, 'g')` whose matches are replaced, so that nothing is removed from it. */
export function parseSearchRegex(text: string): SearchReading {
  const isAnchored = text.startsWith('^') && !text.includes('|');
  const starts = isAnchored ? 1 : matchInputLimit;
  const reading = check(text, starts);
  if (!('pattern' in reading)) return reading;
  // Sixteen times the length costs sixteen times as much only where nothing multiplies twice.
  const cost = costOf(text, starts);
  const isCheap = 'ways' in cost && cost.ways * 16 <= maxWays && cost.ways * cost.width * 16 <= maxSteps;
  return {
    pattern: text,
    groups: (new RegExp(`${text}|`).exec('')?.length ?? 1) - 1,
    isAnchored,
    maxInput: isCheap ? longInputLimit : matchInputLimit,
  };
}

function check(pattern: string, starts: number): RegexReading {
  if (pattern.length > maxPatternLength)
    return {
      problem: `the regular expression is longer than ${maxPatternLength} characters`,
      hint: 'Use several of them.',
    };
  const cost = costOf(pattern, starts);
  if ('mistake' in cost)
    return {
      problem: `the regular expression ${cost.mistake}`,
      hint: 'Only a simple subset runs in bounded time: literals, classes, groups, alternatives, and few repetitions that are not nested.',
    };
  return isValid(pattern) ? { pattern } : { problem: 'the regular expression has a syntax error', hint: '' };
}

function isValid(pattern: string): boolean {
  try {
    return RegExp(pattern) instanceof RegExp;
  } catch {
    return false;
  }
}

/** `width`: characters that it compares at least, as far as they stand behind the first choice of the pattern. */
type Group = { repeats: boolean; branches: number; width: number };

/** Of the worst value of `matchInputLimit` characters. */
type Cost = { readonly mistake: string } | { readonly ways: number; readonly width: number };

function costOf(pattern: string, starts: number): Cost {
  const groups: Group[] = [{ repeats: false, branches: 1, width: 0 }];
  /** The group that was closed right before the current position. */
  let closed: Group | undefined;
  // How many ways of matching the engine may try at worst: the search for a start, then each choice multiplies.
  let ways = starts;
  /** Of the last character, class or group. */
  let lastWidth = 0;
  for (let i = 0; i < pattern.length; ) {
    const piece = nextPiece(pattern, i);
    i += piece.length;
    const foreign = foreignSyntax(piece);
    if (foreign !== undefined) return { mistake: foreign };
    const group = groups.at(-1);
    if (group === undefined || (piece === ')' && groups.length === 1))
      return { mistake: 'closes a group that is not open' };
    if (isQuantifier(piece)) {
      const { low, high } = readQuantifier(piece);
      if (low > maxRepeat || (high > maxRepeat && high !== Number.POSITIVE_INFINITY))
        return { mistake: `repeats something more than ${maxRepeat} times` };
      if (high > 1 && closed !== undefined && (closed.repeats || closed.branches > 1))
        return { mistake: 'repeats a group that itself repeats or branches' };
      group.repeats = true;
      group.width += lastWidth * Math.max(0, low - 1);
      ways *= high === Number.POSITIVE_INFINITY ? matchInputLimit : high - low + 1;
    }
    if (piece === '|') group.branches++;
    if (piece.startsWith('(')) groups.push({ repeats: false, branches: 1, width: 0 });
    closed = piece === ')' ? groups.pop() : undefined;
    if (closed !== undefined) {
      ways *= closed.branches;
      const parent = groups.at(-1);
      if (parent !== undefined) {
        parent.repeats ||= closed.repeats || closed.branches > 1;
        parent.width += closed.width;
      }
    }
    if (!isQuantifier(piece)) lastWidth = closed?.width ?? (ways > 1 ? 1 : 0);
    if (closed === undefined && !isQuantifier(piece)) group.width += lastWidth;
  }
  const [all] = groups;
  ways *= all?.branches ?? 1;
  const width = Math.min(matchInputLimit, all?.width ?? 0);
  return ways > maxWays || ways * width > maxSteps ? { mistake: 'can match in too many ways' } : { ways, width };
}

/** What RE2 and JavaScript do not both have, or read differently. */
function foreignSyntax(piece: string): string | undefined {
  if (/^\\[0-9k]/.test(piece)) return 'has a back reference';
  if (/^\(\?<?[=!]/.test(piece)) return 'looks ahead or behind';
  if (piece === '(?' || piece === '(?<') return 'has a group of a kind that is not supported';
  if (/^\\[A-Za-z]/.test(piece) && !/^\\[dDwWsSbBnrtfv]/.test(piece))
    return `has the escape ${piece}, which is not supported`;
  if (/^\[\^?\]/.test(piece) || piece.includes('[:')) return 'has a character class that is not supported';
  return undefined;
}

/** One escape, class, quantifier, group opening or character. */
function nextPiece(pattern: string, at: number): string {
  const rest = pattern.slice(at);
  const match =
    /^\\./su.exec(rest) ??
    /^\[\^?\]?(?:\\.|[^\]\\])*\]/s.exec(rest) ??
    /^(?:[*+?]|\{\d+(?:,\d*)?\})\??/.exec(rest) ??
    /^\(\?(?::|[=!]|<[=!]?|)/.exec(rest);
  return match?.[0] ?? rest.slice(0, 1);
}

function isQuantifier(piece: string): boolean {
  return /^[*+?]/.test(piece) || /^\{\d/.test(piece);
}

function readQuantifier(piece: string): { low: number; high: number } {
  if (piece.startsWith('*')) return { low: 0, high: Number.POSITIVE_INFINITY };
  if (piece.startsWith('+')) return { low: 1, high: Number.POSITIVE_INFINITY };
  if (piece.startsWith('?')) return { low: 0, high: 1 };
  const [, low = '0', comma, high = ''] = /^\{(\d+)(,(\d*))?\}/.exec(piece) ?? [];
  if (comma === undefined) return { low: Number(low), high: Number(low) };
  return { low: Number(low), high: high === '' ? Number.POSITIVE_INFINITY : Number(high) };
}
