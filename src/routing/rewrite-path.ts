// What path a backend gets: Goma's `rewrite` (path.Join of the new prefix and what follows the route's literal path),
// then the backend's own base path. The query passes through untouched.
import type { RouteConfig } from '../config/gateway-config.ts';
import { isParam, patternSegments } from './normalize-target.ts';

/**
 * The path for the backend: `basePath` ('' or `/prefix`), then `path` (normalised, matched by `route`) under the route's
 * rewrite. Like Goma, a pattern with {parameters} has no literal prefix: the whole path is put behind `rewrite`. A trailing
 * slash is kept; slashes are merged where the two parts meet and nowhere else. `isPathChanged`: by a filter; where it does not
 * begin with the route's path any more, the whole of it is put behind `rewrite`.
 */
export function rewritePath(
  route: Pick<RouteConfig, 'path' | 'rewrite'>,
  path: string,
  basePath: string,
  isPathChanged = false,
): string {
  if (route.rewrite === undefined || route.rewrite === '') return basePath + path;
  const segments = patternSegments(route.path) ?? [];
  const isPrefix = !segments.some(isParam) && (!isPathChanged || beginsWith(path, segments));
  const rest = isPrefix ? skipSegments(path, segments.length) : path;
  const replacement = (patternSegments(route.rewrite) ?? []).map((segment) => `/${segment}`).join('');
  const tail = rest.replace(/^\/+/, '');
  if (tail !== '') return `${basePath}${replacement}/${tail}`;
  return rest === '' && replacement !== '' ? basePath + replacement : `${basePath}${replacement}/`;
}

/** What a filter has made of a path may be none of the route's any more. */
function beginsWith(path: string, segments: readonly string[]): boolean {
  const prefix = segments.map((segment) => `/${segment}`).join('');
  return path === prefix || path.startsWith(`${prefix}/`);
}

/** The path from the slash that ends its first `count` segments; '' where it has no more. */
function skipSegments(path: string, count: number): string {
  if (count === 0) return path;
  let at = 0;
  for (let i = 0; i < count && at >= 0; i++) at = path.indexOf('/', at + 1);
  return at < 0 ? '' : path.slice(at);
}
