// Names that a custom identity field may not have: those with a meaning in HTTP itself, and those that the gateway sets. A
// backend would take two meanings for one, or the message would be framed anew. RFC 9110 section 5.1.
import { isToken } from '../http/field.ts';
import { claimOf, FieldClaim } from '../http/field-claim.ts';
import { foldName } from '../http/fold-name.ts';
import type { Mistake } from './reading.ts';

const maxNameLength = 128;

/** Compared folded. */
const taken: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
  'http2-settings',
  'max-forwards',
  'via',
  'date',
  'range',
  'origin',
  'referer',
  'user-agent',
  'cache-control',
  'pragma',
  'authorization',
  'cookie',
  'cookie2',
  'set-cookie',
  'forwarded',
  'x-real-ip',
  'x-request-id',
  'traceparent',
  'tracestate',
  'baggage',
  'client-cert',
  'client-cert-chain',
]);
/** What Traefik calls the certificate; it says nothing about the connection, as the other fields of this prefix do. */
const freePrefix = 'x-forwarded-tls-client-cert';
const takenPrefixes = [
  'x-forwarded-',
  'content-',
  'proxy-',
  'accept',
  'if-',
  'access-control-',
  'sec-',
  'x-http-method',
];

/** Traefik's, for backends that came from there: the only ones of their family that the gateway does not set itself. */
const free: ReadonlySet<string> = new Set(['x-forwarded-tls-client-cert', 'x-forwarded-tls-client-cert-info']);

/** undefined where the name can be used. */
export function mistakeInCustomField(name: string): Mistake | undefined {
  if (!isToken(name))
    return {
      problem: 'is not the name of a field',
      hint: 'Letters, digits and hyphens, for example X-Client-Subject.',
    };
  if (name.length > maxNameLength) return { problem: `is longer than ${maxNameLength} characters`, hint: '' };
  const folded = foldName(name);
  if (free.has(folded)) return undefined;
  if (folded.startsWith('client-cert') && taken.has(folded))
    return { problem: 'is the field of RFC 9440', hint: 'Write rfc9440: {clientCert: true}.' };
  if (folded.startsWith(freePrefix)) return undefined;
  if (folded === 'x-forwarded-client-cert')
    return { problem: 'is what xfcc and mode are about', hint: 'Write mode: sanitizeSet, or choose another name.' };
  if (hasOwnMeaning(folded) || claimOf(folded) === FieldClaim.override)
    return { problem: 'has a meaning of its own in HTTP or for the gateway', hint: 'For example X-Client-Subject.' };
  return undefined;
}

/** `folded`: a name, or the beginning of names. */
export function hasOwnMeaning(folded: string): boolean {
  return taken.has(folded) || takenPrefixes.some((prefix) => folded.startsWith(prefix));
}
