// One attempt to tell a receiver: one POST over a connection of its own, bounded by one deadline, verified by Node itself. Its status is
// the answer; of what follows nothing is kept. Redirects are not followed: the URL is the operator's, and nobody else's to choose.
import type { IncomingMessage } from 'node:http';
import { request as requestHttps, type RequestOptions } from 'node:https';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { Clock } from '../base/clock.ts';
import { type FaultCode, faultTable } from '../base/fault.ts';
import { escapeForLog } from '../base/log-text.ts';
import { request as requestHttp } from '../base/node-http.ts';
import type { LoadedAlertReceiver } from '../loading/loaded.ts';
import { verifyHandshakeError } from '../trust/handshake-error.ts';
import type { Attempt } from './receiver.ts';
import { signMessage } from './signature.ts';

export type PostedReceiver = Pick<LoadedAlertReceiver, 'url' | 'secrets' | 'caPem' | 'client' | 'timeoutMs'>;

/** Of an answer, that are taken so that its sender can finish. */
const maxAnswerBytes = 64 * 1024;
const maxHeaderBytes = 16 * 1024;
const maxWhy = 300;

/** What OpenSSL and Node call it when the receiver's certificate is not what it should be. */
const verifyCodes: Readonly<Record<string, FaultCode>> = {
  CERT_HAS_EXPIRED: 'expired',
  CERT_NOT_YET_VALID: 'not_yet_valid',
  ERR_TLS_CERT_ALTNAME_INVALID: 'name_mismatch',
  INVALID_PURPOSE: 'wrong_purpose',
  SELF_SIGNED_CERT_IN_CHAIN: 'untrusted_issuer',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'untrusted_issuer',
  UNABLE_TO_GET_ISSUER_CERT: 'untrusted_issuer',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'untrusted_issuer',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'untrusted_issuer',
};

const systemCodes: Readonly<Record<string, FaultCode>> = {
  ENOTFOUND: 'dns',
  EAI_AGAIN: 'dns',
  ECONNREFUSED: 'refused',
  ETIMEDOUT: 'timeout',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
};

/** Never rejects. */
export function postMessage(
  receiver: PostedReceiver,
  message: { readonly id: string; readonly body: string },
  clock: Pick<Clock, 'now' | 'monotonic' | 'after'>,
): Promise<Attempt> {
  const at = clock.now();
  const begun = clock.monotonic();
  const outcome = (ok: boolean, status: number | null, code: string, why: string): Attempt => {
    return { at, ms: Math.round(clock.monotonic() - begun), ok, status, code, why: escapeForLog(why, maxWhy) };
  };
  return new Promise((resolve) => {
    let call: ReturnType<typeof requestHttps>;
    try {
      call = open(receiver, message, at);
    } catch (error) {
      resolve(outcome(false, null, 'malformed_cert', String(error)));
      return;
    }
    let stage = 'no address was found';
    let isSecure = false;
    const cancel = clock.after(receiver.timeoutMs, () => {
      resolve(outcome(false, null, 'timeout', `${stage} within ${receiver.timeoutMs} ms`));
      call.destroy();
    });
    call.on('socket', (socket) => {
      socket.once('lookup', () => (stage = 'nobody accepted the connection'));
      socket.once('connect', () => (stage = 'TLS was not finished'));
      socket.once('secureConnect', () => {
        isSecure = true;
        stage = 'there was no answer';
      });
      if (receiver.url.startsWith('http:')) socket.once('connect', () => (stage = 'there was no answer'));
    });
    call.on('error', (error) => {
      cancel();
      const { code, why } = explain(error, isSecure);
      resolve(outcome(false, null, code, why));
    });
    call.on('response', (response) => {
      const status = response.statusCode ?? 0;
      if (status >= 200 && status < 300) resolve(outcome(true, status, 'ok', ''));
      else if (status >= 300 && status < 400)
        resolve(outcome(false, status, 'redirect', `it answered ${status}: redirects are not followed`));
      else resolve(outcome(false, status, 'status', `it answered ${status}`));
      drain(response, () => {
        cancel();
        call.destroy();
      });
    });
    call.end(message.body);
  });
}

function open(
  { url, secrets, caPem, client }: PostedReceiver,
  { id, body }: { readonly id: string; readonly body: string },
  now: number,
): ReturnType<typeof requestHttps> {
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'user-agent': 'countersign',
    connection: 'close',
    ...signMessage(id, body, secrets, now),
  };
  const options: RequestOptions = { method: 'POST', headers, agent: false, maxHeaderSize: maxHeaderBytes };
  if (url.startsWith('http:')) return requestHttp(new URL(url), options);
  return requestHttps(new URL(url), {
    ...options,
    secureContext: createSecureContext(contextOf({ caPem, client })),
    // Whatever the environment says: an environment variable must not turn verification off.
    rejectUnauthorized: true,
  } as RequestOptions);
}

/** The CAs that are given are anchors, be they roots or not. */
export function contextOf({ caPem, client }: Pick<PostedReceiver, 'caPem' | 'client'>): SecureContextOptions {
  return {
    minVersion: 'TLSv1.2',
    ...(caPem && { ca: [...caPem], allowPartialTrustChain: true }),
    ...(client && { cert: client.chainPem, key: client.keyPem }),
  };
}

/** Bounded in bytes; in time by whoever called. */
function drain(response: IncomingMessage, done: () => void): void {
  let bytes = 0;
  response.on('data', (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > maxAnswerBytes) done();
  });
  response.on('error', done);
  response.on('close', done);
}

function explain(
  error: NodeJS.ErrnoException & { library?: string },
  isSecure: boolean,
): { code: string; why: string } {
  const { code: raw = '', message, library } = error;
  const ofCertificate = verifyCodes[raw];
  if (ofCertificate !== undefined) return { code: ofCertificate, why: message };
  const ofSystem = systemCodes[raw];
  if (ofSystem !== undefined) return { code: ofSystem, why: `${faultTable[ofSystem].title} (${raw})` };
  const found = verifyHandshakeError(raw, {
    leg: 2,
    library,
    sawPeerCertificate: isSecure,
    peer: 'the receiver',
  });
  if (found !== undefined && found.code !== 'ok') return { code: found.code, why: `${found.detail} (${raw})` };
  return { code: 'backend_closed', why: message };
}
