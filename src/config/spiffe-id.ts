// SPIFFE IDs and trust domains as the configuration names them (standard SPIFFE-ID, section 2): what is not canonical could
// never match a certificate, so it is refused with the reason instead of being repaired.
import type { Mistake } from './reading.ts';

const maxIdBytes = 2048;
const maxDomainBytes = 255;
const example = 'Write spiffe://example.org/path.';

/** `spiffe://domain/path` in the one legal spelling. */
export function parseSpiffeId(text: string): { readonly id: string } | Mistake {
  if (text.length > maxIdBytes) return { problem: `the SPIFFE ID is longer than ${maxIdBytes} bytes`, hint: '' };
  const [, scheme = '', domain = '', path = ''] = /^([^:/]*):\/\/([^/]*)(.*)$/s.exec(text) ?? [];
  if (scheme.toLowerCase() !== 'spiffe') return { problem: 'this is not a SPIFFE ID', hint: example };
  if (scheme !== 'spiffe') return { problem: 'the scheme of a SPIFFE ID is in lower case', hint: example };
  const mistake = mistakeInDomain(domain);
  if (mistake !== undefined) return mistake;
  if (path === '' || path === '/')
    return {
      problem: 'the SPIFFE ID has no path, so it names a trust domain and no workload',
      hint: `Write trustDomain: ${domain} for every workload of it.`,
    };
  if (/[?#]/.test(path)) return { problem: 'a SPIFFE ID has no query and no fragment', hint: example };
  if (path.includes('%')) return { problem: 'a SPIFFE ID has no percent-encoding', hint: example };
  if (path.endsWith('/'))
    return {
      problem: 'a SPIFFE ID does not end in a slash',
      hint: `For everything below it write {type: URI, prefix: "${text}"}.`,
    };
  for (const segment of path.slice(1).split('/')) {
    if (segment === '') return { problem: 'the path of the SPIFFE ID has an empty segment', hint: example };
    if (segment === '.' || segment === '..')
      return { problem: 'the path of a SPIFFE ID has no `.` and `..` segments', hint: example };
    if (segment.includes('*'))
      return {
        problem: 'a SPIFFE ID has no wildcards',
        hint: 'Write {type: URI, prefix: "spiffe://example.org/path/"} for everything below a path.',
      };
    if (!/^[A-Za-z0-9._-]+$/.test(segment))
      return {
        problem: 'the path of the SPIFFE ID holds a character that is not legal there',
        hint: 'Letters, digits, dots, hyphens and underscores.',
      };
  }
  return { id: text };
}

/** `example.org`, also written `spiffe://example.org` and `spiffe://example.org/`. */
export function parseTrustDomain(text: string): { readonly domain: string } | Mistake {
  const bare = /^spiffe:\/\/([^/]*)\/?$/s.exec(text)?.[1] ?? text;
  if (/^spiffe:\/\/[^/]*\/./s.test(text))
    return {
      problem: 'this is a SPIFFE ID with a path, not a trust domain',
      hint: 'Write the part between spiffe:// and the next slash alone.',
    };
  return mistakeInDomain(bare) ?? { domain: bare };
}

function mistakeInDomain(domain: string): Mistake | undefined {
  if (domain === '') return { problem: 'the trust domain is empty', hint: 'For example example.org.' };
  if (domain.length > maxDomainBytes)
    return { problem: `the trust domain is longer than ${maxDomainBytes} bytes`, hint: '' };
  if (/^[a-z0-9._-]+$/.test(domain)) return undefined;
  if (domain.includes('@'))
    return { problem: 'a trust domain has no user name', hint: 'Remove what stands before the @.' };
  if (/:\d*$/.test(domain)) return { problem: 'a trust domain has no port', hint: 'Remove the port.' };
  if (/^[A-Za-z0-9._-]+$/.test(domain))
    return { problem: 'a trust domain is in lower case', hint: `Write ${domain.toLowerCase()}.` };
  if (domain.includes('*'))
    return { problem: 'a trust domain has no wildcards', hint: 'Name each trust domain by itself.' };
  return {
    problem: 'the trust domain holds a character that is not legal there',
    hint: 'Lower-case letters, digits, dots, hyphens and underscores.',
  };
}
