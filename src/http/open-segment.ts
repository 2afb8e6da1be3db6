// One segment of a path, opened as far as any server would open it: decoded as often as it is encoded, Unicode normalised, its
// hidden separators marked by the way they were hidden. What only an attack brings forth is refused: dot segments, NUL.
// What the segments of a path make together is path-readings.ts.

/** How often one encoding may stand in another one. Each round costs the length of the path. */
const maxRounds = 5;

/** A segment decoded until nothing is left to decode, its hidden separators marked; undefined where it must not be passed on. */
export function openSegment(segment: string): string | undefined {
  let text = segment;
  for (let round = 0; round < maxRounds && text.includes('%'); round += 1) {
    const opened = decodeOnce(text);
    if (opened.includes('\0')) return undefined;
    const next = markSeparators(opened, round);
    if (next === text) break;
    text = next;
    if (climbs(text)) return undefined;
  }
  const seen = withoutInvisible(text);
  // Encodings left after all rounds, and one that shows only once something is skipped, are nobody's honest spelling.
  return climbs(seen) || decodeOnce(seen) !== seen ? undefined : text;
}

/** A dot segment for somebody, once separators, parameters and blanks are taken for what they may be. */
function climbs(text: string): boolean {
  if (!dotAtEdge.test(text)) return false;
  return text.split(hiddenSeparator).some((part) => {
    const end = part.search(/[;?#:]/);
    const name = end < 0 ? part : part.slice(0, end);
    const dots = name.replaceAll(/\s/g, '');
    return dots === '.' || dots === '..' || (dots !== name && /^\.+$/.test(dots));
  });
}

/** A dot that begins what could be a segment: without one nothing goes. */
const dotAtEdge = /(?:^|[\s\u{100000}-\u{10ffff}])\./u;

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
  if (isAscii(text) && !/[/\\]/.test(text)) return text;
  const mark = (kind: number): string => String.fromCodePoint(0x10_0000 + round * 0x100 + kind);
  const marked = text.replaceAll(separator, (char) => mark(separators.indexOf(char)));
  return isAscii(marked) ? marked : marked.normalize('NFKC').replaceAll(separator, () => mark(0xff));
}

export const hiddenSeparator = /[\u{100000}-\u{10ffff}]/gu;

/** Stands for what is no character: broken UTF-8, surrogates, the plane that marks separators. */
const skipped = '\u{ffffd}';

/** What some file systems and decoders skip. Blanks stay: they only go at the ends. */
const invisible = new RegExp(`[${skipped}\\p{Default_Ignorable_Code_Point}]|(?!\\s)\\p{Cc}`, 'gu');

export function withoutInvisible(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : text.replaceAll(invisible, '');
}

const encoded = /(?:%[0-9A-Fa-f]{2})+|%[uU][0-9A-Fa-f]{4}/g;

function decodeOnce(text: string): string {
  if (!text.includes('%')) return text;
  return text.replaceAll(encoded, decodeRun);
}

function decodeRun(run: string): string {
  const first = run.charCodeAt(1);
  if (first === 0x75 || first === 0x55) return characterOf(Number.parseInt(run.slice(2), 16));
  // The common case: one ASCII character.
  if (run.length === 3 && first < 0x38) return String.fromCharCode(Number.parseInt(run.slice(1), 16));
  return decodeLeniently(Buffer.from(run.replaceAll('%', ''), 'hex'));
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

export function isAscii(text: string): boolean {
  return !/[^\u0000-\u007f]/.test(text);
}
