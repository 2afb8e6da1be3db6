// What an identifier is in a certificate, and by which server name a CA asks for it (RFC 8737, RFC 8738).
import type { Identifier } from '../base/identifier.ts';
import { parseIp } from '../base/ip-name.ts';
import type { San } from '../certs/facts.ts';

export function sanOf({ type, value }: Identifier): San {
  return { type: type === 'dns' ? 'DNS' : 'IP', value };
}

/** The server name by which tls-alpn-01 is asked for: that of an address is its name in reverse (RFC 8738 section 6). */
export function serverNameOf({ type, value }: Identifier): string {
  const bytes = type === 'dns' ? undefined : parseIp(value);
  if (bytes === undefined) return value;
  if (bytes.length === 4) return `${[...bytes].reverse().join('.')}.in-addr.arpa`;
  const nibbles = Buffer.from(bytes).toString('hex').split('').reverse();
  return `${nibbles.join('.')}.ip6.arpa`;
}
