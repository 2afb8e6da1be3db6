// As whom else could a server take a path? A backend may ignore case, decode twice, cut `;parameters` off, take `\` or
// a full-width slash for `/`, drop empty segments, trailing dots, bytes that are not UTF-8. Each of these is undone here as
// far as it goes, all at once, so that two spellings that any such server could confuse become the same text. Only what
// moves a border between segments or ends the path can be read with and without: such a path has several readings.
// Routes are compared under all of them (routing/route-table.ts); nothing that is made here is ever sent.

/** How often one encoding may stand in another one. Each round costs the length of the path. */
const maxRounds = 5;

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
  /** Every text that a server could take the path for, in lower case and decoded, tricks undone; at most 30. */
  readonly folded: readonly string[];
  /**
   * The same divisions into segments with their letters as they came, percent-encoded again, where a division is not the
   * path's own. A route that is matched by both spellings of a division is matched by everything between them.
   */
  readonly literal: readonly string[];
};

/**
 * The readings of a normalised path, its slash at the end kept or not. Undefined where no server has an honest use for it: dot segments or NUL
 * that show only after another decoding, encodings within encodings without end, separators hidden in several ways at
 * once, several segments of which nothing is left.
 */
export function readPath(path: string): PathReadings | undefined {
  if (!beyondCase.test(path)) return { folded: [path.toLowerCase()], literal: [] };
  const segments: string[] = [];
  for (const segment of path.slice(1).split('/')) {
    const opened = openSegment(segment);
    if (opened === undefined) return undefined;
    segments.push(opened);
  }
  const kinds = new Set(segments.flatMap((segment) => segment.match(hiddenSeparator) ?? []));
  if (kinds.size > 1) return undefined;
  const ending = segments.some((segment) => ends.test(segment));
  const readings = new Readings();
  for (const divide of kinds.size > 0 ? divisions : [keepWhole]) {
    for (const part of ending ? [segments, untilEnd(segments)] : [segments])
      if (!readings.add(part.flatMap(divide), divide !== keepWhole)) return undefined;
  }
  return { folded: [...readings.folded], literal: [...readings.literal] };
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

/** What is left for a server that takes a parameter, or a decoded query or fragment, for the end of the path. */
function untilEnd(segments: readonly string[]): string[] {
  const at = segments.findIndex((segment) => ends.test(segment));
  const last = segments[at] ?? '';
  return [...segments.slice(0, at), last.slice(0, last.search(ends))];
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
  const seen = isAscii(segment) ? segment.replaceAll(/(?!\s)[\0-\x1f\x7f]/g, '') : segment.replaceAll(invisible, '');
  let end = seen.length;
  while (end > 0 && /[.\s]/.test(seen.charAt(end - 1))) end -= 1;
  const text = seen.slice(0, end).trimStart();
  if (isAscii(text)) return text.toLowerCase();
  // By way of upper case, so that letters with several forms meet (\u00df, \u1e9e and ss).
  return text.toLowerCase().toUpperCase().toLowerCase().normalize('NFKC');
}

function isAscii(text: string): boolean {
  return !/[^\u0000-\u007f]/.test(text);
}

/** A segment decoded until nothing is left to decode, its hidden separators marked; undefined where it must not be passed on. */
function openSegment(segment: string): string | undefined {
  if (!segment.includes('%')) return climbs(segment) ? undefined : segment;
  let text = segment;
  for (let round = 0; round < maxRounds; round += 1) {
    const opened = decodeOnce(text);
    if (opened.includes('\0')) return undefined;
    const next = markSeparators(opened, round);
    const seen = next.replaceAll(invisible, '');
    if (climbs(next) || climbs(seen)) return undefined;
    if (next !== text) text = next;
    // An encoding that shows only once something is skipped is nobody's honest spelling.
    else return decodeOnce(seen) === seen ? text : undefined;
  }
  return undefined;
}

/** A dot segment for somebody, once separators, parameters and blanks are taken for what they may be. */
function climbs(text: string): boolean {
  if (!text.includes('.')) return false;
  return text.split(hiddenSeparator).some((part) => {
    const end = part.search(/[;?#:]/);
    const name = end < 0 ? part : part.slice(0, end);
    const dots = name.replaceAll(/\s/g, '');
    return dots === '.' || dots === '..' || (dots !== name && /^\.+$/.test(dots));
  });
}

/** Stands for an overlong form of a slash or backslash. */
const overlong = '\u{10fffd}';

/** Slashes, also those that code pages of Windows make slashes of (fraction, division, set minus, yen, won). */
const separators = `/\\${overlong}\uff0f\uff3c\ufe68\u2044\u2215\u29f8\u2216\u29f5\u00a5\u20a9`;
const separator = new RegExp(`[${separators.replaceAll('\\', '\\\\')}]`, 'gu');

/**
 * Separators that show after decoding become characters of a private plane, one for each way of hiding them: a server
 * takes all of one kind for separators or none. The rest is normalised, which brings forth slashes of its own (U+2100).
 */
function markSeparators(text: string, round: number): string {
  const mark = (kind: number): string => String.fromCodePoint(0x10_0000 + round * 0x100 + kind);
  const marked = text.replaceAll(separator, (char) => mark(separators.indexOf(char)));
  return isAscii(marked) ? marked : marked.normalize('NFKC').replaceAll(separator, () => mark(0xff));
}

const hiddenSeparator = /[\u{100000}-\u{10ffff}]/gu;

/** Stands for what is no character: broken UTF-8, surrogates, the plane that marks separators. */
const skipped = '\u{ffffd}';

/** What some file systems and decoders skip. Blanks stay: they only go at the ends. */
const invisible = new RegExp(`[${skipped}\\p{Default_Ignorable_Code_Point}]|(?!\\s)\\p{Cc}`, 'gu');

const encoded = /(?:%[0-9A-Fa-f]{2})+|%[uU][0-9A-Fa-f]{4}/g;

function decodeOnce(text: string): string {
  return text.replaceAll(encoded, (run) =>
    run.charCodeAt(1) === 0x75 || run.charCodeAt(1) === 0x55
      ? characterOf(Number.parseInt(run.slice(2), 16))
      : decodeLeniently(Buffer.from(run.replaceAll('%', ''), 'hex')),
  );
}

function characterOf(code: number): string {
  return code >= 0x10_0000 || (code >= 0xd800 && code < 0xe000) ? skipped : String.fromCodePoint(code);
}

/** UTF-8 as the most careless decoder reads it: overlong forms count, what is broken can be skipped. */
function decodeLeniently(bytes: Buffer): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 1) {
    const first = bytes[at] ?? 0;
    const more = first < 0xc0 || first > 0xf7 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    let code = more === 0 ? first : first & (0x3f >> more);
    let taken = 0;
    while (taken < more && ((bytes[at + taken + 1] ?? 0) & 0xc0) === 0x80) {
      taken += 1;
      code = (code << 6) | ((bytes[at + taken] ?? 0) & 0x3f);
    }
    if (taken < more || (more === 0 && first >= 0x80)) {
      text += skipped;
      continue;
    }
    at += taken;
    text += more > 0 && (code === 0x2f || code === 0x5c) ? overlong : characterOf(code);
  }
  return text;
}
