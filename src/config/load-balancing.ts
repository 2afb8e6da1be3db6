// How a route chooses among its backends: `loadBalancing`, what `hash` goes by, sticky sessions.
import type { z } from 'zod';
import { isToken } from '../http/field.ts';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { duration, flag, list, map, oneOf, text } from './atoms.ts';
import type { BackendConfig, HashSource, RouteConfig, StickyConfig } from './gateway-config.ts';
import { key } from './key.ts';
import { reportMistake } from './reading.ts';

const maxSources = 8;

const hashSourceShape = map({
  source: key(oneOf(['certificate', 'header', 'cookie', 'address'], true), {}),
  name: key(text, { says: 'Name of the header or cookie.', default: '' }),
});

const stickyShape = map({
  cookie: key(text, { says: 'Name of the cookie. Default {default}.', default: 'backend' }),
  path: key(text, { says: 'Its Path. Default {default}.', default: '/' }),
  maxAge: key(duration, {
    says: 'Its Max-Age. Default {default}: until the browser ends.',
    default: '0s',
    page: 'Its `Max-Age`. `0s`: until the browser ends.',
  }),
  secure: key(flag, {
    says: 'Its Secure: over TLS only. Default {default}.',
    default: true,
    page: 'Its `Secure`: browsers send it over TLS only.',
  }),
  httpOnly: key(flag, {
    says: 'Its HttpOnly: hidden from scripts. Default {default}.',
    default: true,
    page: 'Its `HttpOnly`: hidden from scripts.',
  }),
  sameSite: key(oneOf(['Lax', 'Strict', 'None'], true), { says: 'Its SameSite. Default {default}.', default: 'Lax' }),
});

export const loadBalancingKeys = {
  loadBalancing: key(oneOf(['roundRobin', 'weighted', 'leastRequest', 'hash'], true), {
    says: 'roundRobin, weighted, leastRequest or hash. Default: weighted where a backend has a weight.',
    unset: '`weighted` where a backend has a weight, else `roundRobin`',
    page: 'own. `roundRobin`, `weighted`, `leastRequest`, `hash`: [below](#choice-of-a-backend).',
  }),
  hashOn: key(list(hashSourceShape), {
    says: 'For hash: the first of these that a request has decides. Default: the certificate of the client, else its address.',
    unset: '`[{source: certificate}, {source: address}]`',
    page: 'own. For `hash`: `{source: certificate|header|cookie|address, name}`; the first that a request has decides.',
    oursAlone: true,
  }),
  sticky: key(stickyShape, {
    says: 'A cookie leads each client back to the backend that served it first.',
    unset: 'none',
    page: 'own. A cookie leads each client back to the backend that served it first.',
    oursAlone: true,
    example: 'For example sticky: {cookie: backend}.',
    table: 'sticky',
  }),
};
const loadBalancingShape = map(loadBalancingKeys);
export type LoadBalancingShape = z.output<typeof loadBalancingShape>;

/** Goma: weighted as soon as one backend has a weight. Our key can say otherwise, within what the weights allow. */
export function readLoadBalancing(
  { loadBalancing: wanted }: LoadBalancingShape,
  backends: readonly BackendConfig[],
  around: Cursor,
  problems: ProblemList,
): RouteConfig['loadBalancing'] {
  const weights = backends.some((backend) => backend.weight > 0);
  const { place } = around.down('loadBalancing');
  if (wanted === 'weighted' && !weights)
    problems.error(
      'no_weights',
      place,
      'loadBalancing is weighted, but no backend has a weight above 0',
      'Give the backends weights.',
    );
  if (wanted === 'roundRobin' && weights)
    problems.warn('ignored_key', place, 'the weights of the backends have no effect with roundRobin');
  if ((wanted === 'leastRequest' || wanted === 'hash') && backends.length === 1)
    problems.warn('ignored_key', place, `${wanted} has no effect with one backend`);
  if (wanted !== 'roundRobin') {
    warnOfWeightless(
      backends.filter(({ backup }) => !backup),
      problems,
    );
    warnOfWeightless(
      backends.filter(({ backup }) => backup),
      problems,
    );
  }
  return wanted ?? (weights ? 'weighted' : 'roundRobin');
}

/** Of backends that are asked together. */
function warnOfWeightless(backends: readonly BackendConfig[], problems: ProblemList): void {
  if (backends.length < 2 || backends.every(({ weight }) => weight === 0)) return;
  for (const { weight, exclusive, place } of backends)
    if (weight === 0 && !exclusive)
      problems.warn(
        'never_picked',
        place,
        'the backend has weight 0 while others have a weight: it gets no requests',
        'Give it a weight, or remove it.',
      );
}

/** `certificate` alone would leave anonymous clients to chance, so an address stands behind it by default. */
export function readHashOn(
  { hashOn, loadBalancing }: LoadBalancingShape,
  around: Cursor,
  problems: ProblemList,
): HashSource[] {
  const at = around.down('hashOn');
  if (hashOn === undefined)
    return loadBalancing === 'hash'
      ? [
          { source: 'certificate', name: '' },
          { source: 'address', name: '' },
        ]
      : [];
  if (loadBalancing !== 'hash')
    problems.warn('ignored_key', around.keyPlace('hashOn'), 'hashOn has no effect without loadBalancing: hash');
  if (hashOn.length > maxSources) problems.error('too_many', at.place, `more than ${maxSources} things to hash`);
  return hashOn.flatMap(({ source, name }, index) => {
    const here = at.down(index);
    if (source === undefined) {
      if (!here.isBroken('source'))
        problems.error('missing_key', here.place, 'it has no `source`', 'certificate, header, cookie or address.');
      return [];
    }
    const isNamed = source === 'header' || source === 'cookie';
    if (isNamed && !isToken(name))
      reportMistake(problems, 'wrong_value', here.down('name'), name, {
        problem: `is not the name of a ${source}`,
        hint: `For example name: ${source === 'header' ? 'X-Tenant' : 'session'}.`,
      });
    if (!isNamed && name !== '') problems.warn('ignored_key', here.keyPlace('name'), `${source} has no name`);
    return [{ source, name: isNamed ? name : '' }];
  });
}

/** `around`: the route. */
export function readSticky(
  { sticky }: LoadBalancingShape,
  around: Cursor,
  problems: ProblemList,
): StickyConfig | undefined {
  if (sticky === undefined) return undefined;
  const at = around.down('sticky');
  const { cookie, path, maxAge: maxAgeMs, secure, httpOnly, sameSite } = sticky;
  if (!isToken(cookie))
    reportMistake(problems, 'wrong_value', at.down('cookie'), cookie, {
      problem: 'is not the name of a cookie',
      hint: 'For example backend.',
    });
  if (!/^\/[\u0021-\u003a\u003c-\u007e]*$/.test(path))
    reportMistake(problems, 'bad_path', at.down('path'), path, {
      problem: 'is not a path of a cookie',
      hint: 'For example /shop.',
    });
  // Browsers drop what breaks these rules without a word (RFC 6265bis sections 4.1.3 and 5.7).
  if (!secure && (sameSite === 'None' || /^__(?:Secure|Host)-/i.test(cookie)))
    problems.error(
      'wrong_value',
      at.down('secure').place,
      'browsers take no such cookie without secure: true',
      'Remove secure: false, or SameSite None and the prefix of the name.',
    );
  if (path !== '/' && /^__Host-/i.test(cookie))
    problems.error('wrong_value', at.down('path').place, 'browsers take a __Host- cookie with path / only');
  return { cookie, path, maxAgeMs, secure, httpOnly, sameSite };
}
