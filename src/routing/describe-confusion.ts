// Why a path was refused as ambiguous, in one sentence: for the access log and `explain route`.
import type { RouteConfig } from '../config/gateway-config.ts';
import type { AmbiguousPath, RouteMatch } from './route-table.ts';

export const noNormalForm = 'two servers could read it differently: it has no one normal form';
export const slashesHideRoute =
  'another route is selected once its empty segments are kept, as mergeSlashes: false wants';

/** Of a path with `%2F`, where the route that was met does not let it pass. */
export function describeEncodedSlash(match: RouteMatch<{ readonly config: RouteConfig }>): string {
  if (match.kind === 'ambiguous_path') return describeConfusion(match);
  const what = 'it holds %2F, which is a slash to some servers';
  if (match.kind !== 'route') return `${what}, and no route lets it pass`;
  return `${what}: route ${match.route.config.name} lets it pass with allowEncodedSlash: true`;
}

/** Of a rewrite whose parameters make no honest segment. */
export function describeBadRewrite({ config }: { readonly config: RouteConfig }): string {
  return `what the path gives to the rewrite ${config.rewrite ?? ''} of route ${config.name} makes an empty segment or one that climbs`;
}

const maxReading = 200;

/** Names the routes and the reading (at most 200 characters of it): for operators, never for clients. */
export function describeConfusion({ route, reading, other }: AmbiguousPath<{ readonly config: RouteConfig }>): string {
  if (reading === undefined)
    return 'it hides dot segments, NUL, or more encodings and separators than honest paths have';
  const target = other === undefined ? 'no route' : `route ${other.config.name}`;
  return `it selects route ${route.config.name}, but read as ${JSON.stringify(reading.slice(0, maxReading))} ${target}`;
}
