// Writes DER: the counterpart of der.ts for the certificates that we mint ourselves (test CA, `pki` commands, the console's first
// run). Runs in browsers, too, and knows nothing of Node: der-writer.ts is the same for who works with Buffers. Names are written as
// given, legal or not: tests need certificates that no honest CA would issue.
import { derTag } from './der-tag.ts';

export type Bytes = Uint8Array<ArrayBuffer>;

/** UTF-8. */
export function bytesOf(text: string): Bytes {
  return new TextEncoder().encode(text);
}

export function joinBytes(parts: readonly Uint8Array[]): Bytes {
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** One relative distinguished name: its attributes as [type, value]; type a short name or a dotted OID. */
export type Rdn = readonly (readonly [type: string, value: string])[];

export function encodeDer(tag: number, ...content: readonly Uint8Array[]): Bytes {
  const body = joinBytes(content);
  const length: number[] = [];
  for (let rest = body.length; rest > 0; rest = Math.floor(rest / 256)) length.unshift(rest % 256);
  const header = body.length < 0x80 ? [tag, body.length] : [tag, 0x80 | length.length, ...length];
  return joinBytes([Uint8Array.from(header), body]);
}

export function encodeObjectId(dotted: string): Bytes {
  const [first = 0n, second = 0n, ...rest] = dotted.split('.').map(BigInt);
  const bytes: number[] = [];
  for (const arc of [first * 40n + second, ...rest]) {
    const septets = [Number(arc & 0x7fn)];
    for (let high = arc >> 7n; high > 0n; high >>= 7n) septets.unshift(Number(high & 0x7fn) | 0x80);
    bytes.push(...septets);
  }
  return encodeDer(derTag.objectId, Uint8Array.from(bytes));
}

/** INTEGER from big-endian magnitude bytes. */
export function encodeUnsigned(magnitude: Uint8Array): Bytes {
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start += 1;
  const body = magnitude.subarray(start);
  return encodeDer(derTag.integer, (body[0] ?? 0) >= 0x80 ? joinBytes([Uint8Array.of(0), body]) : body);
}

/** UTCTime up to 2049, GeneralizedTime from 2050 (RFC 5280 section 4.1.2.5); whole seconds. */
export function encodeTime(atMs: number): Bytes {
  const text = new Date(atMs).toISOString().replace(/[-:T]|\.\d+/g, '');
  const year = Number(text.slice(0, 4));
  const isUtc = year >= 1950 && year < 2050;
  return encodeDer(isUtc ? derTag.utcTime : derTag.generalizedTime, bytesOf(isUtc ? text.slice(2) : text));
}

export function encodeName(rdns: readonly Rdn[]): Bytes {
  return encodeDer(
    derTag.sequence,
    ...rdns.map((rdn) => encodeDer(derTag.set, ...rdn.map(([type, value]) => encodeAttribute(type, value)))),
  );
}

const attributeIds: ReadonlyMap<string, string> = new Map([
  ['CN', '2.5.4.3'],
  ['serialNumber', '2.5.4.5'],
  ['C', '2.5.4.6'],
  ['L', '2.5.4.7'],
  ['ST', '2.5.4.8'],
  ['O', '2.5.4.10'],
  ['OU', '2.5.4.11'],
  ['emailAddress', '1.2.840.113549.1.9.1'],
  ['DC', '0.9.2342.19200300.100.1.25'],
  ['UID', '0.9.2342.19200300.100.1.1'],
]);

/** True for an attribute type that encodeName can write. */
export function isAttributeType(type: string): boolean {
  return attributeIds.has(type) || /^[0-2]\.\d+(?:\.\d+)+$/.test(type);
}

function encodeAttribute(type: string, value: string): Bytes {
  const tag =
    type === 'C' || type === 'serialNumber'
      ? derTag.printableString
      : type === 'emailAddress' || type === 'DC'
        ? derTag.ia5String
        : derTag.utf8String;
  return encodeDer(derTag.sequence, encodeObjectId(attributeIds.get(type) ?? type), encodeDer(tag, bytesOf(value)));
}

export function encodePem(label: string, der: Uint8Array): string {
  const binary = Array.from(der, (byte) => String.fromCharCode(byte)).join('');
  const lines = btoa(binary).match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
