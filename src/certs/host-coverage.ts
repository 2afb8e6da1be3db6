// Does a certificate cover a host (RFC 9525)? DNS and IP names of the SAN only; a common name is asked about apart. A wildcard
// covers exactly one left-most label, whole, never an A-label, and never stands over a top-level name (incident 9).
import { canonicalHostName, isIpLiteral } from '../base/host.ts';
import type { CertificateFacts } from './facts.ts';
import { readSubjectCommonNames } from './facts-reader.ts';
import { canonicalIp } from '../base/ip-name.ts';
import { escapeForLog } from '../base/log-text.ts';

/** A DNS name as a certificate carries it, lower case; `parent` is what stands behind the `*.` of a wildcard. */
export type CertificateDnsName = { readonly text: string; readonly parent: string | undefined };

/** The name of a DNS SAN; undefined for what can cover nothing: other text, partial or too wide wildcards, a trailing dot. */
export function findCertificateDnsName(san: string): CertificateDnsName | undefined {
  if (!san.startsWith('*.')) return isPlainName(san) ? { text: san.toLowerCase(), parent: undefined } : undefined;
  const parent = san.slice(2);
  if (!parent.includes('.') || !isPlainName(parent)) return undefined;
  return { text: san.toLowerCase(), parent: parent.toLowerCase() };
}

/** True where the name covers `host`, which must be canonical (base/host.ts). */
export function coversName({ text, parent }: CertificateDnsName, host: string): boolean {
  if (parent === undefined) return text === host;
  const dot = host.indexOf('.');
  return dot > 0 && !host.startsWith('xn--') && host.slice(dot + 1) === parent;
}

/** True where the name `pattern` of a certificate covers the host name `host`, in any spelling. */
export function dnsNameMatches(pattern: string, host: string): boolean {
  const wanted = canonicalHostName(host);
  if (wanted === undefined) return false;
  const name = findCertificateDnsName(pattern);
  return name !== undefined && coversName(name, wanted);
}

/** True where a DNS SAN (for a name) or an IP SAN (for an address) of the certificate covers `host`. */
export function coversHost(facts: CertificateFacts, host: string): boolean {
  if (isIpLiteral(host)) {
    const address = canonicalIp(host);
    return address !== undefined && facts.sans.some((san) => san.type === 'IP' && san.value === address);
  }
  return facts.sans.some((san) => san.type === 'DNS' && dnsNameMatches(san.value, host));
}

/**
 * For who asks for it by name (RFC 6125 section 6.4.4): the certificate has no DNS or IP name at all, and exactly one common name,
 * which covers `host` as such a name would.
 */
export function commonNameCovers(facts: CertificateFacts, host: string): boolean {
  if (facts.sans.some(({ type }) => type === 'DNS' || type === 'IP')) return false;
  const [only, another] = readSubjectCommonNames(facts);
  if (only === undefined || another !== undefined) return false;
  if (!isIpLiteral(host)) return dnsNameMatches(only, host);
  const address = canonicalIp(host);
  return address !== undefined && canonicalIp(only) === address;
}

const maxNamesShown = 10;

/** Why `host` is not covered, for a message: the names that are there, and whether only the common name would fit. */
export function explainNotCovered(facts: CertificateFacts, host: string): string {
  const names = facts.sans
    .filter((san) => san.type === 'DNS' || san.type === 'IP')
    .map((san) => escapeForLog(san.value, 128));
  const more = names.length > maxNamesShown ? `, and ${names.length - maxNamesShown} more` : '';
  const shown =
    names.length === 0
      ? 'it carries no DNS or IP name'
      : `it carries ${names.slice(0, maxNamesShown).join(', ')}${more}`;
  const commonName = readSubjectCommonNames(facts).some((name) => dnsNameMatches(name, host) || name === host);
  return commonName
    ? `${shown}; its common name would fit, but a common name does not count (RFC 9525): it needs a SAN`
    : shown;
}

/** A name in full: canonical but for case. `b.test.` is not how certificates spell names. */
function isPlainName(name: string): boolean {
  return !name.endsWith('.') && canonicalHostName(name) !== undefined;
}
