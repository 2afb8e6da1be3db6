// One question to an OCSP responder over HTTP (RFC 6960 appendix A.1): POST, one deadline over everything, a bounded answer,
// no redirects, no kept connections. What comes back is verified elsewhere; nothing here trusts the transport.
import { request as requestHttp, type RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
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

const maxHeaderBytes = 16 * 1024;

/** Calls `done` exactly once, never before it returns. */
export function fetchOcsp(
  { url, request: body, timeoutMs, clock, lookup }: OcspFetch,
  done: (fetched: OcspFetched) => void,
): void {
  const options: RequestOptions & { rejectUnauthorized: boolean } = {
    method: 'POST',
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port,
    path: url.pathname + url.search,
    headers: { 'content-type': 'application/ocsp-request', 'content-length': body.length, connection: 'close' },
    agent: false,
    ...(lookup === undefined ? {} : { lookup }),
    maxHeaderSize: maxHeaderBytes,
    // Whatever the environment says: an environment variable must not turn verification off.
    rejectUnauthorized: true,
  };
  let settled = false;
  const settle = (fetched: OcspFetched): void => {
    if (settled) return;
    settled = true;
    cancel();
    call.destroy();
    done(fetched);
  };
  const fail = (problem: FetchProblem, detail: string): void => settle({ ok: false, problem, detail });
  const call = url.protocol === 'https:' ? requestHttps(options) : requestHttp(options);
  const cancel = clock.after(timeoutMs, () => fail('timeout', `the responder did not answer within ${timeoutMs} ms`));
  call.on('error', (error: NodeJS.ErrnoException) =>
    fail('unreachable', `the responder cannot be asked (${error.code ?? error.message})`),
  );
  call.on('response', (response) => {
    const { statusCode } = response;
    response.on('error', () => fail('unreachable', 'the connection broke within the answer'));
    if (statusCode !== 200) {
      fail('http_status', `the responder answers with HTTP status ${statusCode}`);
      return;
    }
    const pieces: Buffer[] = [];
    let size = 0;
    response.on('data', (piece: Buffer) => {
      size += piece.length;
      if (size > maxOcspResponseBytes) fail('too_large', `the answer is longer than ${maxOcspResponseBytes} bytes`);
      else pieces.push(piece);
    });
    response.on('end', () => settle({ ok: true, body: Buffer.concat(pieces) }));
    response.on('close', () => fail('unreachable', 'the connection broke within the answer'));
  });
  call.end(body);
}
