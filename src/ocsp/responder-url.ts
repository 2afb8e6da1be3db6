// Where to ask about a certificate: the responder of the configuration, else one that the certificate names and whose host
// the configuration lists. A certificate must not choose whom the gateway talks to (incident 17): no other scheme, no
// address that was not listed as such, no credentials.
import { canonicalHostName } from '../base/host.ts';
import { Fault } from '../base/fault.ts';
import { readPointers } from '../certs/revocation-pointers.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { escapeForLog } from '../base/log-text.ts';
import type { OcspSettings } from '../trust/revocation.ts';

export type FoundResponder =
  | { readonly url: URL }
  /** `detail`: one sentence, fit for a log. */
  | { readonly problem: 'no_responder' | 'not_allowed'; readonly detail: string };

/** Never throws. */
export function findResponder(
  { responder, allowedHosts }: Pick<OcspSettings, 'responder' | 'allowedHosts'>,
  leaf: CertificateFacts,
): FoundResponder {
  if (responder !== undefined) {
    const url = parseResponderUrl(responder);
    return url === undefined ? { problem: 'no_responder', detail: 'the configured responder is no URL' } : { url };
  }
  let named: readonly string[];
  try {
    named = readPointers(leaf).ocspUrls;
  } catch (error) {
    const why = error instanceof Fault ? (error.detail ?? error.code) : String(error);
    return { problem: 'no_responder', detail: `the certificate's authorityInfoAccess cannot be read: ${why}` };
  }
  const [first] = named;
  if (first === undefined) {
    return { problem: 'no_responder', detail: 'the certificate names no OCSP responder, the policy neither' };
  }
  for (const text of named) {
    const url = parseResponderUrl(text);
    if (url !== undefined && allowedHosts.includes(hostOf(url))) return { url };
  }
  return { problem: 'not_allowed', detail: `the certificate names ${escapeForLog(first, 200)}, which is not allowed` };
}

/** An http(s) URL without credentials, or undefined. Never throws. */
export function parseResponderUrl(text: string): URL | undefined {
  // What parsers of URLs disagree about (white space, controls, backslashes) is not tried.
  if (!/^https?:\/\/[\x21-\x5b\x5d-\x7e]+$/i.test(text)) return undefined;
  const url = URL.parse(text);
  if (url === null || url.username !== '' || url.password !== '') return undefined;
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined;
  // Not every resolver knows names with their last dot.
  url.hostname = url.hostname.replace(/\.$/, '');
  return url;
}

/** The canonical name, or the address without brackets as the URL standard writes it (127.1 is 127.0.0.1). */
function hostOf(url: URL): string {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return canonicalHostName(host) ?? host;
}
