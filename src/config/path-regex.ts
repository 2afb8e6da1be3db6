// Regular expressions over paths (`pathMatch: regex`), in a subset for which it can be told what a backend could read: slashes
// stand outside of everything, so an expression is a list of segments, and what a segment may hold is nothing that any server
// cuts off, decodes or skips (`%`, `;`, blanks, a dot at the end). Case is the one thing left that servers differ about, and
// `i` undoes it (routing/path-pattern.ts). Each segment runs in bounded time (safe-regex.ts).
import type { Mistake } from './reading.ts';
import { parseWholeRegex } from './safe-regex.ts';

export type RegexSegment =
  | { readonly kind: 'text'; readonly text: string }
  /** `[^/]+`: whatever the segment is. `groups`: 1 where it stands in parentheses. */
  | { readonly kind: 'any'; readonly groups: 0 | 1 }
  /** `source` has to match the whole segment; `sample` is one that it matches. */
  | { readonly kind: 'regex'; readonly source: string; readonly groups: number; readonly sample: string };

/** `open`: whatever is below matches too. */
export type PathRegex = { readonly segments: readonly RegexSegment[]; readonly open: boolean };

const maxLength = 1024;
const maxSegments = 64;
const tail = /(?:\/\.\*|\((?:\?:)?\/\.\*\)\?)$/;
/** Stands for `[^/]+` while the rest is divided at its slashes. */
const whole = '\u0001';

export function parsePathRegex(written: string): PathRegex | Mistake {
  const text = written.replace(/^\^/, '').replace(/(?<!\\)\$$/, '');
  if (!text.startsWith('/'))
    return { problem: 'a path starts with a slash', hint: 'The expression has to match the whole path: /v[0-9]+/.*' };
  if (text.length > maxLength)
    return { problem: `the expression is longer than ${maxLength} characters`, hint: 'Write several routes.' };
  if (text.includes(whole)) return { problem: 'the expression holds a control character', hint: '' };
  const open = tail.test(text);
  const parts = text.replace(tail, '').replaceAll('[^/]+', whole).split('/').slice(1);
  if (parts.length > maxSegments) return { problem: `the expression has more than ${maxSegments} segments`, hint: '' };
  const segments: RegexSegment[] = [];
  for (const part of parts.length === 1 && parts[0] === '' ? [] : parts) {
    const segment = parseSegment(part);
    if ('problem' in segment) return segment;
    segments.push(segment);
  }
  return { segments, open };
}

function parseSegment(part: string): RegexSegment | Mistake {
  if (part === '')
    return {
      problem: 'the expression has an empty segment',
      hint: 'Empty segments are dropped before routing. Write /.* at the end for everything below.',
    };
  if (part === whole || part === `(${whole})`) return { kind: 'any', groups: part === whole ? 0 : 1 };
  if (part.includes(whole))
    return { problem: '[^/]+ has to be a whole segment', hint: 'Say what it may hold, for example [a-z0-9-]+.' };
  const reader = new SegmentReader(part);
  const sample = reader.read();
  if (sample === undefined) return { problem: reader.problem, hint: reader.hint };
  if (sample.endsWith('.'))
    return { problem: `the segment ${part} may end with a dot, which some servers drop`, hint: '' };
  if (reader.isText) return { kind: 'text', text: sample };
  const timed = parseWholeRegex(part);
  if ('problem' in timed) return timed;
  return { kind: 'regex', source: part, groups: reader.groups, sample };
}

/** Characters of a path that every server reads as they are, and that mean nothing in an expression. */
const plain = /[A-Za-z0-9_~!&'=:@,-]/;
const escapable = /[.+*()-]/;
const quantifier = /^(?:[*+?]|\{(\d{1,2})(?:,(\d{0,2}))?\})\??/;

/** Reads one segment, and makes a text of it that it matches. */
class SegmentReader {
  problem = 'the regular expression has a syntax error';
  hint = '';
  groups = 0;
  /** There is one text only that it matches. */
  isText = true;
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Undefined where it cannot be read; then `problem` says why. */
  read(): string | undefined {
    const sample = this.#alternatives();
    if (sample === undefined || this.#at === this.#text.length) return sample;
    return this.#fail('closes a group that is not open', 'A group must not hold a slash.');
  }

  #alternatives(): string | undefined {
    let first: string | undefined;
    for (;;) {
      const sample = this.#sequence();
      if (sample === undefined) return undefined;
      first ??= sample;
      if (this.#text[this.#at] !== '|') return first;
      this.isText = false;
      this.#at += 1;
    }
  }

  #sequence(): string | undefined {
    let sample = '';
    while (this.#at < this.#text.length && !'|)'.includes(this.#text[this.#at] ?? '')) {
      const atom = this.#atom();
      if (atom === undefined) return undefined;
      sample += atom.repeat(this.#times());
    }
    return sample;
  }

  /** How often the sample holds the atom before: once, where that is allowed. */
  #times(): number {
    const found = quantifier.exec(this.#text.slice(this.#at));
    if (found === null) return 1;
    this.isText = false;
    this.#at += found[0].length;
    const [, low, high] = found;
    if (low === undefined) return 1;
    return high === undefined ? Number(low) : Math.max(Number(low), high === '0' ? 0 : 1);
  }

  #atom(): string | undefined {
    const char = this.#text[this.#at] ?? '';
    this.#at += 1;
    if (char === '(') return this.#group();
    if (char === '[') return this.#class();
    if (char === '\\') return this.#escape();
    if (plain.test(char)) return char;
    if (char === '.')
      return this.#fail(
        'has a dot that stands for any character',
        'Write \\. for a dot, or say which characters are meant.',
      );
    return this.#fail(
      `holds ${JSON.stringify(char)}, which servers read in several ways or which has no meaning here`,
      "Between slashes stand letters, digits, -_~!&'=:@, and escaped dots, classes like [a-z0-9-], groups, alternatives and repetitions; [^/]+ for any segment, /.* at the end.",
    );
  }

  #group(): string | undefined {
    const rest = this.#text.slice(this.#at);
    if (rest.startsWith('?:')) this.#at += 2;
    else if (rest.startsWith('?'))
      return this.#fail('has a group of a kind that is not supported', 'Write (…) or (?:…).');
    else this.groups += 1;
    this.isText = false;
    const sample = this.#alternatives();
    if (sample === undefined) return undefined;
    if (this.#text[this.#at] !== ')') return this.#fail('does not close a group', 'A group must not hold a slash.');
    this.#at += 1;
    return sample;
  }

  #escape(): string | undefined {
    const char = this.#text[this.#at] ?? '';
    this.#at += 1;
    if (escapable.test(char)) return char;
    if (char !== 'd' && char !== 'w') return this.#fail(`has the escape \\${char}, which is not supported`, '');
    this.isText = false;
    return char === 'd' ? '0' : 'a';
  }

  #class(): string | undefined {
    const end = this.#text.indexOf(']', this.#at);
    const inside = this.#text.slice(this.#at, end);
    if (end < 0) return this.#fail('does not close a character class', '');
    if (!/^(?:[a-z]-[a-z]|[A-Z]-[A-Z]|[0-9]-[0-9]|\\[dw.+*()-]|[A-Za-z0-9_~!&'=:@,.+*()]|^-|-$)+$/.test(inside))
      return this.#fail(
        `has the character class [${inside}], which is not supported`,
        "A class names what it holds: letters, digits, -._~!&'()*+,=:@, ranges of letters or digits, \\d and \\w. For any segment write [^/]+.",
      );
    this.isText = false;
    this.#at = end + 1;
    if (inside.startsWith('\\')) return { d: '0', w: 'a' }[inside[1] ?? ''] ?? inside[1];
    return inside[0];
  }

  #fail(problem: string, hint: string): undefined {
    this.problem = `the regular expression ${problem}`;
    this.hint = hint;
    return undefined;
  }
}
