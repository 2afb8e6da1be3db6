// One question to an OCSP responder over HTTP (RFC 6960 appendix A.1): POST, and what a failure means. What comes back is
// verified elsewhere; nothing here trusts the transport.
import type { LookupFunction } from 'node:net';
import { fetchBounded } from '../base/bounded-fetch.ts';
import type { Clock } from '../base/clock.ts';
import { maxOcspResponseBytes } from './reader.ts';

export type FetchProblem = 'timeout' | 'unreachable' | 'http_status' | 'too_large';

export type OcspFetched =
  | { readonly ok: true; readonly body: Buffer }
  /** `detail`: one sentence. */
  | { readonly ok: false; readonly problem: FetchProblem; readonly detail: string };

export type OcspFetch = {
  readonly url: URL;
  /** DER of the OCSPRequest. */
  readonly request: Buffer;
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Who knows the addresses of names; default the system, which holds a thread meanwhile. */
  readonly lookup?: LookupFunction | undefined;
};

/** Calls `done` exactly once, never before it returns. */
export function fetchOcsp(
  { url, request: body, timeoutMs, clock, lookup }: OcspFetch,
  done: (fetched: OcspFetched) => void,
): void {
  const headers = { 'content-type': 'application/ocsp-request', 'content-length': body.length, connection: 'close' };
  const maxBytes = maxOcspResponseBytes;
  fetchBounded({ url, method: 'POST', headers, body, timeoutMs, maxBytes, clock, lookup }, (outcome) => {
    if (outcome.ok) return done({ ok: true, body: Buffer.from(outcome.bytes.buffer) });
    const fail = (problem: FetchProblem, detail: string): void => done({ ok: false, problem, detail });
    switch (outcome.problem) {
      case 'timeout':
        return fail('timeout', `the responder did not answer within ${timeoutMs} ms`);
      case 'unreachable':
        return fail('unreachable', `the responder cannot be asked (${outcome.cause})`);
      case 'cut_off':
        return fail('unreachable', 'the connection broke within the answer');
      case 'status':
        return fail('http_status', `the responder answers with HTTP status ${outcome.status}`);
      case 'too_large':
        return fail('too_large', `the answer is longer than ${maxBytes} bytes`);
    }
  });
}
