// What a certificate is ordered for: DNS names (RFC 8555 section 9.7.7) and IP addresses (RFC 8738).
import { canonicalHostName, isIpLiteral } from '../base/host.ts';
import { canonicalIp, parseIp } from '../base/ip-name.ts';
import type { San } from '../certs/facts.ts';

export type Identifier = { readonly type: 'dns' | 'ip'; readonly value: string };

/** `name` of the configuration; undefined where nothing can be ordered for it. */
export function identifierOf(name: string): Identifier | undefined {
  if (isIpLiteral(name)) {
    const value = canonicalIp(name);
    return value === undefined ? undefined : { type: 'ip', value };
  }
  const isWildcard = name.startsWith('*.');
  const host = canonicalHostName(isWildcard ? name.slice(2) : name);
  return host === undefined ? undefined : { type: 'dns', value: isWildcard ? `*.${host}` : host };
}

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
