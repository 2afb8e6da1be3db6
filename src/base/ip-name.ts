// IP addresses as certificates carry them (4 or 16 bytes) and the one text form in which they are compared (RFC 5952).
import { isIP } from 'node:net';

/** Canonical text of 4 or 16 address bytes; undefined for any other number of bytes. */
export function formatIp(bytes: Uint8Array): string | undefined {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) return undefined;
  const groups: number[] = [];
  for (let at = 0; at < 16; at += 2) groups.push(((bytes[at] as number) << 8) | (bytes[at + 1] as number));
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${bytes.subarray(12).join('.')}`;
  }
  const { start, length } = longestZeroRun(groups);
  if (length < 2) return groups.map((group) => group.toString(16)).join(':');
  const head = groups.slice(0, start).map((group) => group.toString(16));
  const tail = groups.slice(start + length).map((group) => group.toString(16));
  return `${head.join(':')}::${tail.join(':')}`;
}

/** Canonical text of an address in any legal spelling, brackets and upper case included; undefined for anything else. */
export function canonicalIp(text: string): string | undefined {
  const bytes = parseIp(text);
  return bytes === undefined ? undefined : formatIp(bytes);
}

/** The 4 or 16 bytes of an address in text, IPv6 with or without brackets; undefined for anything else. */
export function parseIp(text: string): Uint8Array | undefined {
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  const family = isIP(bare);
  if (family === 4) return bare === text ? Uint8Array.from(bare.split('.').map(Number)) : undefined;
  // A zone (`fe80::1%eth0`) belongs to one machine; no certificate can name it.
  if (family !== 6 || bare.includes('%')) return undefined;
  const [head = '', tail] = bare.split('::');
  const left = parseGroups(head);
  const right = tail === undefined ? [] : parseGroups(tail);
  const filler = Array.from({ length: 16 - left.length - right.length }, () => 0);
  return Uint8Array.from([...left, ...filler, ...right]);
}

/** Bytes of `a:b:…`, the last group possibly dotted; the text was validated by isIP. */
function parseGroups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let at = 0; at <= groups.length; at += 1) {
    if (at < groups.length && groups[at] === 0) continue;
    if (at - start > best.length) best = { start, length: at - start };
    start = at + 1;
  }
  return best;
}
