// `networking.dnsCache`: which name servers are asked, and how long an answer holds.
import { isIP } from 'node:net';
import type { Cursor } from './cursor.ts';
import { parsePort } from './endpoint.ts';
import type { GatewayConfig } from './gateway-config.ts';
import type { GatewayShape } from './gateway-shape.ts';
import type { ProblemList } from './problem-list.ts';
import { reportMistake } from './reading.ts';

const maxServers = 8;
const maxTimeoutMs = 60_000;
const shortestMs = 1_000;

export function readDns(shape: GatewayShape, at: Cursor, problems: ProblemList): GatewayConfig['dns'] {
  const { resolver = [], ttl, minTtl, negativeTtl, timeout = 5_000 } = shape.networking?.dnsCache ?? {};
  const here = at.down('networking', 'dnsCache');
  const wrong = (key: string, value: string, problem: string, hint: string): void =>
    reportMistake(problems, 'wrong_value', here.down(key), value, { problem, hint });
  for (const [i, server] of resolver.entries())
    if (!isNameServer(server))
      reportMistake(problems, 'bad_address', here.down('resolver', i), server, {
        problem: 'is not the address of a name server',
        hint: 'Write IP, IPv4:port or [IPv6]:port; a name cannot be looked up before there is a server.',
      });
  if (resolver.length > maxServers)
    wrong('resolver', `${resolver.length}`, `servers are too many; at most ${maxServers}`, '');
  if (timeout === 0 || timeout > maxTimeoutMs)
    wrong('timeout', `${timeout}ms`, 'is no time for a look-up', 'More than 0 and at most 1m, for example 5s.');
  const minTtlMs = minTtl ?? shortestMs;
  // Goma keeps nothing with 0.
  const maxTtlMs = ttl === 0 ? minTtlMs : (ttl ?? Math.max(300_000, minTtlMs));
  for (const [key, value] of Object.entries({ minTtl, negativeTtl }))
    if (value !== undefined && value < shortestMs)
      wrong(key, '0', 'would ask the name servers without a pause', 'At least 1 second.');
  if (maxTtlMs < minTtlMs)
    wrong('minTtl', `${minTtlMs / 1_000}`, `is longer than ttl, ${maxTtlMs / 1_000}`, 'The shortest time comes first.');
  return { servers: resolver, timeoutMs: timeout, minTtlMs, maxTtlMs, negativeTtlMs: negativeTtl ?? 5_000 };
}

function isNameServer(text: string): boolean {
  if (isIP(text) !== 0) return !text.includes('%');
  const [, six, four, port = ''] = /^(?:\[([^\]%]*)\]|([^:]*)):([^:]*)$/.exec(text) ?? [];
  const number = parsePort(port);
  return (isIP(six ?? '') === 6 || isIP(four ?? '') === 4) && number !== undefined && number > 0;
}
