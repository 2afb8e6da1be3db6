// How the provider is asked: https alone (or this machine), verified by the CA that the configuration names, one answer of one host
// within its bounds, no redirects, no cookies, no proxies. In the form of fetch(), which the library takes.
import { type BoundedFetch, fetchBounded, type FetchOutcome } from '../base/bounded-fetch.ts';
import type { Clock } from '../base/clock.ts';
import { isLoopback } from '../config/listen-address.ts';
import { SignInFault } from './sign-in-fault.ts';

/** One exchange; a login has three at most. */
export const providerMs = 5_000;
export const maxAnswerBytes = 512 * 1024;

export type ProviderRequest = {
  readonly method?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
};
export type ProviderFetch = (url: string, request: ProviderRequest) => Promise<Response>;

/** `ca`: PEM; undefined: the CAs that Node has. The function rejects with SignInFault. */
export function providerFetch(ca: string | undefined, clock: Pick<Clock, 'after'>): ProviderFetch {
  return async (address, { method = 'GET', headers = {}, body }) => {
    const url = new URL(address);
    if (url.protocol !== 'https:' && !isLocal(url))
      throw new SignInFault('provider_plain', `The provider names ${url.origin}, which is not https.`);
    const request: BoundedFetch = {
      url,
      method: method === 'POST' ? 'POST' : 'GET',
      headers: { ...headers, 'accept-encoding': 'identity' },
      ...((typeof body === 'string' || body instanceof URLSearchParams) && { body: Buffer.from(body.toString()) }),
      timeoutMs: providerMs,
      maxBytes: maxAnswerBytes,
      clock,
      ca,
      anyStatus: true,
    };
    const outcome = await new Promise<FetchOutcome>((resolve) => fetchBounded(request, resolve));
    if (!outcome.ok) throw faultOf(outcome, url);
    const { status, bytes } = outcome;
    if (status >= 300 && status < 400)
      throw new SignInFault('provider_redirects', `${url.origin} answered ${status}: no redirect is followed.`);
    const type = outcome.headers['content-type'] ?? 'application/octet-stream';
    const hasBody = status !== 204 && status !== 205;
    return new Response(hasBody ? bytes : null, { status, headers: { 'content-type': type } });
  };
}

/** What never leaves this machine. */
function isLocal({ hostname }: URL): boolean {
  return hostname === 'localhost' || isLoopback(hostname.replace(/^\[|\]$/g, ''));
}

function faultOf(outcome: Extract<FetchOutcome, { ok: false }>, { origin }: URL): SignInFault {
  switch (outcome.problem) {
    case 'timeout':
      return new SignInFault('provider_silent', `${origin} did not answer within ${providerMs / 1000} s.`);
    case 'too_large':
      return new SignInFault('provider_answer', `The answer of ${origin} is over ${maxAnswerBytes} bytes.`);
    case 'cut_off':
      return new SignInFault('provider_answer', `The answer of ${origin} was cut off.`);
    case 'unreachable':
      return unreachable(outcome.cause, origin);
    // Every status is taken.
    default:
      return new SignInFault('provider_answer', `${origin} answered ${outcome.status}.`);
  }
}

const certificateWords: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is self-signed, and not known here',
  SELF_SIGNED_CERT_IN_CHAIN: 'its CA is not known here',
  UNABLE_TO_GET_ISSUER_CERT: 'its CA is not known here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its CA is not known here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its CA is not known here, or an intermediate was not sent',
  CERT_HAS_EXPIRED: 'it, or a CA above it, has expired',
  CERT_NOT_YET_VALID: 'it, or a CA above it, is not valid yet',
  ERR_TLS_CERT_ALTNAME_INVALID: 'it is of another name',
  INVALID_PURPOSE: 'it is not for servers',
  CERT_REVOKED: 'it was revoked',
};

function unreachable(cause: string, origin: string): SignInFault {
  const words = certificateWords[cause];
  if (words !== undefined)
    return new SignInFault('provider_untrusted', `The certificate of ${origin} is not accepted: ${words} (${cause}).`);
  if (/CERT|ERR_SSL|ERR_TLS|EPROTO/.test(cause))
    return new SignInFault('provider_untrusted', `TLS with ${origin} fails: ${cause}.`);
  return new SignInFault('provider_unreachable', `${origin} cannot be reached: ${cause}.`);
}
