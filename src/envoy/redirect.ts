// A `redirect` of a route as a middleware, or as an answer of the route where its location is known beforehand.
import type { DraftMap } from '../import/draft.ts';
import type { SourceMap } from '../import/source-map.ts';
import { type Context, readDeep } from './context.ts';
import type { DraftMiddlewares } from '../import/draft-middlewares.ts';
import type { PathRule } from './route-match.ts';

const fields = [
  'response_code',
  'https_redirect',
  'scheme_redirect',
  'host_redirect',
  'port_redirect',
  'path_redirect',
  'prefix_rewrite',
  'strip_query',
];
const codes = ['MOVED_PERMANENTLY', 'FOUND', 'SEE_OTHER', 'TEMPORARY_REDIRECT', 'PERMANENT_REDIRECT'];
const statuses: Readonly<Record<string, number>> = {
  MOVED_PERMANENTLY: 301,
  FOUND: 302,
  SEE_OTHER: 303,
  TEMPORARY_REDIRECT: 307,
  PERMANENT_REDIRECT: 308,
};

/** Keys of a route; undefined where it cannot be taken over: that was said. */
export function readRedirect(
  context: Context,
  map: SourceMap,
  path: PathRule,
  middlewares: DraftMiddlewares,
): DraftMap | undefined {
  const { report } = context;
  const code = context.word(map, 'response_code', codes) ?? 'MOVED_PERMANENTLY';
  const status = statuses[code] ?? 301;
  const scheme = context.flag(map, 'https_redirect') === true ? 'https' : map.text('scheme_redirect')?.toLowerCase();
  const host = map.text('host_redirect');
  const port = context.number(map, 'port_redirect') ?? 0;
  const newPath = map.text('path_redirect');
  const prefix = map.text('prefix_rewrite');
  const regex = map.get('regex_rewrite');
  const strips = context.flag(map, 'strip_query') === true;
  readDeep(regex);
  if (regex !== undefined) {
    context.loses('route_left_out', regex, 'write a middleware redirectRegex; the route is left out');
    return undefined;
  }
  for (const name of fields) context.taken(map, name, 'a redirect');
  const permanent = status === 301 || status === 308;
  if (scheme === 'https' && host === undefined) {
    const kept = map.get('path_redirect') ?? map.get('prefix_rewrite') ?? map.get('strip_query');
    if (kept !== undefined)
      report.changed(kept, kept.shown, 'where https is asked for, path and query stay as they are');
    const rule: DraftMap = { scheme: 'https', permanent };
    if (port !== 0) rule['port'] = port;
    return { ...unreached(), middlewares: [middlewares.add('redirectScheme', rule, 'to-https')] };
  }
  const value =
    map.get('host_redirect') ?? map.get('path_redirect') ?? map.get('prefix_rewrite') ?? map.get('scheme_redirect');
  if (host === undefined && (scheme !== undefined || port !== 0)) {
    report.refuse(
      'redirect',
      value ?? map,
      'redirect',
      'scheme or port change without https_redirect alone: name the host with host_redirect',
    );
    return undefined;
  }
  const origin = host === undefined ? '' : `${scheme ?? 'https'}://${host}${port === 0 ? '' : `:${port}`}`;
  const target = locationOf(origin, newPath, prefix, path, strips);
  if (target === undefined) {
    context.loses('route_left_out', value ?? path.value, 'this redirect has no counterpart; the route is left out');
    return undefined;
  }
  const rule: DraftMap = { url: target, permanent };
  if (scheme === undefined && host !== undefined)
    report.changed(value ?? path.value, 'host_redirect', 'the location says https, whatever the client came with');
  return { ...unreached(), middlewares: [middlewares.add('redirect', rule, 'redirect')] };
}

/** A path keeps the query, as in Envoy. */
function locationOf(
  origin: string,
  path: string | undefined,
  prefix: string | undefined,
  rule: PathRule,
  strips: boolean,
): string | undefined {
  const query = strips ? '' : '{request.query}';
  if (path !== undefined)
    return origin === '' ? (strips ? undefined : path) : `${origin}${path}${path.includes('?') ? '' : query}`;
  // The rest of the path behind the prefix cannot be said.
  if (prefix !== undefined && rule.kind !== 'exact') return undefined;
  if (prefix !== undefined) return origin === '' ? prefix : `${origin}${prefix}${query}`;
  return origin === '' ? undefined : `${origin}{request.path}${query}`;
}

/** A route answers somehow; the middleware in front of it does so before. */
function unreached(): DraftMap {
  return { response: { statusCode: 404 } };
}
