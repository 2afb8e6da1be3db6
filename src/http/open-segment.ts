// One segment of a path, opened as far as any server would open it: decoded as often as it is encoded, Unicode normalised, its
// hidden separators marked by the way they were hidden. What only an attack brings forth is refused: dot segments, NUL.
// What the segments of a path make together is path-readings.ts.

/** How often one encoding may stand in another one. Each round costs the length of the path. */
const maxRounds = 5;

/**
 * What servers make of bytes that are no UTF-8 (RFC 3629 section 3): `lenient` reads characters in more bytes than they take and skips
 * the rest, `strict` skips all of them, `codePage` takes every byte for a character, as servers do that fall back to one.
 */
export const decodings = ['lenient', 'strict', 'codePage'] as const;
export type Decoding = (typeof decodings)[number];

/** Decoded until nothing is left to decode, hidden separators marked. Where all is UTF-8 the three are the same text. */
export type OpenedSegment = Readonly<Record<Decoding, string>>;

/** Undefined where the segment must not be passed on. */
export function openSegment(segment: string): OpenedSegment | undefined {
  const decoder = new Decoder('lenient');
  const lenient = openAs(segment, decoder);
  // Who decodes twice may find a character whose bytes came in two layers (`%C3%25A9`): nobody's honest spelling.
  if (lenient === undefined || decoder.invalidRounds > 1) return undefined;
  if (decoder.invalidRounds === 0) return { lenient, strict: lenient, codePage: lenient };
  const strict = openAs(segment, new Decoder('strict'));
  const codePage = openAs(segment, new Decoder('codePage'));
  return strict === undefined || codePage === undefined ? undefined : { lenient, strict, codePage };
}

function openAs(segment: string, decoder: Decoder): string | undefined {
  let text = segment;
  for (let round = 0; round < maxRounds && text.includes('%'); round += 1) {
    const opened = decoder.decode(text);
    if (opened.includes('\0')) return undefined;
    const next = decoder.decoding === 'codePage' ? markPlainSeparators(opened, round) : markSeparators(opened, round);
    if (next === text) break;
    text = next;
    if (climbs(text)) return undefined;
  }
  const seen = withoutInvisible(text);
  // Encodings left after all rounds, and one that shows only once something is skipped, are nobody's honest spelling.
  return climbs(seen) || decoder.decode(seen) !== seen ? undefined : text;
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
  const marked = text.replaceAll(separator, (char) => markOf(round, separators.indexOf(char)));
  return isAscii(marked) ? marked : marked.normalize('NFKC').replaceAll(separator, () => markOf(round, 0xff));
}

/** Who reads code pages finds a fraction or a yen sign in many letters of other ones: only slash and backslash divide. */
function markPlainSeparators(text: string, round: number): string {
  const marked = text.replaceAll(/[/\\]/g, (char) => markOf(round, separators.indexOf(char)));
  return isAscii(marked) ? marked : marked.normalize('NFKC');
}

function markOf(round: number, kind: number): string {
  return String.fromCodePoint(0x10_0000 + round * 0x100 + kind);
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

class Decoder {
  readonly decoding: Decoding;
  /** In how many rounds there were bytes that are no UTF-8. */
  invalidRounds = 0;
  #foundInvalid = false;

  constructor(decoding: Decoding) {
    this.decoding = decoding;
  }

  /** Once. */
  decode(text: string): string {
    if (!text.includes('%')) return text;
    this.#foundInvalid = false;
    const decoded = text.replaceAll(encoded, (run) => this.#decodeRun(run));
    if (this.#foundInvalid) this.invalidRounds += 1;
    return decoded;
  }

  #decodeRun(run: string): string {
    const first = run.charCodeAt(1);
    if (first === 0x75 || first === 0x55) return characterOf(Number.parseInt(run.slice(2), 16));
    // The common case: one ASCII character.
    if (run.length === 3 && first < 0x38) return String.fromCharCode(Number.parseInt(run.slice(1), 16));
    const bytes = Buffer.from(run.replaceAll('%', ''), 'hex');
    return this.decoding === 'codePage' ? windows1252.decode(bytes) : this.#decodeBytes(bytes);
  }

  #decodeBytes(bytes: Buffer): string {
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
        this.#foundInvalid = true;
        text += skipped;
        continue;
      }
      at += taken;
      text += code < (shortest[more] ?? 0) ? this.#overlongForm(code) : characterOf(code);
    }
    return text;
  }

  #overlongForm(code: number): string {
    this.#foundInvalid = true;
    if (this.decoding === 'strict') return skipped;
    return code === 0x2f || code === 0x5c ? overlong : characterOf(code);
  }
}

/** What ISO 8859-1 leaves free it fills; where bytes stand for no character they are skipped like others. */
const windows1252 = new TextDecoder('windows-1252');

/** The first character that needs so many bytes behind the first one. */
const shortest = [0, 0x80, 0x800, 0x1_0000];

function characterOf(code: number): string {
  return code >= 0x10_0000 || (code >= 0xd800 && code < 0xe000) ? skipped : String.fromCodePoint(code);
}

export function isAscii(text: string): boolean {
  return !/[^\u0000-\u007f]/.test(text);
}
