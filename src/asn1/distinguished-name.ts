// Distinguished names from DER to RFC 4514 text, in the spelling of `openssl -nameopt RFC2253` (what Envoy and nginx
// forward): most specific RDN first, `+` inside a multi-valued one, every byte outside printable ASCII escaped as `\XX`,
// so that the text is safe in a header and in a log and two different names never print alike. Two texts that differ may still
// be one name: whether two names are the same is asked of name-key.ts alone.
import { attributeNames } from './attribute-names.ts';
import { type DerCursor, type DerElement, derTag, malformed, readObjectId } from './der.ts';

const maxNameAttributes = 128;
const commonName = '2.5.4.3';

/** One attribute of a Name, as positions. */
export type NameAttribute = {
  readonly oid: DerElement;
  readonly value: DerElement;
  /** It begins a relative distinguished name. */
  readonly isFirst: boolean;
};

/** The attributes in the order of DER. Throws Fault('malformed_cert'), for a name with too many of them too. */
export function* eachAttribute(cursor: DerCursor, name: DerElement, what: string): Generator<NameAttribute> {
  const rdns = cursor.inside(name);
  let count = 0;
  while (!rdns.done) {
    const rdn = rdns.enter(derTag.set, what);
    let isFirst = true;
    do {
      const attribute = rdn.enter(derTag.sequence, what);
      const oid = attribute.expect(derTag.objectId, what);
      const value = attribute.next(what);
      attribute.finish(what);
      count += 1;
      if (count > maxNameAttributes) throw malformed(`${what}: more than ${maxNameAttributes} attributes`);
      yield { oid, value, isFirst };
      isFirst = false;
    } while (!rdn.done);
  }
}

/** Text of a Name whose SEQUENCE element was read from `cursor`'s buffer; '' for an empty name. For people: see name-key.ts. */
export function readName(cursor: DerCursor, name: DerElement, what: string): string {
  const { der } = cursor;
  let text = '';
  let part = '';
  for (const { oid, value, isFirst } of eachAttribute(cursor, name, what)) {
    if (isFirst) {
      text = text === '' ? part : `${part},${text}`;
      part = '';
    }
    const type = readObjectId(der, oid.content, oid.end);
    const known = attributeNames.get(type);
    const plain = known === undefined ? undefined : readText(der, value, what);
    // RFC 4514 section 2.4: a type without a name, or a value that is no text, is written as the hex of its DER.
    const shown =
      plain === undefined ? `#${der.toString('hex', value.start, value.end).toUpperCase()}` : escapeValue(plain);
    const one = `${known ?? type}=${shown}`;
    // Inside one RDN the order of DER, reversed as OpenSSL does, so that the whole name reads backwards.
    part = part === '' ? one : `${one}+${part}`;
  }
  return text === '' ? part : `${part},${text}`;
}

/** The common names of a Name, raw: for messages only, identity never comes from them. */
export function readCommonNames(cursor: DerCursor, name: DerElement, what: string): string[] {
  const found: string[] = [];
  for (const { oid, value } of eachAttribute(cursor, name, what)) {
    if (readObjectId(cursor.der, oid.content, oid.end) !== commonName) continue;
    const text = readText(cursor.der, value, what);
    if (text !== undefined) found.push(text);
  }
  return found;
}

/** Text of a string element; undefined for a type that is not text; faults on bytes that are not of their encoding. */
export function readText(der: Buffer, element: DerElement, what: string): string | undefined {
  const { tag, content, end } = element;
  switch (tag) {
    case derTag.utf8String:
      return decodeUtf8(der, content, end, what);
    case derTag.printableString:
    case derTag.ia5String:
    case derTag.numericString:
    case derTag.visibleString:
    case derTag.teletexString:
      // Wider than the types allow, as OpenSSL reads them: old CAs put `@`, `*` and Latin-1 into PrintableString.
      return der.toString('latin1', content, end);
    case derTag.bmpString:
      return decodeWide(der, content, end, 2, what);
    case derTag.universalString:
      return decodeWide(der, content, end, 4, what);
    default:
      return undefined;
  }
}

function decodeUtf8(der: Buffer, start: number, end: number, what: string): string {
  const text = der.toString('utf8', start, end);
  // The decoder writes U+FFFD for what it cannot read; only a real U+FFFD survives the way back.
  if (text.includes('\uFFFD') && Buffer.byteLength(text) !== end - start) throw malformed(`${what}: not UTF-8`);
  if (text.includes('\uFFFD') && !der.subarray(start, end).equals(Buffer.from(text)))
    throw malformed(`${what}: not UTF-8`);
  return text;
}

function decodeWide(der: Buffer, start: number, end: number, width: 2 | 4, what: string): string {
  if ((end - start) % width !== 0) throw malformed(`${what}: string is cut inside a character`);
  let text = '';
  for (let at = start; at < end; at += width) {
    const point = width === 2 ? der.readUInt16BE(at) : der.readUInt32BE(at);
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) throw malformed(`${what}: no such character`);
    text += String.fromCodePoint(point);
  }
  return text;
}

const plainValue = /^(?![ #])[^\x00-\x1f"+,;<>\\\x7f-\uffff]*(?<! )$/;

function escapeValue(value: string): string {
  if (plainValue.test(value)) return value;
  const bytes = Buffer.from(value);
  let text = '';
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] as number;
    const character = String.fromCharCode(byte);
    if (byte < 0x20 || byte > 0x7e) text += `\\${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    else if ('"+,;<>\\'.includes(character)) text += `\\${character}`;
    else if (character === '#' && at === 0) text += '\\#';
    else if (character === ' ' && (at === 0 || at === bytes.length - 1)) text += '\\ ';
    else text += character;
  }
  return text;
}
