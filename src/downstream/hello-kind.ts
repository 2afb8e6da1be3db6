// What in a ClientHello decides which of several certificates OpenSSL takes: suites, groups, signature schemes, versions.
// Hellos that agree in these are of one kind, whatever order their extensions have (browsers shuffle them).
import { hash } from 'node:crypto';
import { ByteCursor } from './byte-cursor.ts';

/** supported_groups, ec_point_formats, signature_algorithms, supported_versions, signature_algorithms_cert. */
const deciding: readonly number[] = [10, 11, 13, 43, 50];

/** SHA-256 over the body of a ClientHello that was read before. */
export function kindOfHello(body: Buffer): string {
  const cursor = new ByteCursor(body);
  const parts = [String(cursor.uint16())];
  cursor.skip(32);
  cursor.skip(cursor.uint8());
  parts.push(withoutGrease(cursor.take(cursor.uint16())));
  cursor.skip(cursor.uint8());
  const found = new Map<number, string>();
  if (!cursor.atEnd) {
    const extensions = cursor.vector16();
    while (!extensions.atEnd && !extensions.failed) {
      const type = extensions.uint16();
      const data = extensions.take(extensions.uint16());
      // A list of versions has a length of one byte, so its values do not stand at even places.
      if (deciding.includes(type)) found.set(type, withoutGrease(type === 43 ? data.subarray(1) : data));
    }
  }
  for (const type of deciding) parts.push(found.get(type) ?? '-');
  return hash('sha256', parts.join(' '));
}

/** Hexadecimal of a list of 16-bit values, those of RFC 8701 left out: clients choose them at random. */
function withoutGrease(list: Buffer): string {
  let text = '';
  for (let at = 0; at + 1 < list.length; at += 2) {
    const high = list[at] as number;
    if ((high & 0x0f) !== 0x0a || list[at + 1] !== high) text += list.toString('hex', at, at + 2);
  }
  return list.length % 2 === 0 ? text : text + list.toString('hex', list.length - 1);
}
