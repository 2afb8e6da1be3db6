// What counts as one client where clients are told apart by address: an IPv4 address, and of IPv6 the first 64 bits, since
// one subscriber has all addresses behind them (RFC 6177).
import { parseIp } from './ip-name.ts';

/** `address`: as Node prints it. What is no address is a client of its own. */
export function clientNetwork(address: string): string {
  if (!address.includes(':')) return address;
  const bytes = parseIp(address.replace(/%.*$/, ''));
  if (bytes === undefined) return address;
  let text = '';
  for (let at = 0; at < 8; at += 2) text += `${(((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)).toString(16)}:`;
  return `${text}:/64`;
}
