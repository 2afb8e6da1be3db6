// Distinguished names from DER to RFC 4514 text, in the spelling of `openssl -nameopt RFC2253` (what Envoy and nginx
// forward): most specific RDN first, `+` inside a multi-valued one, every byte outside printable ASCII escaped as `\XX`,
// so that the text is safe in a header and in a log and two different names never print alike. Two texts that differ may still
// be one name: whether two names are the same is asked of name-key.ts alone.
import { type DerCursor, type DerElement, derTag, malformed, readObjectId } from './der.ts';

const maxNameAttributes = 128;

// Content bytes of the OID as latin1 → short name.
const shortNames: ReadonlyMap<string, string> = new Map([
  ['\x55\x04\x03', 'CN'],
  ['\x55\x04\x04', 'SN'],
  ['\x55\x04\x05', 'serialNumber'],
  ['\x55\x04\x06', 'C'],
  ['\x55\x04\x07', 'L'],
  ['\x55\x04\x08', 'ST'],
  ['\x55\x04\x09', 'street'],
  ['\x55\x04\x0a', 'O'],
  ['\x55\x04\x0b', 'OU'],
  ['\x55\x04\x0c', 'title'],
  ['\x55\x04\x0d', 'description'],
  ['\x55\x04\x0f', 'businessCategory'],
  ['\x55\x04\x11', 'postalCode'],
  ['\x55\x04\x29', 'name'],
  ['\x55\x04\x2a', 'GN'],
  ['\x55\x04\x2b', 'initials'],
  ['\x55\x04\x2c', 'generationQualifier'],
  ['\x55\x04\x2e', 'dnQualifier'],
  ['\x55\x04\x41', 'pseudonym'],
  ['\x55\x04\x61', 'organizationIdentifier'],
  ['\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01', 'emailAddress'],
  ['\x2a\x86\x48\x86\xf7\x0d\x01\x09\x02', 'unstructuredName'],
  ['\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19', 'DC'],
  ['\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01', 'UID'],
  ['\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x01', 'jurisdictionL'],
  ['\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x02', 'jurisdictionST'],
  ['\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x03', 'jurisdictionC'],
]);

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
    const known = shortNames.get(der.toString('latin1', oid.content, oid.end));
    const plain = known === undefined ? undefined : readText(der, value, what);
    // RFC 4514 section 2.4: a type without a name, or a value that is no text, is written as the hex of its DER.
    const shown =
      plain === undefined ? `#${der.toString('hex', value.start, value.end).toUpperCase()}` : escapeValue(plain);
    const one = `${known ?? readObjectId(der, oid.content, oid.end)}=${shown}`;
    // Inside one RDN the order of DER, reversed as OpenSSL does, so that the whole name reads backwards.
    part = part === '' ? one : `${one}+${part}`;
  }
  return text === '' ? part : `${part},${text}`;
}

/** The common names of a Name, raw: for messages only, identity never comes from them. */
export function readCommonNames(cursor: DerCursor, name: DerElement, what: string): string[] {
  const found: string[] = [];
  for (const { oid, value } of eachAttribute(cursor, name, what)) {
    if (shortNames.get(cursor.der.toString('latin1', oid.content, oid.end)) !== 'CN') continue;
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
