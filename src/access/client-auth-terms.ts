// What a policy asks of client certificates, term by term: to show it, and to say which terms changed. Dates and places in
// files are no terms; what CRLs hold is none either.
import type { ClientAuthConfig } from '../config/gateway-config.ts';
import type { LoadedPolicy } from '../loading/loaded.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { quoteSubject } from '../trust/issuer-diagnosis.ts';
import { escapeForLog } from '../base/log-text.ts';
import { parseCertificates } from '../certs/material.ts';
import { describeSanRules } from '../trust/san-rule.ts';

export type Term = {
  readonly key: string;
  /** For people, escaped and cut. */
  readonly text: string;
  /** Everything that counts, to compare. */
  readonly exact: string;
};

const maxTermLength = 300;

/** Empty where no client certificate is asked for. */
export function termsOf({ clientAuth }: LoadedPolicy['config']): Term[] {
  if (clientAuth === undefined) return [];
  const { allowedSANs, allowedFingerprints, allowedSPKI, spiffe, minKeyBits, maxDepth, partialChain } = clientAuth;
  const terms = [
    term('required', clientAuth.required, clientAuth.required ? 'at the handshake' : 'not at the handshake'),
    allowedSANs && term('allowedSANs', allowedSANs, describeSanRules(allowedSANs, maxTermLength)),
    allowedFingerprints && term('allowedFingerprints', allowedFingerprints, count(allowedFingerprints, 'certificate')),
    allowedSPKI && term('allowedSPKI', allowedSPKI, count(allowedSPKI, 'key')),
    spiffe && term('spiffe', spiffe.trustDomains, spiffe.trustDomains.join(', ')),
    ...revocationTerms(clientAuth),
    term('minKeyBits', minKeyBits, `RSA ${minKeyBits.rsa}, EC ${minKeyBits.ec}`),
    term('maxDepth', maxDepth, String(maxDepth)),
    partialChain === undefined ? undefined : term('partialChain', partialChain, String(partialChain)),
  ];
  return terms.filter((one) => one !== undefined);
}

function revocationTerms({ crl, ocsp }: ClientAuthConfig): Term[] {
  const terms: Term[] = [];
  if (crl !== undefined) {
    const { onMissing, onStale, scope, sources } = crl;
    const where = sources.map((one) => ('url' in one ? one.url : 'path' in one ? one.path : one.pem));
    const text = `${count(sources, 'source')} (${scope}; onMissing: ${onMissing}, onStale: ${onStale})`;
    terms.push(term('crl', [where, onMissing, onStale, scope], text));
  }
  if (ocsp !== undefined) {
    const { mode, responder, allowedHosts } = ocsp;
    terms.push(term('ocsp', [mode, responder, allowedHosts], mode));
  }
  return terms;
}

function term(key: string, value: unknown, text: string): Term {
  const exact = JSON.stringify(value, (name, part: unknown) => (name === 'place' ? undefined : part));
  return { key, exact, text: escapeForLog(text, maxTermLength) };
}

function count(list: readonly unknown[], what: string): string {
  return `${list.length} ${what}${list.length === 1 ? '' : 's'}`;
}

/** The CAs of a policy as PEM, those of trust domains with the domain: equal texts are equal CAs. */
export function caKeysOf({ anchors, trustDomains }: LoadedPolicy): ReadonlySet<string> {
  const bundles = trustDomains.flatMap(({ trustDomain, caPem }) => caPem.map((pem) => `${trustDomain}\n${pem}`));
  return new Set([...(anchors ?? []), ...bundles]);
}

/** A key of caKeysOf for people: the subject, escaped. */
export function describeCa(key: string): string {
  const mark = key.startsWith('-----') ? -1 : key.indexOf('\n');
  const domain = mark < 0 ? '' : ` for ${key.slice(0, mark)}`;
  return `${subjectOf(key.slice(mark + 1))}${domain}`;
}

function subjectOf(pem: string): string {
  const [facts]: readonly CertificateFacts[] = parseCertificates(pem, 'CA').certificates;
  return facts === undefined ? 'a CA' : quoteSubject(facts);
}
