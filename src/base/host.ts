// Host names as the gateway compares them: one canonical form shared by the configuration, the ClientHello, the Host field
// and the route table, so that no two places can disagree about which policy a name belongs to (incidents 3 and 4, N16).
// RFC 1123 section 2.1 host names plus `_`; A-labels only: whoever has a Unicode name converts it first.
import { isIP } from 'node:net';

const maxNameLength = 253;
const maxLabelLength = 63;

/** True for an IPv4 or IPv6 address, the latter with or without brackets. */
export function isIpLiteral(text: string): boolean {
  if (text.startsWith('[') && text.endsWith(']')) return isIP(text.slice(1, -1)) === 6;
  return isIP(text) !== 0;
}

/**
 * Lower case, one trailing dot stripped. Undefined for everything that is not a host name: IP addresses in any spelling
 * (a last label that is a number means an address to URL parsers: `127.1`, `0x7f.1`), wildcards, ports, empty labels,
 * labels over 63 or names over 253 bytes, any byte but letters, digits, `-` and `_`.
 */
export function canonicalHostName(text: string): string | undefined {
  let end = text.length;
  if (end > 0 && text.charCodeAt(end - 1) === 0x2e) end -= 1;
  if (end === 0 || end > maxNameLength) return undefined;
  let labelStart = 0;
  let upper = false;
  for (let at = 0; at <= end; at += 1) {
    const byte = at === end ? 0x2e : text.charCodeAt(at);
    if (byte === 0x2e) {
      if (!isLabelShape(text, labelStart, at)) return undefined;
      if (at === end && isNumber(text.slice(labelStart, at))) return undefined;
      labelStart = at + 1;
    } else if (byte >= 0x41 && byte <= 0x5a) upper = true;
    else if (!isNameByte(byte)) return undefined;
  }
  const name = end === text.length ? text : text.slice(0, end);
  return upper ? name.toLowerCase() : name;
}

function isNameByte(byte: number): boolean {
  return (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === 0x5f;
}

function isLabelShape(text: string, start: number, end: number): boolean {
  const length = end - start;
  return length > 0 && length <= maxLabelLength && text[start] !== '-' && text[end - 1] !== '-';
}

function isNumber(label: string): boolean {
  return /^(?:[0-9]+|0[xX][0-9a-fA-F]*)$/.test(label);
}

/** A host of the configuration as certificates write it: Goma's `{name}.example.org` is `*.example.org`. */
export function wildcardHost(host: string): string {
  return host.replace(/^\{[^}]*\}\./, '*.');
}
