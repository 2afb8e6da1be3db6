// Subject alternative names from DER (RFC 5280 section 4.2.1.6), each kept with its type: a rule for one type must never
// meet a name of another (incident 7). A name is represented exactly or the certificate is refused; there is no repair.
import { type DerCursor, type DerElement, derTag, malformed, readObjectId } from '../asn1/der.ts';
import { readText } from '../asn1/distinguished-name.ts';
import type { San, SanType } from './facts.ts';
import { formatIp } from '../base/ip-name.ts';

export const maxSans = 1000;
const maxSanBytes = 2048;

/** The names of the extension value that `value` stands before. Kinds we have no type for are counted and left out. */
export function readSans(value: DerCursor): readonly San[] {
  const list = value.enter(derTag.sequence, 'subjectAltName');
  value.finish('subjectAltName');
  const sans: San[] = [];
  let count = 0;
  while (!list.done) {
    const element = list.next('subjectAltName');
    count += 1;
    if (count > maxSans) throw malformed(`more than ${maxSans} subject alternative names`);
    if (element.end - element.content > maxSanBytes) throw malformed(`SAN over ${maxSanBytes} bytes`);
    const san = readSan(list, element);
    if (san !== undefined) sans.push(san);
  }
  return sans;
}

function readSan(list: DerCursor, element: DerElement): San | undefined {
  const { der } = list;
  switch (element.tag) {
    case 0x82:
      return { type: 'DNS', value: readIa5(der, element, 'DNS') };
    case 0x86:
      return { type: 'URI', value: readIa5(der, element, 'URI') };
    case 0x81:
      return { type: 'EMAIL', value: readIa5(der, element, 'EMAIL') };
    case 0x87: {
      const value = formatIp(der.subarray(element.content, element.end));
      if (value === undefined) throw malformed('IP SAN: not 4 or 16 bytes');
      return { type: 'IP', value };
    }
    case 0xa0:
      return readOtherName(list, element);
    // x400Address, directoryName, ediPartyName, registeredID: legal, and no rule of ours can name them.
    case 0xa3:
    case 0xa4:
    case 0xa5:
    case 0x88:
      return undefined;
    default:
      throw malformed('SAN of no known kind');
  }
}

function readIa5(der: Buffer, element: DerElement, type: SanType): string {
  const { content, end } = element;
  if (content === end) throw malformed(`${type} SAN: empty`);
  for (let at = content; at < end; at += 1) {
    const byte = der[at] as number;
    if (byte < 0x20 || byte === 0x7f) throw malformed(`${type} SAN: control byte`);
    if (byte > 0x7f) throw malformed(`${type} SAN: byte outside ASCII`);
  }
  return der.toString('latin1', content, end);
}

function readOtherName(list: DerCursor, element: DerElement): San | undefined {
  const body = list.inside(element);
  const oid = body.expect(derTag.objectId, 'OTHER_NAME SAN');
  const wrapper = body.enter(0xa0, 'OTHER_NAME SAN');
  body.finish('OTHER_NAME SAN');
  const inner = wrapper.next('OTHER_NAME SAN');
  wrapper.finish('OTHER_NAME SAN');
  // Kerberos principals, GUIDs and the like are structures, not text: left out, since no text could stand for them safely.
  if (inner.tag !== derTag.utf8String && inner.tag !== derTag.ia5String && inner.tag !== derTag.printableString)
    return undefined;
  const value =
    inner.tag === derTag.utf8String
      ? readText(list.der, inner, 'OTHER_NAME SAN')
      : readIa5(list.der, inner, 'OTHER_NAME');
  if (value === undefined || value === '') throw malformed('OTHER_NAME SAN: empty');
  if (/[\x00-\x1f\x7f-\x9f]/.test(value)) throw malformed('OTHER_NAME SAN: control byte');
  return { type: 'OTHER_NAME', value, oid: readObjectId(list.der, oid.content, oid.end) };
}
