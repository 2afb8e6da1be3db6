// Which requests a route takes, and what becomes of their paths: `path`, `rewrite`, `hosts`, `methods`.
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { quote } from '../yaml/tree.ts';
import { flag } from './atoms.ts';
import { parseRouteHost, splitPort } from './host-name.ts';
import { key } from './key.ts';
import { reportMistake } from './reading.ts';
import type { PathMatch } from './gateway-config.ts';
import { parsePathRegex, type RegexSegment } from './path-regex.ts';
import { mistakeInTemplate } from './rewrite-template.ts';
import { parseRewrite, parseRoutePath } from './route-path.ts';

type RouteMatch = {
  readonly path?: string | undefined;
  readonly pathMatch: PathMatch;
  readonly rewrite?: string | undefined;
};

export function readPath(shape: RouteMatch, at: Cursor, problems: ProblemList): string {
  if (shape.path === undefined) {
    if (at.isBroken('path')) return '/';
    problems.error('missing_key', at.place, 'the route has no `path`', 'Write path: / for every path.');
    return '/';
  }
  const reading = shape.pathMatch === 'regex' ? parsePathRegex(shape.path) : parseRoutePath(shape.path);
  if ('path' in reading) return reading.path;
  if ('segments' in reading) return shape.path;
  reportMistake(problems, 'bad_path', at.down('path'), shape.path, reading);
  return '/';
}

/** `path`: as readPath gives it. */
export function readRewrite(shape: RouteMatch, path: string, at: Cursor, problems: ProblemList): string | undefined {
  if (shape.rewrite === undefined || shape.rewrite === '') return undefined;
  const reading = parseRewrite(shape.rewrite);
  const regex = shape.pathMatch === 'regex' ? parsePathRegex(path) : undefined;
  const groups = regex !== undefined && 'segments' in regex ? countGroups(regex.segments) : 0;
  const names = regex === undefined ? [...path.matchAll(/\{([^/{}]*)\}/g)].map(([, name = '']) => name) : [];
  // A path that could not be read has no groups and no parameters to be missed.
  const isPathRead = path !== '/' || shape.path === '/';
  const mistakeInParts = 'path' in reading && isPathRead ? mistakeInTemplate(reading.path, names, groups) : undefined;
  const mistake = 'problem' in reading ? reading : mistakeInParts;
  if (mistake !== undefined) reportMistake(problems, 'bad_path', at.down('rewrite'), shape.rewrite, mistake);
  else if (names.length > 0 && !shape.rewrite.includes('{'))
    problems.warn(
      'rewrite_with_parameters',
      at.keyPlace('rewrite'),
      `the part of the path that ${quote(path)} matches is replaced, ${names.map((name) => `{${name}}`).join(' and ')} with it; Goma leaves such paths as they are`,
      'Write the parameters into rewrite where the backend needs them, or remove rewrite.',
    );
  return 'path' in reading && mistake === undefined ? reading.path : undefined;
}

function countGroups(segments: readonly RegexSegment[]): number {
  return segments.reduce((sum, segment) => sum + (segment.kind === 'text' ? 0 : segment.groups), 0);
}

export const encodedSlashKey = key(flag, {
  says: 'true: %2F within a segment passes to the backend as it is. Default {default}.',
  default: false,
  page: 'own. `true`: `%2F` within a segment passes to the backend as it is, where every reading of it belongs to this route. See [Paths](#paths).',
});

/** Goma drops empty entries; a list of nothing else would then take every host, so that is an error here. */
export function readHosts(hosts: readonly string[] | undefined, at: Cursor, problems: ProblemList): string[] {
  const result = new Set<string>();
  const filled = (hosts ?? []).filter((host) => host !== '');
  for (const [i, host] of (hosts ?? []).entries()) {
    const here = at.down('hosts', i);
    if (host === '') {
      const message = 'an empty host is ignored';
      if (filled.length > 0) problems.warn('empty_value', here.place, message, 'Remove it.');
      else
        problems.error(
          'empty_value',
          here.place,
          `${message}, so the route would take every host`,
          'Name a host, or remove `hosts` if every host is meant.',
        );
      continue;
    }
    const split = splitPort(host);
    const reading = parseRouteHost(split?.host ?? host);
    if (split !== undefined && 'host' in reading)
      problems.warn(
        'ignored_port',
        here.place,
        `the port of ${here.showable ? quote(host) : 'the value from the environment'} is not looked at: the route takes the host whatever the port`,
        'Remove the port.',
      );
    if ('problem' in reading) reportMistake(problems, 'bad_host', here, host, reading);
    else if (result.has(reading.host))
      problems.warn('duplicate_host', here.place, `the host ${quote(reading.host)} is listed twice`);
    else result.add(reading.host);
  }
  return [...result];
}

export function readMethods(methods: readonly string[] | undefined, at: Cursor, problems: ProblemList): string[] {
  const result = new Set<string>();
  for (const [i, method] of (methods ?? []).entries()) {
    const here = at.down('methods', i);
    const upper = method.toUpperCase();
    if (!/^[!#$%&'*+\-.^_`|~0-9A-Z]{1,32}$/.test(upper))
      reportMistake(problems, 'bad_method', here, method, { problem: 'is not a method', hint: 'For example GET.' });
    else if (upper === 'CONNECT')
      reportMistake(problems, 'bad_method', here, method, { problem: 'is not for a gateway', hint: 'Remove it.' });
    else if (upper !== method)
      problems.warn(
        'method_case',
        here.place,
        `methods are case-sensitive: ${quote(method)} is taken as ${upper}`,
        `Write ${upper}.`,
      );
    result.add(upper);
  }
  return [...result];
}
