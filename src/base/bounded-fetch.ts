// One HTTP exchange with somebody else's server (a CRL, an OCSP response, a CA that is asked for a certificate), bounded in every way:
// one deadline over everything, a limit for the size of the answer, one answer of one host. No redirects, no kept connections. What an
// answer is worth, and what a failure means, is left to whoever asks.
import type { IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http';
import { request as requestHttp } from './node-http.ts';
import { request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { ConnectionOptions, PeerCertificate } from 'node:tls';
import type { Clock } from './clock.ts';

export type BoundedFetch = {
  /** http or https. */
  readonly url: URL;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT';
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body?: Buffer;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly clock: Pick<Clock, 'after'>;
  /** Who knows the addresses of names; default the system, which holds a thread meanwhile. */
  readonly lookup?: LookupFunction | undefined;
  /** PEM of the CAs that verify an https server; default those that Node has. */
  readonly ca?: string | undefined;
  /** Who an https server has to be, in place of the host of the URL: why it is another. Its chain was verified. */
  readonly verifyPeer?: (peer: PeerCertificate) => Error | undefined;
  /** PEM of the certificate that is shown to an https server, its chain included, and of its key. */
  readonly client?: { readonly cert: string; readonly key: string } | undefined;
  /** Answers of every status are taken, with what they say. Default: those of 200 alone. */
  readonly anyStatus?: boolean | undefined;
};

export type FetchOutcome =
  /** A status that is taken, and the answer came whole. `bytes` has a buffer of its own. */
  | {
      readonly ok: true;
      readonly status: number;
      readonly bytes: Uint8Array<ArrayBuffer>;
      readonly headers: IncomingHttpHeaders;
    }
  | { readonly ok: false; readonly problem: 'timeout' | 'too_large' }
  /** `cause`: a code of the system or a few words; '' where there is none. */
  | { readonly ok: false; readonly problem: 'unreachable' | 'cut_off'; readonly cause: string }
  | { readonly ok: false; readonly problem: 'status'; readonly status: number };

type TlsOptions = Pick<ConnectionOptions, 'rejectUnauthorized' | 'ca' | 'cert' | 'key' | 'checkServerIdentity'>;

const maxHeaderBytes = 16 * 1024;
/** For an answer that does not say how long it is. */
const firstRoom = 64 * 1024;

/** Calls `done` exactly once, never before it returns. Throws where Node takes the request for impossible. */
export function fetchBounded(request: BoundedFetch, done: (outcome: FetchOutcome) => void): void {
  const { url, method, headers, body, timeoutMs, maxBytes, clock, lookup, ca, client, anyStatus, verifyPeer } = request;
  const options: RequestOptions & TlsOptions = {
    method,
    headers,
    agent: false,
    ...(lookup === undefined ? {} : { lookup }),
    ...(ca === undefined ? {} : { ca }),
    ...(verifyPeer === undefined
      ? {}
      : { checkServerIdentity: (_host: string, peer: PeerCertificate) => verifyPeer(peer) }),
    ...client,
    maxHeaderSize: maxHeaderBytes,
    // Whatever the environment says: an environment variable must not turn verification off.
    rejectUnauthorized: true,
  };
  const call = url.protocol === 'https:' ? requestHttps(url, options) : requestHttp(url, options);
  let settled = false;
  const settle = (outcome: FetchOutcome): void => {
    if (settled) return;
    settled = true;
    cancel();
    call.destroy();
    done(outcome);
  };
  const cancel = clock.after(timeoutMs, () => settle({ ok: false, problem: 'timeout' }));
  call.on('error', (error) => settle({ ok: false, problem: 'unreachable', cause: causeOf(error) }));
  call.on('response', (response) => receive(response, { maxBytes, anyStatus }, settle));
  call.end(body);
}

function receive(
  response: IncomingMessage,
  { maxBytes, anyStatus = false }: Pick<BoundedFetch, 'maxBytes' | 'anyStatus'>,
  settle: (outcome: FetchOutcome) => void,
): void {
  const { statusCode: status = 0, headers } = response;
  response.on('error', (error) => settle({ ok: false, problem: 'cut_off', cause: causeOf(error) }));
  if (status !== 200 && !anyStatus) return settle({ ok: false, problem: 'status', status });
  const announced = Number(headers['content-length'] ?? 0);
  if (announced > maxBytes) return settle({ ok: false, problem: 'too_large' });
  // A length that is announced costs nothing until bytes come: memory is only mapped then.
  let bytes = new Uint8Array(announced > 0 ? announced : firstRoom);
  let length = 0;
  response.on('data', (piece: Buffer) => {
    if (length + piece.length > maxBytes) return settle({ ok: false, problem: 'too_large' });
    if (length + piece.length > bytes.length) {
      const wider = new Uint8Array(Math.max(bytes.length * 2, length + piece.length));
      wider.set(bytes.subarray(0, length));
      bytes = wider;
    }
    bytes.set(piece, length);
    length += piece.length;
  });
  const onEnd = (): void => {
    if (!response.complete) return settle({ ok: false, problem: 'cut_off', cause: '' });
    settle({ ok: true, status, bytes: length === bytes.length ? bytes : bytes.slice(0, length), headers });
  };
  response.on('end', onEnd);
  response.on('close', onEnd);
}

function causeOf({ code, message }: NodeJS.ErrnoException): string {
  return code ?? message;
}
