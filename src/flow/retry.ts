// Whether a failed attempt may be made again, and where. A request that may have been processed is never sent twice, unless its
// method is idempotent and it failed as a kept-alive connection fails that the backend had closed (RFC 9110 section 9.2.2).
import type { Fault } from '../base/fault.ts';
import type { RouteConfig } from '../config/gateway-config.ts';
import { StreamRefused } from '../http/stream-refused.ts';
import type { Prepared } from './prepare.ts';

export type Attempt = {
  readonly fault: Fault;
  /** The call used a connection that had carried an earlier one, and no byte of an answer came. */
  readonly stale: boolean;
  /** Attempts made so far. */
  readonly attempts: number;
  readonly retry: RouteConfig['retry'];
  readonly context: Prepared;
  /** Body bytes were handed to the connection, and are kept nowhere. */
  readonly isBodyGone: boolean;
};

/** `elsewhere`: at another backend or not at all; `anywhere`: rather at another one; `there`: at the same. */
export type NextAttempt = 'none' | 'there' | 'anywhere' | 'elsewhere';

/** For a call that connections end before: each of them serves others, so there is an end, but nobody waits for ever. */
const maxEndedConnections = 64;
/** In all, where the route does not say how many: each may take as long as a connect may. */
const maxBackends = 3;

const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

export function planNextAttempt(attempt: Attempt): NextAttempt {
  const { fault, stale, attempts, retry, context, isBodyGone } = attempt;
  if (isBodyGone) return 'none';
  if (mayBeginAgain(attempt)) return context.route.cluster.keepsClients ? 'there' : 'anywhere';
  if (stale || !fault.unsent || !retry.on.includes('connect')) return 'none';
  if (retry.attempts !== undefined) return attempts < retry.attempts ? 'anywhere' : 'none';
  // What the gateway refuses by itself is no reason to burden another backend.
  return attempts < maxBackends && fault.source === 'backend' ? 'elsewhere' : 'none';
}

/** A connection failed, not the backend: it would take the request over another one. */
function mayBeginAgain({ fault, stale, attempts, retry, context }: Attempt): boolean {
  // The backend has said that it did nothing with it, so it is as good as new (RFC 9113 section 8.7). One that ends its connection
  // (nginx does after keepalive_requests) is not overloaded, as one that refuses single streams may be.
  if (fault instanceof StreamRefused)
    return (
      attempts === 1 ||
      (fault.by === 'connection that served others' && attempts < maxEndedConnections) ||
      (attempts < (retry.attempts ?? 1) && retry.on.includes('refused-stream'))
    );
  // HTTP/2 that takes no other protocol: HTTP/1.1 may.
  if (fault.code === 'upgrade_unsupported') return attempts === 1;
  return stale && attempts === 1 && fault.code === 'backend_closed' && idempotent.has(context.outgoing.method);
}
