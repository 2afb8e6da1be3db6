// RFC 4514 text of distinguished names as rules compare it: what is escaped in a value, and `=` in it, is a hex pair, so that `,` and
// `+` only ever stand between attributes and `=` only ever behind a type. A common name `x,O=Acme` can then not end like a name
// of Acme, whatever part of the text somebody compares.
import { attributeNames } from './attribute-names.ts';

/** The text of a name as distinguished-name.ts writes it, with separators that nothing else looks like. */
export function comparableName(name: string): string {
  return rewriteEscapes(name, hexPair);
}

/** Writes each character that RFC 4514 text escapes anew, and each `=` within a value; hex pairs stay. `isLast`: of its value. */
export function rewriteEscapes(name: string, write: (char: string, isLast: boolean) => string): string {
  let inValue = false;
  return name.replace(/\\(?:[0-9A-Fa-f]{2}|.)|[=,+]/g, (token, at: number) => {
    if (token === ',' || token === '+') inValue = false;
    else if (token === '=' && !inValue) inValue = true;
    else if (token.length < 3)
      return write(token.slice(-1), /^$|^[,+]/.test(name.slice(at + token.length, at + token.length + 1)));
    return token;
  });
}

export function hexPair(char: string): string {
  return `\\${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

/** Which ends of the text may lie within a value: a rule for a part of the name says so by its matcher. */
export type OpenEnds = { readonly start: boolean; readonly end: boolean };

/** What is wrong with the text; `type`: an attribute type that nobody knows. */
export type NameMistake = { readonly problem: string; readonly hint: string; readonly type?: string };

/**
 * A name, or a part of one, that a person wrote: any escapes of RFC 4514, types in any case and as OIDs, spaces around separators.
 * In the form of comparableName, or what is wrong.
 */
export function parseNameText(text: string, open: OpenEnds): string | NameMistake {
  const parts = splitName(text);
  if (typeof parts === 'object' && 'problem' in parts) return parts;
  let out = '';
  for (const [at, { separator, type, value }] of parts.entries()) {
    const first = at === 0 && open.start;
    const last = at === parts.length - 1 && open.end;
    // A part may begin with a separator: there is nothing before it then.
    const isEmpty = type === undefined && value.length === 0;
    if (isEmpty && (first || last)) {
      out += separator;
      continue;
    }
    if (type === undefined && !first && !last)
      return { problem: 'is no distinguished name: a part of it has no `=`', hint: 'For example CN=billing,O=Acme.' };
    const name = type === undefined ? undefined : findType(type);
    if (type !== undefined && name === undefined)
      return {
        problem: `has an attribute type that is not known: ${type}`,
        hint: 'A `=` within a value is written \\3D.',
        type,
      };
    const written = writeValue(value, { start: first && type === undefined, end: last });
    if (name !== undefined && /^\d/.test(name) && !/^#(?:[0-9A-F]{2})+$/.test(written) && !last)
      return {
        problem: `has a value of ${name} as text, of which no certificate is known to have any`,
        hint: 'A type that has no name is written with the hex of its value in DER: 1.2.3.4=#0C0161.',
      };
    if (name !== undefined && !/^\d/.test(name) && written.startsWith('#'))
      return { problem: `has a value of ${name} that begins with #`, hint: 'As text such a value begins with \\23.' };
    out += separator + (name === undefined ? written : `${name}=${written}`);
  }
  return out;
}

type Char = { readonly byte: number; readonly escaped: boolean };
type Part = { readonly separator: string; readonly type: string | undefined; readonly value: readonly Char[] };

function splitName(text: string): Part[] | NameMistake {
  const parts: Part[] = [];
  let separator = '';
  let type: string | undefined;
  let value: Char[] = [];
  const bytes = Buffer.from(text);
  const end = (): void => void parts.push({ separator, type, value });
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    const char = String.fromCharCode(byte);
    if (char === '\\') {
      const pair = /^[0-9A-Fa-f]{2}/.exec(bytes.toString('latin1', at + 1, at + 3))?.[0];
      if (pair === undefined && at + 1 === bytes.length)
        return { problem: 'ends in a backslash that escapes nothing', hint: 'A backslash itself is written \\5C.' };
      value.push({ byte: pair === undefined ? (bytes[at + 1] as number) : Number.parseInt(pair, 16), escaped: true });
      at += pair === undefined ? 1 : 2;
    } else if (char === '"') {
      return {
        problem: 'has a quote that is not escaped',
        hint: 'RFC 4514 escapes instead of quoting: O=Acme\\, Inc.',
      };
    } else if (char === ',' || char === '+') {
      end();
      [separator, type, value] = [char, undefined, []];
    } else if (char === '=' && type === undefined) {
      type = Buffer.from(value.map((one) => one.byte))
        .toString('latin1')
        .trim();
      value = [];
    } else value.push({ byte, escaped: false });
  }
  end();
  return parts;
}

/** Spaces at an end that is one are somebody's neat writing, unless they are escaped. */
function writeValue(chars: readonly Char[], open: OpenEnds): string {
  let from = 0;
  let to = chars.length;
  const isBlank = (char: Char | undefined): boolean => char?.byte === 0x20 && !char.escaped;
  while (!open.start && from < to && isBlank(chars[from])) from++;
  while (!open.end && to > from && isBlank(chars[to - 1])) to--;
  const isHex = chars[from]?.byte === 0x23 && !chars[from]?.escaped;
  const text = chars
    .slice(from, to)
    .map(({ byte }, at, { length }) => {
      const char = String.fromCharCode(byte);
      const atEdge = (at === 0 && !open.start) || (at === length - 1 && !open.end);
      if (byte < 0x20 || byte > 0x7e || '"+,;<>\\='.includes(char)) return hexPair(char);
      if ((char === ' ' && atEdge) || (char === '#' && at === 0 && !open.start && !isHex)) return hexPair(char);
      return char;
    })
    .join('');
  return isHex ? text.toUpperCase() : text;
}

/** Other names of the same types, in lower case. */
const aliases: ReadonlyMap<string, string> = new Map([
  ['s', 'ST'],
  ['e', 'emailAddress'],
  ['email', 'emailAddress'],
  ['givenname', 'GN'],
  ['surname', 'SN'],
  ['streetaddress', 'street'],
  ['commonname', 'CN'],
  ['userid', 'UID'],
]);

/** Short name of a type that is written as such, in any case, or as its OID; an OID without a name as it is. */
function findType(type: string): string | undefined {
  if (/^[0-2](?:\.(?:0|[1-9]\d*))+$/.test(type)) return attributeNames.get(type) ?? type;
  const names = [...attributeNames.values()];
  const lower = type.toLowerCase();
  return (
    names.find((name) => name === type) ?? names.find((name) => name.toLowerCase() === lower) ?? aliases.get(lower)
  );
}
