// Why a path was refused as ambiguous, in one sentence: for the access log and `explain route`.
import type { RouteConfig } from '../config/gateway-config.ts';
import type { AmbiguousPath } from './route-table.ts';

export const noNormalForm = 'two servers could read it differently: it has no one normal form';
export const slashesHideRoute =
  'another route is selected once its empty segments are kept, as mergeSlashes: false wants';

const maxReading = 200;

/** Names the routes and the reading (at most 200 characters of it): for operators, never for clients. */
export function describeConfusion({ route, reading, other }: AmbiguousPath<{ readonly config: RouteConfig }>): string {
  if (reading === undefined)
    return 'it hides dot segments, NUL, or more encodings and separators than honest paths have';
  const target = other === undefined ? 'no route' : `route ${other.config.name}`;
  return `it selects route ${route.config.name}, but read as ${JSON.stringify(reading.slice(0, maxReading))} ${target}`;
}
