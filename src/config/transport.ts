// `gateway.networking.transport`: connections to backends, and what routes take from there where they say nothing themselves.
import type { z } from 'zod';
import { duration, flag, integer, map, seconds } from './atoms.ts';
import type { GatewayConfig } from './gateway-config.ts';
import { defaultOf, key } from './key.ts';
import { ignored } from './support.ts';

const count = integer(0, 1_000_000);

export const transportKeys = {
  insecureSkipVerify: key(flag, {
    says: 'Default of security.tls.insecureSkipVerify; a route that says false is verified.',
    default: false,
    page: 'Goma; but a route that says `false` is verified. Loud warning.',
  }),
  disableCompression: ignored('bodies are passed on as they are'),
  maxIdleConns: key(count, {
    says: 'Idle backend connections in all. Default {default}.',
    default: 512,
    page: 'Goma. Idle backend connections in all.',
  }),
  maxIdleConnsPerHost: key(count, {
    says: 'Idle connections per backend. Default {default}.',
    default: 256,
    page: 'Goma. Idle connections per backend.',
  }),
  maxConnsPerHost: key(count, {
    says: 'Connections per backend. Default {default}; 0 = no limit.',
    default: 256,
    page: 'Goma. Connections per backend and worker. `0`: no limit.',
  }),
  reservedConnsPerHost: key(count, {
    says: 'Connections beyond maxConnsPerHost, for clients below their share. Default: an eighth of it; 0 = none.',
    unset: 'an eighth of `maxConnsPerHost`',
    page: 'own. Connections that are opened beyond `maxConnsPerHost` while all of those are taken, for clients that have less than their share. `0`: none. See [operations](operations.md#when-a-backend-is-short-of-connections).',
  }),
  maxPendingRequests: key(integer(1, 1_000_000), {
    says: 'Requests that may wait for a connection of a backend. Default {default}.',
    default: 1024,
    page: 'own, as in Envoy. Requests that may wait for a connection, per backend and worker. Where it is full, the newest of the client that has most gives way.',
  }),
  tlsHandshakeTimeout: key(seconds, {
    says: 'Seconds; default of routes[].timeouts.handshake. 0: {default} seconds stay.',
    default: 10,
    page: 'Goma, seconds; default of `routes[].timeouts.handshake`. `0` leaves the default: a handshake must end.',
  }),
  responseHeaderTimeout: key(seconds, {
    says: 'Seconds; default of routes[].timeouts.response. 0 = none.',
    default: 60,
    page: 'Goma, seconds; default of `routes[].timeouts.response`. `0`: none.',
  }),
  idleConnTimeout: key(seconds, {
    says: 'Seconds that an idle backend connection is kept. Default {default}; 0 = no limit.',
    default: 90,
    page: 'Goma. Seconds that an idle backend connection is kept; `0`: for ever.',
  }),
  maxConnectionDuration: key(duration, {
    says: 'How old a backend connection may become before it carries no further request. Default {default}; 0s = no limit.',
    default: '1h',
    page: 'own, as in Envoy. How old a backend connection may become before it carries no further request; up to a tenth earlier, so that they do not end together. `0s`: no limit.',
  }),
  forceAttemptHTTP2: key(flag, {
    says: 'false: HTTP/1.1 to backends whose route does not say http2. Default {default}.',
    default: true,
    page: 'Goma. `false`: `http2` of routes is `off` where they do not say otherwise.',
  }),
};

const transport = map(transportKeys);
type TransportShape = z.output<typeof transport>;

export function readTransport(shape: TransportShape): GatewayConfig['transport'] {
  const { maxIdleConns, maxIdleConnsPerHost, maxConnsPerHost, maxPendingRequests } = shape;
  return {
    maxIdleConns,
    maxIdleConnsPerHost,
    maxConnsPerHost,
    reservedConnsPerHost: shape.reservedConnsPerHost ?? Math.ceil(maxConnsPerHost / 8),
    maxPendingRequests,
    idleConnTimeoutMs: shape.idleConnTimeout,
    maxConnectionDurationMs: shape.maxConnectionDuration,
  };
}

/** What routes take where they say nothing; a handshake must end. */
export function readRouteTimeouts(shape: TransportShape): { handshakeMs: number; responseMs: number } {
  const handshakeMs = shape.tlsHandshakeTimeout;
  return {
    handshakeMs: handshakeMs > 0 ? handshakeMs : defaultOf(transportKeys.tlsHandshakeTimeout),
    responseMs: shape.responseHeaderTimeout,
  };
}
