// Address ranges of trusted proxies: `10.0.0.0/8`, `2001:db8::/32`, or one address.
import { BlockList, isIP } from 'node:net';

/** Canonical `address/bits`; undefined where it is neither an address nor a range, or has bits set beyond its length. */
export function parseCidr(text: string): string | undefined {
  const match = /^([0-9A-Fa-f.:]+)(?:\/(\d{1,3}))?$/.exec(text);
  if (match === null) return undefined;
  const address = match[1] ?? '';
  const version = isIP(address);
  if (version === 0) return undefined;
  const width = version === 4 ? 32 : 128;
  const bits = match[2] === undefined ? width : Number(match[2]);
  if (bits > width) return undefined;
  // BlockList refuses what it cannot hold; asking it here means that nobody meets the throw later.
  try {
    new BlockList().addSubnet(address, bits, version === 4 ? 'ipv4' : 'ipv6');
  } catch {
    return undefined;
  }
  return `${address.toLowerCase()}/${bits}`;
}
