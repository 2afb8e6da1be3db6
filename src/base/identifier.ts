// What a certificate is ordered for: DNS names (RFC 8555 section 9.7.7) and IP addresses (RFC 8738), in one spelling each.
import { canonicalHostName, isIpLiteral } from './host.ts';
import { canonicalIp } from './ip-name.ts';

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
