// `gateway.proxy`: whose forwarded headers are believed. Goma 0.13 trusts everybody where the list is empty; nobody is trusted here, as in 1.0.
import type { z } from 'zod';
import { isToken } from '../http/field.ts';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { readAddressRanges } from './address-ranges.ts';
import { flag, list, map, oneOrMore, text } from './atoms.ts';
import type { GatewayConfig } from './gateway-config.ts';
import { key } from './key.ts';
import { readTrustedHeaders } from './passed-fields.ts';
import { reportMistake } from './reading.ts';

export const proxyKeys = {
  enabled: key(flag, { says: 'Default {default}.', default: false, restricts: true, page: 'Goma.' }),
  trustedProxies: key(oneOrMore(text), {
    says: 'Addresses and ranges whose forwarded headers are believed; empty = nobody.',
    default: [],
    page: 'Addresses and ranges whose forwarded headers are believed. Empty: nobody (Goma 0.13: everybody).',
  }),
  ipHeaders: key(list(text), {
    says: 'Default X-Forwarded-For, X-Real-IP.',
    default: ['X-Forwarded-For', 'X-Real-IP'],
    page: 'Goma.',
  }),
  trustedHeaders: key(list(text), {
    says: 'Fields that pass from trustedProxies and from nobody else, as X-Forwarded-User or X-Auth-Request-*. Default: none.',
    default: [],
    page: "own. Fields that pass from `trustedProxies` and from nobody else: names as `X-Forwarded-User`, or prefixes as `X-Auth-Request-*`, at most 64; also names of your own, which are removed from everybody else's requests then. Not those that the gateway sets itself, or that HTTP does. [What may pass](forwarded-identity.md#what-may-pass).",
  }),
};

const proxy = map(proxyKeys);
type ProxyShape = z.output<typeof proxy>;

/** `around`: `gateway`. */
export function readProxy(shape: ProxyShape, around: Cursor, problems: ProblemList): GatewayConfig['proxy'] {
  const at = around.down('proxy');
  const { enabled, ipHeaders } = shape;
  const ranges = readRanges(shape, at, problems);
  for (const [i, name] of ipHeaders.entries())
    if (!isToken(name))
      reportMistake(problems, 'bad_header', at.down('ipHeaders', i), name, {
        problem: 'is not the name of a header',
        hint: '',
      });
  const believed = enabled ? ranges : [];
  return {
    trustedProxies: believed,
    ipHeaders,
    trustedHeaders: readTrustedHeaders(shape.trustedHeaders, at, believed.length > 0, problems),
  };
}

function readRanges({ enabled, trustedProxies }: ProxyShape, at: Cursor, problems: ProblemList): string[] {
  const ranges = readAddressRanges(trustedProxies, at.down('trustedProxies'), problems, {
    message: 'every address is a trusted proxy: any client can claim any address',
    hint: 'Name the addresses of your proxies.',
  });
  if (enabled && trustedProxies.length === 0)
    problems.warn(
      'trusts_nobody',
      at.keyPlace('enabled'),
      'proxy is enabled without trustedProxies: no forwarded header is believed (Goma 0.13 believes everybody)',
      'List the addresses of your proxies.',
    );
  if (!enabled && trustedProxies.length > 0)
    problems.warn(
      'ignored_key',
      at.keyPlace('trustedProxies'),
      'trustedProxies has no effect: proxy is not enabled',
      'Write enabled: true.',
    );
  return ranges;
}
