// The certificate of an order with its chain (RFC 8555 section 7.4.2): the first chain of the CA, or another one that it offers under
// `Link: rel="alternate"` and that ends where the operator wants.
import { parseCertificates } from '../certs/material.ts';
import { readIssuerCommonNames } from '../certs/facts-reader.ts';
import type { AcmeAnswer, AcmeClient } from './client.ts';
import { secureUrl } from './directory.ts';

/** Chains besides the first that are looked at. */
const maxAlternates = 5;

/** PEM. Where no chain ends as it is wanted, the first one. */
export async function downloadChain(client: AcmeClient, url: URL, preferred: string | undefined): Promise<string> {
  const first = await client.post(url, undefined);
  if (preferred === undefined || endsAt(first.text, preferred)) return first.text;
  for (const alternate of alternatesOf(first, url)) {
    const { text } = await client.post(alternate, undefined);
    if (endsAt(text, preferred)) return text;
  }
  return first.text;
}

function endsAt(pem: string, commonName: string): boolean {
  const last = parseCertificates(pem, 'the chain').certificates.at(-1);
  return last !== undefined && readIssuerCommonNames(last).includes(commonName);
}

/** RFC 8288; a malformed one is left out. */
function alternatesOf({ headers }: AcmeAnswer, base: URL): URL[] {
  const links = [headers['link'] ?? ''].flat().join(', ');
  const found = [...links.matchAll(/<([^<>]+)>((?:\s*;\s*[a-z*]+=(?:"[^"]*"|[^";,\s]+))*)/gi)];
  return found
    .filter(([, , parameters = '']) => /;\s*rel="?alternate"?/i.test(parameters))
    .slice(0, maxAlternates)
    .map(([, target = '']) => secureUrl(URL.parse(target, base)?.href, 'alternate chain'));
}
