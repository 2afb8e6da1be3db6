// `type: rateLimit`: how many requests a client may make in a time.
import { flag, duration, integer, map, oneOf, text } from './atoms.ts';
import { filterType } from './filter-type.ts';
import { block, key } from './key.ts';

const unitMs = { second: 1000, minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;

export const rateLimit = filterType({
  kind: 'rateLimit',
  names: ['rateLimit', 'ratelimit'],
  guards: true,
  says: 'Lets each client make so many requests in a time; more are answered with 429.',
  rule: map({
    unit: key(oneOf(['second', 'minute', 'hour', 'day'], true), {
      says: 'Time that requestsPerUnit is for. Default {default}.',
      default: 'second',
      restricts: true,
      page: 'Goma. `second`, `minute`, `hour`; own: `day`.',
    }),
    requestsPerUnit: key(integer(1, 1_000_000_000), {
      says: 'Requests that a client may make in a unit; required.',
      unset: 'required',
      restricts: true,
      page: 'Goma. Requests that a client may make in a unit, evenly: it has used up the limit once, then gets the next request after `unit / requestsPerUnit`.',
    }),
    burst: key(integer(0, 1_000_000_000), {
      says: 'Requests that it may make at once besides. Default {default}.',
      default: 0,
      page: 'Goma. Requests that it may make at once besides.',
    }),
    keyStrategy: block({
      source: key(oneOf(['ip', 'identity', 'header', 'cookie'], true), {
        says: 'By what clients are told apart. Default {default}.',
        default: 'ip',
        restricts: true,
        page: 'Goma: `ip` (an IPv6 /64 is one client; behind `gateway.proxy.trustedProxies` the address that they name), `header`, `cookie`. Own: `identity`, the verified certificate of the client: its SPIFFE id, else its subject, so that a renewed one is the same client. Who has no such thing counts by address.',
      }),
      name: key(text, {
        says: 'Name of the header or cookie.',
        page: 'Goma. Name of the header or cookie. A client chooses its value: this tells honest clients apart.',
      }),
    }),
    banAfter: key(integer(0, 1_000_000), {
      says: 'Refusals in a row after which the client is refused altogether; 0 = never. Default {default}.',
      default: 0,
      page: 'Goma. Refusals, without a full pause between them, after which the client is refused altogether, with 403. `0`: never.',
    }),
    banDuration: key(duration, { says: 'How long. Default {default}.', default: '10m', page: 'Goma. For how long.' }),
    headers: key(oneOf(['refusals', 'always'], true), {
      says: 'Which answers have RateLimit fields. Default {default}.',
      default: 'refusals',
      page: 'own. Which answers have `RateLimit` and `RateLimit-Policy`; refusals have `Retry-After` in any case.',
    }),
    maxKeys: key(integer(1000, 10_000_000), {
      says: 'Clients that are told apart at once. Default {default}.',
      default: 100_000,
      page: 'own. Clients that are told apart at once, in each worker, some 150 bytes each. Beyond that, new ones share buckets with others.',
    }),
    shared: key(flag, {
      says: 'One limit over all routes that use the middleware. Default {default}: one for each.',
      default: false,
      page: 'own. One limit over all routes that use the middleware; else each has its own, as in Goma.',
    }),
  }),
  read: (rule, at, problems) => {
    const { unit, requestsPerUnit, burst, keyStrategy, banAfter, banDuration, headers, maxKeys, shared } = rule;
    const { source, name = '' } = keyStrategy;
    const named = source === 'header' || source === 'cookie';
    if (requestsPerUnit === undefined && !at.isBroken('requestsPerUnit'))
      problems.error(
        'missing_key',
        at.place,
        'rateLimit has no `requestsPerUnit`',
        'For example requestsPerUnit: 100.',
      );
    if (named && !/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/.test(name))
      problems.error(
        name === '' ? 'missing_key' : 'bad_name',
        at.down('keyStrategy', 'name').place,
        `the ${source} that tells clients apart needs a name`,
        'Write keyStrategy: {source: header, name: X-Api-Key}.',
      );
    if (banAfter > 0 && banDuration === 0)
      problems.error('out_of_range', at.down('banDuration').place, 'banDuration 0 with banAfter would ban nobody');
    if (requestsPerUnit === undefined) return undefined;
    return {
      capacity: requestsPerUnit + burst,
      intervalMs: unitMs[unit] / requestsPerUnit,
      by: named
        ? ({ source, name: source === 'header' ? name.toLowerCase() : name } as const)
        : ({ source, name: '' } as const),
      banAfter,
      banMs: banDuration,
      always: headers === 'always',
      maxKeys,
      shared,
    };
  },
});
