import { canonicalHostName, isIpLiteral } from '../base/host.ts';
import { canonicalIp } from '../base/ip-name.ts';
import { dnsNameMatches } from '../certs/host-coverage.ts';

/** The name among these (`TYPE:value`, as a certificate carries them) that covers a host; undefined where none of them does. */
export function matchedName(sans: readonly string[], host: string): string | undefined {
  const isIp = isIpLiteral(host);
  const wanted = isIp ? canonicalIp(host) : canonicalHostName(host);
  if (wanted === undefined) return undefined;
  return sans.find((san) => {
    const at = san.indexOf(':');
    const [type, value] = [san.slice(0, at), san.slice(at + 1)];
    if (isIp) return type === 'IP' && value === wanted;
    return type === 'DNS' && dnsNameMatches(value, wanted);
  });
}
