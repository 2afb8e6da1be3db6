// Backends of a route: endpoints, weights, canary conditions.
import type { BackendConfig, BackendMatch, RouteConfig } from './gateway-config.ts';
import { parseCidr } from './cidr.ts';
import type { Cursor } from '../yaml/cursor.ts';
import { parseEndpoint } from './endpoint.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { reportMistake } from './reading.ts';
import type { BackendMatchShape, BackendShape, RouteShape } from './route-shape.ts';
import { parseSafeRegex } from './safe-regex.ts';

const maxBackends = 1000;
const maxMatches = 32;

/** `target` (alias `destination`) or `backends`; the latter wins, as in Goma. None at all is an error. */
export function readBackends(route: RouteShape, at: Cursor, problems: ProblemList): BackendConfig[] {
  const shapes = route.backends ?? [];
  if (shapes.length > maxBackends)
    problems.error('too_many', at.keyPlace('backends'), `more than ${maxBackends} backends`);
  if (shapes.length > 0) {
    for (const key of ['target', 'destination'] as const)
      if (route[key] !== undefined)
        problems.warn('ignored_key', at.keyPlace(key), `${key} has no effect where backends is given`, 'Remove it.');
    return shapes.flatMap((shape, i) => readBackend(shape, at.down('backends', i), problems) ?? []);
  }
  if (route.destination !== undefined)
    problems.warn(
      'deprecated_key',
      at.keyPlace('destination'),
      'destination is the deprecated name of target',
      'Write target.',
    );
  const key = route.target === undefined ? 'destination' : 'target';
  const url = route[key];
  if (url === undefined) {
    if (at.isBroken('backends') || at.isBroken(key)) return [];
    problems.error(
      'missing_key',
      at.has('backends') ? at.keyPlace('backends') : at.place,
      'the route has neither `target` nor `backends`',
      'Say where its requests go, for example target: https://host:port.',
    );
    return [];
  }
  return readBackendAt(url, {}, at.down(key), at.down(key), problems) ?? [];
}

function readBackend(shape: BackendShape, at: Cursor, problems: ProblemList): BackendConfig[] | undefined {
  if (shape.endpoint === undefined) {
    if (at.isBroken('endpoint')) return undefined;
    problems.error('missing_key', at.place, 'the backend has no `endpoint`', 'Write endpoint: https://host:port.');
    return undefined;
  }
  return readBackendAt(shape.endpoint, shape, at.down('endpoint'), at, problems);
}

function readBackendAt(
  url: string,
  shape: BackendShape,
  urlAt: Cursor,
  at: Cursor,
  problems: ProblemList,
): BackendConfig[] | undefined {
  const match = readMatches(shape.match ?? [], at.down('match'), problems);
  const endpoint = parseEndpoint(url);
  if ('problem' in endpoint) {
    // A password in the URL must not be repeated.
    reportMistake(problems, 'bad_endpoint', urlAt, url.replace(/\/\/[^/]*@/, '//***@'), endpoint);
    return undefined;
  }
  const { weight = 0, exclusive = false, priority = 0 } = shape;
  if (exclusive && match.length === 0)
    problems.warn(
      'ignored_key',
      at.keyPlace('exclusive'),
      'exclusive has no effect without match',
      'Add match, or remove exclusive.',
    );
  return [{ ...endpoint, weight, match, exclusive, priority, place: at.place }];
}

function readMatches(shapes: readonly BackendMatchShape[], at: Cursor, problems: ProblemList): BackendMatch[] {
  if (shapes.length > maxMatches) problems.error('too_many', at.place, `more than ${maxMatches} conditions`);
  return shapes.flatMap((shape, i) => readMatch(shape, at.down(i), problems) ?? []);
}

/** A condition that cannot be read is an error, never left out: without it the backend would match more. */
function readMatch(shape: BackendMatchShape, at: Cursor, problems: ProblemList): BackendMatch | undefined {
  const { source, name = '', operator, value = '' } = shape;
  if (source === undefined && !at.isBroken('source'))
    problems.error('missing_key', at.place, 'the condition has no `source`', 'header, cookie, query or ip.');
  if (operator === undefined && !at.isBroken('operator'))
    problems.error('missing_key', at.place, 'the condition has no `operator`');
  if (source !== undefined && source !== 'ip' && name === '')
    problems.error('missing_key', at.place, `the condition has no \`name\`: which ${source}?`);
  if (source === undefined || operator === undefined) return undefined;
  const valueAt = at.down('value');
  if (operator === 'regex') {
    const reading = parseSafeRegex(value);
    if ('pattern' in reading) return { source, name, operator, value: reading.pattern };
    reportMistake(problems, 'bad_regex', valueAt, value, reading);
    return undefined;
  }
  if (source === 'ip' && ['equals', 'not_equals', 'in'].includes(operator)) {
    for (const entry of value.split(',').map((part) => part.trim()))
      if (parseCidr(entry) === undefined)
        reportMistake(problems, 'bad_address', valueAt, entry, {
          problem: 'is not an IP address or range',
          hint: 'For example 192.0.2.7 or 10.0.0.0/8.',
        });
  }
  return { source, name, operator, value };
}

/** Goma: weighted as soon as one backend has a weight. Our key can say otherwise, within what the weights allow. */
export function readLoadBalancing(
  route: RouteShape,
  backends: readonly BackendConfig[],
  at: Cursor,
  problems: ProblemList,
): RouteConfig['loadBalancing'] {
  const weights = backends.some((backend) => backend.weight > 0);
  const wanted = route.loadBalancing;
  const place = at.down('loadBalancing').place;
  if (wanted === 'leastRequest' || wanted === 'hash')
    problems.error(
      'unsupported_key',
      place,
      `loadBalancing: ${wanted} is not supported by this version; ignoring it would send requests to other backends than promised`,
      'Use roundRobin or weighted.',
    );
  if (wanted === 'weighted' && !weights)
    problems.error(
      'no_weights',
      place,
      'loadBalancing is weighted, but no backend has a weight above 0',
      'Give the backends weights.',
    );
  if (wanted === 'roundRobin' && weights)
    problems.warn('ignored_key', place, 'the weights of the backends have no effect with roundRobin');
  if (wanted !== 'roundRobin' && weights && backends.length > 1)
    for (const backend of backends)
      if (backend.weight === 0 && !backend.exclusive)
        problems.warn(
          'never_picked',
          backend.place,
          'the backend has weight 0 while others have a weight: it gets no requests',
          'Give it a weight, or remove it.',
        );
  return wanted === 'weighted' || (wanted === undefined && weights) ? 'weighted' : 'roundRobin';
}
