// As whom else could a server take a path? A backend may ignore case, decode twice, cut `;parameters` off, take `\` or
// a full-width slash for `/`, drop empty segments, trailing dots, bytes that are not UTF-8. Each of these is undone here as
// far as it goes, all at once, so that two spellings that any such server could confuse become the same text. Only what
// moves a border between segments or ends the path can be read with and without: such a path has several readings.
// Routes are compared under all of them (routing/route-table.ts); nothing that is made here is ever sent.

import {
  decodings,
  hiddenSeparator,
  isAscii,
  type OpenedSegment,
  openSegment,
  withoutInvisible,
} from './open-segment.ts';

/** How many segments a path may have that is not read letter by letter, and how many separators may be hidden in it. */
const maxSegments = 256;
const maxHidden = 32;
/** Ways in which it may end for somebody, the whole path among them. */
const maxEndings = 10;

/**
 * True for a normalised path that some server could read in another way than letter by letter. It is asked for each
 * request, so it is one scan; what it lets pass has no reading but itself.
 */
export function isPlainPath(path: string): boolean {
  return !confusing.test(path);
}

const confusing = /[A-Z%;\\]|\.(?:\/|$)|:\$|\/\//;
const beyondCase = /[%;\\]|\.(?:\/|$)|:\$|\/\//;

export type PathReadings = {
  /** Every text that a server could take the path for, in lower case and decoded, tricks undone; at most 360. */
  readonly folded: readonly string[];
  /**
   * The same divisions into segments with their letters as they came, percent-encoded again, where a division is not the
   * path's own. A route that is matched by both spellings of a division is matched by everything between them.
   */
  readonly literal: readonly string[];
  /** Every server finds the path's own segments in it: none of them divided, cut off or dropped. */
  readonly undivided: boolean;
};

/**
 * The readings of a normalised path, its slash at the end kept or not. Undefined where no server has an honest use for it: dot segments or NUL
 * that show only after another decoding, encodings within encodings without end, separators hidden in several ways at
 * once, several segments of which nothing is left.
 */
export function readPath(path: string): PathReadings | undefined {
  if (!beyondCase.test(path)) return { folded: [path.toLowerCase()], literal: [], undivided: true };
  const given = path.slice(1).split('/');
  if (given.length > maxSegments) return undefined;
  const opened: OpenedSegment[] = [];
  for (const segment of given) {
    const one = openSegment(segment);
    if (one === undefined) return undefined;
    opened.push(one);
  }
  const hasEmpty = path.includes('//');
  const isUtf8 = opened.every(({ lenient, strict, codePage }) => lenient === strict && lenient === codePage);
  let all: PathReadings | undefined;
  // A server reads all that is no UTF-8 in one way.
  for (const decoding of isUtf8 ? (['lenient'] as const) : decodings) {
    const texts = opened.map((one) => one[decoding]);
    const readings = readOpened(texts, hasEmpty);
    if (readings === undefined) return undefined;
    all = all === undefined ? readings : unite(all, readings);
  }
  return all;
}

function unite(one: PathReadings, other: PathReadings): PathReadings {
  return {
    folded: [...new Set([...one.folded, ...other.folded])],
    literal: [...new Set([...one.literal, ...other.literal])],
    undivided: one.undivided && other.undivided,
  };
}

function readOpened(segments: readonly string[], hasEmpty: boolean): PathReadings | undefined {
  let plain = '';
  let isOne = !hasEmpty;
  for (const segment of segments) {
    const text = simplify(segment);
    isOne &&= (text !== '' || segment === '') && !dividing.test(segment);
    plain += `/${text}`;
  }
  return isOne ? { folded: [plain], literal: [], undivided: true } : divide(segments);
}

/** In an opened segment: what some servers end a segment or the path at. */
const dividing = /[;?#\u{100000}-\u{10ffff}]/u;

function divide(segments: readonly string[]): PathReadings | undefined {
  const hidden = segments.flatMap((segment) => segment.match(hiddenSeparator) ?? []);
  if (hidden.length > maxHidden || new Set(hidden).size > 1) return undefined;
  const parts = [segments, ...untilEnds(segments)];
  if (parts.length > maxEndings) return undefined;
  const readings = new Readings();
  for (const division of hidden.length > 0 ? divisions : [keepWhole]) {
    for (const part of parts) if (!readings.add(part.flatMap(division), division !== keepWhole)) return undefined;
  }
  return { folded: [...readings.folded], literal: [...readings.literal], undivided: false };
}

class Readings {
  readonly folded = new Set<string>();
  readonly literal = new Set<string>();

  /** False where several segments are nothing to somebody. `divided`: where they begin and end is not the path's own. */
  add(parts: readonly string[], divided: boolean): boolean {
    const filled = parts.filter((part) => part === '' || simplify(part) !== '');
    if (parts.length - filled.length > 1) return false;
    // A segment of which nothing is left is a segment all the same for some, an empty one or none for others.
    this.#addFolded(parts.map((part) => (part === '' ? '' : simplify(part) || blank)));
    if (divided) this.literal.add(join(parts.map(encodeURIComponent)));
    if (filled.length === parts.length) return true;
    this.#addFolded(parts.map(simplify));
    this.#addFolded(filled.map(simplify));
    this.literal.add(join(filled.map(encodeURIComponent)));
    return true;
  }

  /** With its empty segments and without. */
  #addFolded(parts: readonly string[]): void {
    this.folded.add(join(parts));
    this.folded.add(join(parts.filter((part) => part !== '')));
  }
}

/** Stands for a segment of which nothing is left: no pattern reads so. */
const blank = ';';

/** The text of one segment of a route's pattern in the alphabet of readings. Patterns have one reading: see hasOneReading. */
export function readSegment(segment: string): string {
  return readPath(`/${segment}`)?.folded[0]?.slice(1) ?? segment;
}

/** True where servers can differ over a pattern's letters only, not over where its segments begin and end. */
export function hasOneReading(path: string): boolean {
  const readings = readPath(path);
  return readings?.folded.length === 1 && readings.literal.length === 0;
}

function keepWhole(segment: string): string {
  return segment;
}

/** Whether hidden separators split a segment, and if so before or after parameters are cut off. */
const divisions: readonly ((segment: string) => string | string[])[] = [
  keepWhole,
  (segment) => cut(segment).split(hiddenSeparator),
  (segment) => segment.split(hiddenSeparator),
];

function simplify(segment: string): string {
  return fold(cut(segment));
}

function join(parts: readonly string[]): string {
  let end = parts.length;
  while (end > 0 && parts[end - 1] === '') end -= 1;
  return `/${parts.slice(0, end).join('/')}`;
}

/**
 * What is left for servers that take a parameter, or a decoded query or fragment, for the end of the path: each place of one may be
 * the first that a server knows as such. A segment that begins with it is nothing then, or something that is decoded later.
 */
function untilEnds(segments: readonly string[]): string[][] {
  return segments.flatMap((segment, at) => {
    const end = segment.search(ends);
    if (end < 0) return [];
    const before = segments.slice(0, at);
    return end > 0
      ? [[...before, segment.slice(0, end)]]
      : [
          [...before, ''],
          [...before, blank],
        ];
  });
}

const ends = /[;?#]/;

/** A segment without path parameters (RFC 3986 section 3.3), a decoded query, the name of an NTFS stream (`::$DATA`). */
function cut(segment: string): string {
  const end = segment.search(ends);
  const text = end < 0 ? segment : segment.slice(0, end);
  const stream = text.search(/:(?:[^:]*:)?\$/);
  return stream < 0 ? text : text.slice(0, stream);
}

/** Without case, without what is skipped, without blanks around it and dots behind it. */
function fold(segment: string): string {
  if (/^[a-z0-9_~-]*$/.test(segment)) return segment;
  const seen = withoutInvisible(segment);
  let end = seen.length;
  while (end > 0 && isDotOrBlank(seen, end - 1)) end -= 1;
  const text = seen.slice(0, end).trimStart();
  if (isAscii(text)) return text.toLowerCase();
  // By way of upper case, so that letters with several forms meet (\u00df, \u1e9e and ss).
  return text.toLowerCase().toUpperCase().toLowerCase().normalize('NFKC');
}

function isDotOrBlank(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code === 0x2e || code <= 0x20 || (code > 0x7f && /\s/.test(text.charAt(at)));
}
