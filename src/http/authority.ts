// The authority of a request as Host and the absolute form carry it (RFC 3986 section 3.2, RFC 9110 section 7.2):
// a name or an address, perhaps a port. Userinfo, lists, percent-encoding and empty ports are refused.
import { isIPv6 } from 'node:net';

const bare = /^[A-Za-z0-9._-]{1,255}$/;
const named = /^[A-Za-z0-9._-]{1,255}:([0-9]{1,5})$/;
const bracketed = /^\[([0-9A-Fa-f:.]{2,45})\](?::([0-9]{1,5}))?$/;

/** True for `name`, `name:port`, `192.0.2.1:port`, `[2001:db8::1]:port`. */
export function isAuthority(text: string): boolean {
  if (bare.test(text)) return true;
  const name = named.exec(text);
  if (name !== null) return Number(name[1]) <= 65_535;
  const literal = bracketed.exec(text);
  if (literal === null || !isIPv6(literal[1] ?? '')) return false;
  return literal[2] === undefined || Number(literal[2]) <= 65_535;
}
