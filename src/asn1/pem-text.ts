// PEM text out of what people have it in: other encodings of text (Windows), line ends of other systems, everything on one line
// (variables, JSON, YAML's `>`). Only where it can be read in one way.

/** The text in the bytes of a file: UTF-8, or UTF-16 with a byte order mark or evidently. */
export function textOf(bytes: Buffer): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return bytes.toString('utf16le', 2);
  if (first === 0xfe && second === 0xff) return bigEndian(bytes.subarray(2));
  if (/^(?:[\x09-\x7f]\0){4}/.test(bytes.toString('latin1', 0, 8))) return bytes.toString('utf16le');
  if (/^(?:\0[\x09-\x7f]){4}/.test(bytes.toString('latin1', 0, 8))) return bigEndian(bytes);
  return bytes.toString('utf8');
}

/** The bytes of base64, line breaks allowed; undefined where it is none, or too short to be anything. */
export function bytesOfBase64(text: string): Buffer | undefined {
  const compact = text.replaceAll(/\s+/g, '');
  return compact.length < 24 || !/^[A-Za-z0-9+/]+={0,2}$/.test(compact) ? undefined : Buffer.from(compact, 'base64');
}

/** The PEM text of which `text` is the base64; undefined where it is not. */
export function decodePem(text: string): string | undefined {
  const bytes = bytesOfBase64(text);
  const decoded = bytes && textOf(bytes);
  return decoded?.includes('-----BEGIN') === true ? decoded : undefined;
}

function bigEndian(bytes: Buffer): string {
  return Buffer.from(bytes.subarray(0, bytes.length & ~1))
    .swap16()
    .toString('utf16le');
}

/** As a variable or a JSON file has it: all of the text in quotes. */
export function withoutQuotes(text: string): string {
  const [, , inner] = /^\s*(["'])(-----BEGIN [^"']*)\1\s*$/.exec(text) ?? [];
  return inner ?? text;
}

/** The lines of PEM text. What stands on one line with a boundary becomes lines, where nothing else could be meant. */
export function pemLines(text: string): string[] {
  return text.split(/\r\n|\n|\r/).flatMap((line) => {
    const trimmed = line.trim();
    return startsWithBoundary.test(trimmed) ? unfold(trimmed) : [trimmed];
  });
}

const boundary = /(-----(?:BEGIN|END) [A-Z0-9][A-Z0-9 ]*-----)/;
const startsWithBoundary = /^-----(?:BEGIN|END) [A-Z0-9][A-Z0-9 ]*-----./;

/** The line as it is where something follows an END that begins no other block. */
function unfold(line: string): string[] {
  // Neither is a character of PEM: line ends as variables and JSON have them, and the space after the name of a header.
  const parts = line
    .replaceAll(/\\[rnt]/g, ' ')
    .replaceAll(/: +/g, ':')
    .split(boundary);
  const isClear = parts.every((part, at) => !part.startsWith('-----END') || parts[at + 1]?.trim() === '');
  return isClear ? parts.flatMap((part) => (boundary.test(part) ? [part] : part.split(/\s+/))) : [line];
}
