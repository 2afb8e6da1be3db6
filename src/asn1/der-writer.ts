// What der-bytes.ts writes, as Buffers, for who hands it to Node.
import type { Rdn } from './der-bytes.ts';
import * as bytes from './der-bytes.ts';

export { isAttributeType } from './der-bytes.ts';
export type { Rdn };

/** Characters of a line of PEM (RFC 7468 section 2). */
const pemLine = 64;

/** The same memory. */
function asBuffer({ buffer, byteOffset, length }: bytes.Bytes): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}

export function encodePem(label: string, der: Uint8Array): string {
  const text = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64');
  let lines = '';
  for (let at = 0; at < text.length; at += pemLine) lines += `${text.slice(at, at + pemLine)}\n`;
  return `-----BEGIN ${label}-----\n${lines === '' ? '\n' : lines}-----END ${label}-----\n`;
}

export function encodeDer(tag: number, ...content: readonly Uint8Array[]): Buffer {
  return asBuffer(bytes.encodeDer(tag, ...content));
}

export function encodeObjectId(dotted: string): Buffer {
  return asBuffer(bytes.encodeObjectId(dotted));
}

/** INTEGER from big-endian magnitude bytes. */
export function encodeUnsigned(magnitude: Uint8Array): Buffer {
  return asBuffer(bytes.encodeUnsigned(magnitude));
}

/** UTCTime up to 2049, GeneralizedTime from 2050 (RFC 5280 section 4.1.2.5); whole seconds. */
export function encodeTime(atMs: number): Buffer {
  return asBuffer(bytes.encodeTime(atMs));
}

export function encodeName(rdns: readonly Rdn[]): Buffer {
  return asBuffer(bytes.encodeName(rdns));
}
