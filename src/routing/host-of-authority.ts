// The host that a request is for, from its Host field or :authority (RFC 3986 section 3.2, RFC 9110 section 7.2), in the
// canonical form that policies and routes are looked up by. What is not plainly a host with an optional port is undefined.
import { isIP } from 'node:net';
import { canonicalHostName } from '../base/host.ts';

/**
 * Host name in lower case without its trailing dot, dotted IPv4, or IPv6 without brackets in canonical text (no zone).
 * Undefined for anything else: empty, userinfo, bad ports, whitespace, wildcards, octal addresses.
 */
export function hostOfAuthority(authority: string): string | undefined {
  if (authority.charCodeAt(0) === 0x5b) return ipv6Host(authority);
  const colon = authority.indexOf(':');
  if (colon < 0) return plainHost(authority);
  return isPort(authority, colon + 1) ? plainHost(authority.slice(0, colon)) : undefined;
}

function plainHost(text: string): string | undefined {
  return canonicalHostName(text) ?? (isIP(text) === 4 ? text : undefined);
}

function ipv6Host(authority: string): string | undefined {
  const end = authority.indexOf(']');
  const text = authority.slice(1, end);
  if (end < 0 || text.includes('%') || isIP(text) !== 6) return undefined;
  const rest = authority.slice(end + 1);
  if (rest !== '' && !(rest.startsWith(':') && isPort(rest, 1))) return undefined;
  // The URL parser writes the one canonical text (RFC 5952).
  return URL.parse(`http://[${text}]/`)?.hostname.slice(1, -1);
}

/** Digits to the end, possibly none (RFC 3986: `host:` has the default port), at most 65535. */
function isPort(text: string, from: number): boolean {
  const digits = text.slice(from);
  return /^[0-9]{0,5}$/.test(digits) && Number(digits) <= 65_535;
}
