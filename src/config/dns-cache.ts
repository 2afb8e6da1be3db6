// `gateway.networking.dnsCache`: which name servers are asked, and how long an answer holds.
import { isIP } from 'node:net';
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { duration, map, oneOrMore, seconds, text } from './atoms.ts';
import { parsePort } from './endpoint.ts';
import type { GatewayConfig } from './gateway-config.ts';
import { key } from './key.ts';
import { reportMistake } from './reading.ts';
import { ignored } from './support.ts';

const maxServers = 8;
const maxTimeoutMs = 60_000;
const shortestMs = 1_000;

export const dnsCacheKeys = {
  resolver: key(oneOrMore(text), {
    says: 'Name servers, IP or IP:port. Default: those of /etc/resolv.conf, and the system behind them.',
    default: [],
    unset: 'those of `/etc/resolv.conf`, and the system behind them',
    page: 'Goma. Name servers: IP, `IPv4:port`, `[IPv6]:port`; at most 8. Where they are given, the resolver of the system is not asked. [Names of backends](operations.md#names-of-backends).',
  }),
  ttl: key(seconds, {
    says: 'Seconds; the longest that an answer is kept, whatever its time to live. Default {default}.',
    default: 300,
    page: 'Goma, seconds. The longest that an answer is kept: its own time to live counts below that. `0`: as `minTtl`.',
  }),
  minTtl: key(seconds, {
    says: 'Seconds; the shortest. Default {default}.',
    default: 1,
    page: 'own, seconds. The shortest.',
  }),
  negativeTtl: key(seconds, {
    says: 'Seconds until a look-up that failed is tried again. Default {default}.',
    default: 5,
    page: 'own, seconds. How long a failure holds, and when a look-up that failed is tried again.',
  }),
  timeout: key(duration, {
    says: 'For a look-up with all its tries. Default {default}.',
    default: '5s',
    page: 'own. For a look-up with all its tries; at most `1m`.',
  }),
  clearOnReload: ignored('names are renewed by their time to live'),
};
const dnsCache = map(dnsCacheKeys);

/** `around`: `gateway`. */
export function readDnsCache(
  shape: z.output<typeof dnsCache>,
  around: Cursor,
  problems: ProblemList,
): GatewayConfig['dns'] {
  const { resolver, ttl, minTtl, negativeTtl, timeout } = shape;
  const at = around.down('networking', 'dnsCache');
  const wrong = (name: string, value: string, problem: string, hint: string): void =>
    reportMistake(problems, 'wrong_value', at.down(name), value, { problem, hint });
  for (const [i, server] of resolver.entries())
    if (!isNameServer(server))
      reportMistake(problems, 'bad_address', at.down('resolver', i), server, {
        problem: 'is not the address of a name server',
        hint: 'Write IP, IPv4:port or [IPv6]:port; a name cannot be looked up before there is a server.',
      });
  if (resolver.length > maxServers)
    wrong('resolver', `${resolver.length}`, `servers are too many; at most ${maxServers}`, '');
  if (timeout === 0 || timeout > maxTimeoutMs)
    wrong('timeout', `${timeout}ms`, 'is no time for a look-up', 'More than 0 and at most 1m, for example 5s.');
  // Goma keeps nothing with 0.
  const longest = ttl === 0 ? minTtl : ttl;
  const maxTtlMs = at.holds('ttl') ? longest : Math.max(ttl, minTtl);
  for (const [name, value] of Object.entries({ minTtl, negativeTtl }))
    if (value < shortestMs) wrong(name, '0', 'would ask the name servers without a pause', 'At least 1 second.');
  if (maxTtlMs < minTtl)
    wrong('minTtl', `${minTtl / 1_000}`, `is longer than ttl, ${maxTtlMs / 1_000}`, 'The shortest time comes first.');
  return { servers: resolver, timeoutMs: timeout, minTtlMs: minTtl, maxTtlMs, negativeTtlMs: negativeTtl };
}

function isNameServer(server: string): boolean {
  if (isIP(server) !== 0) return !server.includes('%');
  const [, six, four, port = ''] = /^(?:\[([^\]%]*)\]|([^:]*)):([^:]*)$/.exec(server) ?? [];
  const number = parsePort(port);
  return (isIP(six ?? '') === 6 || isIP(four ?? '') === 4) && number !== undefined && number > 0;
}
