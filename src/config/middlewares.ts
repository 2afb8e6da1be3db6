// Middlewares of Goma: none is implemented yet, and one that guards a route must never be skipped in silence. What an
// enabled route uses (or `defaults` adds to all) is an error, unless leaving it out is known to open nothing.
import { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import { findNearest } from '../yaml/nearest.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { map, text } from './atoms.ts';
import { key } from './key.ts';
import { isEnabled, type WrittenRoute } from './route.ts';
import { quote } from '../yaml/tree.ts';

export const middlewareShape = map({
  name: key(text, { says: 'Unique name.' }),
  type: key(text, {}),
  paths: z.unknown().optional(),
  rule: z.unknown().optional(),
});
type MiddlewareShape = z.output<typeof middlewareShape>;

export type WrittenMiddleware = { readonly shape: MiddlewareShape; readonly at: Cursor };

/** Types that only change how answers look or how fast they come. Everything that is not listed counts as a guard. */
const harmless: ReadonlySet<string> = new Set([
  'httpCache',
  'httpCaching',
  'responseHeaders',
  'compress',
  'compression',
  'gzip',
  'errorInterceptor',
  'accessLog',
  'metrics',
]);
const redirects: ReadonlySet<string> = new Set(['redirectScheme', 'redirectToHTTPS']);

/** What an operator reads who uses one of Goma's guards: what would be open without it. */
const guards: Readonly<Record<string, string>> = {
  basic: 'let everybody in without a password',
  basicAuth: 'let everybody in without a password',
  ldap: 'let everybody in without a password',
  ldapAuth: 'let everybody in without a password',
  jwt: 'let everybody in without a token',
  jwtAuth: 'let everybody in without a token',
  oauth: 'let everybody in without a login',
  oauth2: 'let everybody in without a login',
  forwardAuth: 'let everybody in without asking the authentication service',
  access: 'open paths that are forbidden',
  accessPolicy: 'let in addresses that are refused',
  geoBlock: 'let in countries that are refused',
  userAgentBlock: 'let in user agents that are refused',
  rateLimit: 'let clients send without a limit',
  bodyLimit: 'let in bodies of any size',
};

/** `plainServed`: some route may be answered over plain HTTP. `defaults`: names that every route gets, with their place. */
export function checkMiddlewares(
  written: readonly WrittenMiddleware[],
  routes: readonly WrittenRoute[],
  defaults: { readonly names: readonly string[]; readonly at: Cursor },
  plainServed: boolean,
  problems: ProblemList,
): void {
  const declared = readDeclared(written, problems);
  const used = new Set<string>();
  const check = (name: string, at: Cursor): void => {
    used.add(name);
    const middleware = declared.get(name);
    if (middleware === undefined) {
      const near = findNearest(name, declared.keys());
      problems.error(
        'unknown_middleware',
        at.place,
        `there is no middleware ${quote(name)}; ignoring it could leave the route unguarded`,
        near === undefined ? 'Declare it under middlewares, or remove it.' : `Did you mean ${near}?`,
      );
    } else reportUse(name, middleware.shape.type ?? '', at, plainServed, problems);
  };
  for (const [i, name] of defaults.names.entries()) check(name, defaults.at.down(i));
  for (const { shape, at } of routes)
    if (isEnabled(shape)) for (const [i, name] of shape.middlewares.entries()) check(name, at.down('middlewares', i));
  for (const [name, { shape, at }] of declared)
    if (!used.has(name))
      problems.warn(
        'unsupported_key',
        at.place,
        `middleware ${quote(name)} (type ${shape.type ?? 'unknown'}) is not supported; no enabled route uses it`,
      );
}

function readDeclared(written: readonly WrittenMiddleware[], problems: ProblemList): Map<string, WrittenMiddleware> {
  const declared = new Map<string, WrittenMiddleware>();
  for (const middleware of written) {
    const name = middleware.shape.name ?? '';
    const at = middleware.at.down('name');
    const earlier = declared.get(name);
    if (name === '') problems.error('missing_key', at.place, 'the middleware has no `name`');
    else if (earlier === undefined) declared.set(name, middleware);
    else
      problems.error(
        'duplicate_name',
        at.place,
        `two middlewares are called ${quote(name)}`,
        `The first stands in ${earlier.at.place.file}, line ${earlier.at.place.line}.`,
      );
  }
  return declared;
}

function reportUse(name: string, type: string, at: Cursor, plainServed: boolean, problems: ProblemList): void {
  const what = `middleware ${quote(name)} (type ${type === '' ? 'missing' : type}) is not supported by this version`;
  if (harmless.has(type)) {
    problems.warn('unsupported_middleware', at.place, `${what} and has no effect`);
    return;
  }
  if (redirects.has(type)) {
    if (!plainServed)
      problems.warn(
        'unsupported_middleware',
        at.place,
        `${what}; it is not needed, nothing is served over plain HTTP`,
        'Remove it.',
      );
    else
      problems.error(
        'unsupported_middleware',
        at.place,
        `${what}; ignoring it would serve the route over plain HTTP`,
        'Write gateway.entryPoints.web.enabled: false and remove the middleware, or require client certificates: such routes are redirected anyway.',
      );
    return;
  }
  const consequence = Object.hasOwn(guards, type)
    ? guards[type]
    : 'pass on requests that it would have refused or changed';
  problems.error(
    'unsupported_middleware',
    at.place,
    `${what}; ignoring it would ${consequence}`,
    'Remove it from the route if it is not needed, or disable the route.',
  );
}
