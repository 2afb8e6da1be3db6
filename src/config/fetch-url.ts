// URLs that the gateway itself fetches (CRLs, OCSP responders): http or https, since what is fetched is signed. Read by our
// own grammar, as endpoints are: what is unclear is refused, not repaired.
import { isIP } from 'node:net';
import { parseEndpoint } from './endpoint.ts';
import type { Mistake } from './reading.ts';

const maxUrlLength = 2048;
const example = 'For example http://crl.example.com/ca.crl.';

/** `scheme://host[:port]/path[?query]`; scheme and host in lower case, the rest as it is written. */
export function parseFetchUrl(text: string): { readonly url: string } | Mistake {
  if (text.length > maxUrlLength) return { problem: `the URL is longer than ${maxUrlLength} characters`, hint: '' };
  const match = /^([A-Za-z][A-Za-z0-9+.-]*):(?:\/\/([^/?#]*)([^#]*)(#?)|)/s.exec(text);
  const [, scheme = '', authority, rest = '', fragment = ''] = match ?? [];
  if (!/^https?$/i.test(scheme)) {
    if (scheme === '') return { problem: 'this is not a URL', hint: example };
    const hint = scheme.toLowerCase() === 'file' ? 'Write the path alone.' : 'Only http:// and https:// are fetched.';
    return { problem: `the scheme "${scheme.toLowerCase()}" is not supported`, hint };
  }
  if (authority === undefined) return { problem: 'the URL has no host', hint: example };
  if (authority.includes('@'))
    return { problem: 'the URL carries a user name or password', hint: 'Remove what stands before the @.' };
  if (fragment !== '') return { problem: 'the URL has a fragment', hint: 'Remove what stands from # on.' };
  if (!/^[\x21\x24-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]*$/.test(rest) || /%(?![0-9A-Fa-f]{2})/.test(rest))
    return { problem: 'the URL holds a character that is not legal there', hint: 'Write it percent-encoded.' };
  const endpoint = parseEndpoint(`${scheme}://${authority}`);
  if ('problem' in endpoint) return { problem: endpoint.problem.replace('endpoint', 'URL'), hint: example };
  const host = isIP(endpoint.host) === 6 ? `[${endpoint.host}]` : endpoint.host;
  const port = endpoint.port === (endpoint.scheme === 'https' ? 443 : 80) ? '' : `:${endpoint.port}`;
  return { url: `${endpoint.scheme}://${host}${port}${rest.startsWith('/') ? rest : `/${rest}`}` };
}

/** True where the text means a URL and not a path: `://`, or a scheme that somebody could mean to be fetched. */
export function isUrl(text: string): boolean {
  return /^(?:[A-Za-z][A-Za-z0-9+.-]*:\/\/|(?:https?|ldaps?|ftps?|file):)/i.test(text);
}

/** The text for messages: a password in it must not be repeated. */
export function withoutPassword(text: string): string {
  return text.replace(/\/\/[^/]*@/, '//***@');
}
