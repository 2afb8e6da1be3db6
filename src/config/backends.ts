// Backends of a route: endpoints, weights, canary conditions.
import type { z } from 'zod';
import { flag, integer, list, map, oneOf, text } from './atoms.ts';
import type { BackendConfig, BackendMatch } from './gateway-config.ts';
import { parseCidr } from './cidr.ts';
import type { Cursor } from '../yaml/cursor.ts';
import { parseEndpoint } from './endpoint.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { key } from './key.ts';
import { reportMistake } from './reading.ts';
import { parseSafeRegex } from './safe-regex.ts';

const maxBackends = 1000;
const maxMatches = 32;

const operators = [
  'equals',
  'not_equals',
  'contains',
  'not_contains',
  'starts_with',
  'ends_with',
  'regex',
  'in',
] as const;

const matchShape = map({
  source: key(oneOf(['header', 'cookie', 'query', 'ip'], true), {}),
  name: key(text, { says: 'Name of the header, cookie or query parameter.', default: '' }),
  operator: key(oneOf(operators, true), {}),
  value: key(text, { says: 'Text to compare with; for `in` a list separated by commas.', default: '' }),
});
type MatchShape = z.output<typeof matchShape>;

export const backendShape = map({
  endpoint: key(text, {
    says: 'http://host:port or https://host:port, with an optional base path.',
    unset: 'required',
    page: '`http://` or `https://`, a host, an optional port and base path; as in Goma no slash at the end, and no user, query or fragment.',
  }),
  weight: key(integer(0, 1_000_000), {
    says: 'Share of the requests; 0 gets none as soon as one backend has a weight.',
    default: 0,
    page: 'Share of the requests. As soon as one backend has a weight, one without gets nothing (warning).',
  }),
  priority: key(integer(-1_000_000, 1_000_000), {
    says: 'Among overlapping exclusive matches the highest wins.',
    default: 0,
  }),
  exclusive: key(flag, {
    says: 'Requests that match go here and nowhere else.',
    default: false,
    page: 'The backend takes every request that it matches.',
  }),
  backup: key(flag, {
    says: 'Gets requests only while no other backend of the route is healthy. Default {default}.',
    default: false,
    page: 'own, as in nginx. Gets requests only while no other backend of the route is healthy, and those that no other could be connected for.',
    oursAlone: true,
  }),
  match: key(list(matchShape), {
    says: 'Canary: all conditions must hold.',
    default: [],
    restricts: true,
    page: 'Conditions that all have to hold: `{source: header|cookie|query|ip, name, operator: equals|not_equals|contains|not_contains|starts_with|ends_with|regex|in, value}`. For `ip`, `equals`, `not_equals` and `in` know ranges.',
  }),
});
type BackendShape = z.output<typeof backendShape>;

/** What a route says of its backends. */
export type RouteBackends = {
  readonly target?: string | undefined;
  readonly destination?: string | undefined;
  readonly backends: readonly BackendShape[];
};

/** `target` (alias `destination`) or `backends`; the latter wins, as in Goma. None at all is an error. */
export function readBackends(route: RouteBackends, at: Cursor, problems: ProblemList): BackendConfig[] {
  const shapes = route.backends;
  if (shapes.length > maxBackends)
    problems.error('too_many', at.keyPlace('backends'), `more than ${maxBackends} backends`);
  if (shapes.length > 0) {
    for (const name of ['target', 'destination'] as const)
      if (route[name] !== undefined)
        problems.warn('ignored_key', at.keyPlace(name), `${name} has no effect where backends is given`, 'Remove it.');
    if (shapes.every(({ backup }) => backup))
      problems.error(
        'only_backups',
        at.keyPlace('backends'),
        'every backend is a backup: there is none for them to stand in for',
        'Remove backup from those that are to serve.',
      );
    return shapes.flatMap((shape, i) => readBackend(shape, at.down('backends', i), problems) ?? []);
  }
  if (route.destination !== undefined)
    problems.warn(
      'deprecated_key',
      at.keyPlace('destination'),
      'destination is the deprecated name of target',
      'Write target.',
    );
  const name = route.target === undefined ? 'destination' : 'target';
  const url = route[name];
  if (url === undefined) {
    if (['backends', 'target', 'destination'].some((one) => at.isBroken(one))) return [];
    problems.error(
      'missing_key',
      at.has('backends') ? at.keyPlace('backends') : at.place,
      'the route has neither `target` nor `backends`',
      'Say where its requests go, for example target: https://host:port.',
    );
    return [];
  }
  return readBackendAt(url, backendShape.parse({}), at.down(name), at.down(name), problems) ?? [];
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
  const match = readMatches(shape.match, at.down('match'), problems);
  const endpoint = parseEndpoint(url);
  if ('problem' in endpoint) {
    // A password in the URL must not be repeated.
    reportMistake(problems, 'bad_endpoint', urlAt, url.replace(/\/\/[^/]*@/, '//***@'), endpoint);
    return undefined;
  }
  const { weight, exclusive, priority, backup } = shape;
  if (exclusive && match.length === 0)
    problems.warn(
      'ignored_key',
      at.keyPlace('exclusive'),
      'exclusive has no effect without match',
      'Add match, or remove exclusive.',
    );
  return [{ ...endpoint, weight, match, exclusive, priority, backup, place: at.place }];
}

function readMatches(shapes: readonly MatchShape[], at: Cursor, problems: ProblemList): BackendMatch[] {
  if (shapes.length > maxMatches) problems.error('too_many', at.place, `more than ${maxMatches} conditions`);
  return shapes.flatMap((shape, i) => readMatch(shape, at.down(i), problems) ?? []);
}

/** A condition that cannot be read is an error, never left out: without it the backend would match more. */
function readMatch(shape: MatchShape, at: Cursor, problems: ProblemList): BackendMatch | undefined {
  const { source, name, operator, value } = shape;
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
