// Where the requests of a route go and everything about the way there: its own keys, as Goma has them, or those of a service.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { duration, map } from './atoms.ts';
import { type BackendTlsDefaults, type RouteTls, readBackendTls } from './backend-tls.ts';
import { readBackends, type RouteBackends } from './backends.ts';
import type { RouteConfig } from './gateway-config.ts';
import { type HealthCheckShape, readHealthCheck } from './health-check.ts';
import { key, writtenDefault } from './key.ts';
import { type LoadBalancingShape, readHashOn, readLoadBalancing, readSticky } from './load-balancing.ts';
import { versionOf } from './proxy-protocol.ts';
import { reportEndless } from './reading.ts';
import { readRetry, type RetryShape } from './retry.ts';
import { transportKeys } from './transport.ts';

export const upstreamTimeoutsKeys = {
  connect: key(duration, {
    says: 'TCP connect. Default {default}.',
    default: '5s',
    page: 'own. TCP connect; not `0`.',
  }),
  handshake: key(duration, {
    says: `TLS handshake with the backend. Default ${writtenDefault(transportKeys.tlsHandshakeTimeout)}s.`,
    unset: '`networking.transport.tlsHandshakeTimeout`',
    page: 'own. TLS handshake with the backend; not `0`.',
  }),
  response: key(duration, {
    says: `From the end of the request to the head of the response. Default ${writtenDefault(transportKeys.responseHeaderTimeout)}s; 0 = none.`,
    unset: '`networking.transport.responseHeaderTimeout`',
    page: 'own. From the end of the request to the head of the response. `0`: none.',
  }),
  idle: key(duration, {
    says: 'Between two pieces of the response. Default {default}; 0 = none.',
    default: '60s',
    page: 'own. Between two pieces of the response. `0`: none. Event streams and gRPC may be silent: they are asked about instead, see [Upgrades](#upgrades).',
  }),
  tunnel: key(duration, {
    says: 'Without a byte in either direction of a WebSocket or another upgrade. Default {default}; 0 = none.',
    default: '1h',
    page: 'own, as HAProxy has it (`timeout tunnel`). Without a byte in either direction of a WebSocket or another upgrade. `0`: none.',
  }),
};

const timeoutsShape = map(upstreamTimeoutsKeys);
export type UpstreamTimeoutsShape = z.output<typeof timeoutsShape>;

export type Upstream = Pick<
  RouteConfig,
  | 'backends'
  | 'loadBalancing'
  | 'hashOn'
  | 'sticky'
  | 'sendProxyProtocol'
  | 'healthCheck'
  | 'tls'
  | 'timeouts'
  | 'retry'
>;

/** What the gateway decides where nobody else does. */
export type UpstreamSurroundings = {
  readonly backendTls: BackendTlsDefaults;
  readonly handshakeMs: number;
  readonly responseMs: number;
};

/** The keys of a route that are about its backends. */
export type UpstreamShape = RouteBackends &
  RouteTls &
  LoadBalancingShape & {
    readonly healthCheck?: HealthCheckShape | undefined;
    readonly timeouts: UpstreamTimeoutsShape;
    readonly retry: RetryShape;
    readonly sendProxyProtocol?: 'v1' | 'v2' | undefined;
  };

/** `at`: the route. */
export function readUpstream(
  shape: UpstreamShape,
  at: Cursor,
  around: UpstreamSurroundings,
  problems: ProblemList,
): Upstream {
  // A fixed answer needs none.
  const backends = at.has('response') ? [] : readBackends(shape, at, problems);
  return {
    backends,
    loadBalancing: readLoadBalancing(shape, backends, at, problems),
    hashOn: readHashOn(shape, at, problems),
    sticky: readSticky(shape, at, problems),
    sendProxyProtocol: versionOf(shape),
    healthCheck: readHealthCheck(shape.healthCheck, at, problems),
    tls: readBackendTls(shape, at, backends, around.backendTls, problems),
    timeouts: readUpstreamTimeouts(shape.timeouts, at, around, problems),
    retry: readRetry(shape.retry, at, problems),
  };
}

/** `around`: of `timeouts`. */
export function readUpstreamTimeouts(
  timeouts: UpstreamTimeoutsShape,
  at: Cursor,
  around: Omit<UpstreamSurroundings, 'backendTls'>,
  problems: ProblemList,
): RouteConfig['timeouts'] {
  const handshakeMs = timeouts.handshake ?? around.handshakeMs;
  reportEndless(timeouts.connect, at.down('timeouts', 'connect'), problems);
  reportEndless(handshakeMs, at.down('timeouts', 'handshake'), problems);
  return {
    connectMs: timeouts.connect,
    handshakeMs,
    responseMs: timeouts.response ?? around.responseMs,
    idleMs: timeouts.idle,
    tunnelMs: timeouts.tunnel,
  };
}
