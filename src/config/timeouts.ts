// `gateway.timeouts`, with Goma's deprecated names beside it: how long clients may take, and how slow they may be.
import type { z } from 'zod';
import { maxHeadMs } from '../http/limits.ts';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { duration, integer, map, seconds } from './atoms.ts';
import type { GatewayConfig } from './gateway-config.ts';
import { defaultOf, key } from './key.ts';

const maxRate = 1_000_000_000;

export const timeoutsKeys = {
  read: key(seconds, {
    says: 'Seconds for a whole request with its body. Default {default}; 0 = none.',
    default: 300,
    page: 'Goma. Seconds for a whole request with its body; also shortens the limit for its head (10 s, which always holds). `0`: no limit on the whole; a client that stalls is still cut off. A call of gRPC is a conversation: `timeouts` of its route limit it instead.',
  }),
  write: key(seconds, {
    says: 'Seconds without progress while the answer is sent. Default {default}; 0: the default stays.',
    default: 30,
    page: "Goma's key; here the seconds without progress while the answer is sent. There is no limit on the whole answer, so `0` leaves the default.",
  }),
  idle: key(seconds, {
    says: 'Seconds that an idle client connection is kept. Default {default}; 0 = none.',
    default: 75,
    page: 'Goma. Seconds that a connection is kept without a request; `0`: for ever.',
  }),
  drain: key(duration, {
    says: 'Time for requests in flight at stop and reload. Default {default}.',
    default: '10s',
    page: 'own. For requests in flight at stop and reload; not `0`.',
  }),
  minRequestRate: key(integer(0, maxRate), {
    says: 'Least bytes a second of a request body in each ratePeriod, until it is answered. Default {default}; 0 = none.',
    default: 240,
    page: 'own. Least bytes a second of a request body, measured over each `ratePeriod`; below it: 408. Not while the gateway does not read, and not once the backend has begun to answer. `0`: none.',
  }),
  minResponseRate: key(integer(0, maxRate), {
    says: 'Least bytes a second that a client takes of what waits for it. Default {default}; 0 = none.',
    default: 240,
    page: 'own. Least bytes a second that a client takes of what waits for it; below it the connection is cut. Never while nothing waits: a long poll or an event stream may be silent. `0`: none.',
  }),
  ratePeriod: key(duration, {
    says: 'What the rates are measured over. Default {default}.',
    default: '20s',
    page: 'own. What the two rates are measured over.',
  }),
};

const oldName = (name: string) =>
  key(seconds, {
    says: `Deprecated name of timeouts.${name}; wins where it is above 0.`,
    untold: true,
    page: `Goma, deprecated; above 0 it wins over \`timeouts.${name}\`.`,
  });

export const deprecatedTimeoutKeys = {
  readTimeout: oldName('read'),
  writeTimeout: oldName('write'),
  idleTimeout: oldName('idle'),
};

const around = map({ timeouts: map(timeoutsKeys), ...deprecatedTimeoutKeys });

/** Goma's 0 means "no limit on the whole". Limits of ours that Goma does not have (head, stall) stay: slow clients are cut off. */
export function readTimeouts(
  gateway: z.output<typeof around>,
  at: Cursor,
  problems: ProblemList,
): GatewayConfig['timeouts'] {
  for (const name of ['readTimeout', 'writeTimeout', 'idleTimeout'] as const)
    if (gateway[name] !== undefined)
      problems.warn(
        'deprecated_key',
        at.keyPlace(name),
        `${name} is deprecated`,
        `Write timeouts.${name.replace('Timeout', '')}.`,
      );
  const { timeouts } = gateway;
  const here = at.down('timeouts');
  const pick = (name: 'read' | 'write' | 'idle', old: number | undefined): number =>
    old === undefined || (old === 0 && here.holds(name)) ? timeouts[name] : old;
  const requestMs = pick('read', gateway.readTimeout);
  const stallMs = pick('write', gateway.writeTimeout);
  if (timeouts.drain === 0)
    problems.error(
      'endless_wait',
      here.down('drain').place,
      'drain cannot be 0',
      'Write 1ms to cut off what is in flight at once.',
    );
  return {
    headMs: requestMs > 0 ? Math.min(maxHeadMs, requestMs) : maxHeadMs,
    stallMs: stallMs > 0 ? stallMs : defaultOf(timeoutsKeys.write),
    idleMs: pick('idle', gateway.idleTimeout),
    requestMs,
    drainMs: timeouts.drain,
    minRequestRate: timeouts.minRequestRate,
    minResponseRate: timeouts.minResponseRate,
    rateMs: timeouts.ratePeriod,
  };
}
