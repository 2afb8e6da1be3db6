// The filters of a route from its configuration, in the order in which they run. One that cannot be made refuses the
// generation: a route is never served without a filter that it names.
import type { FilterConfig } from '../config/filter-types.ts';
import type { RouteConfig } from '../config/gateway-config.ts';
import { AccessFilter } from './access.ts';
import type { Filter } from './filter.ts';
import { MaintenanceFilter } from './maintenance.ts';
import { PathScope } from './path-scope.ts';
import { RequestHeadersFilter } from './request-headers.ts';
import { ResponseHeadersFilter } from './response-headers.ts';
import { scoped } from './scoped.ts';

const none: readonly Filter[] = [];

/** Throws where a filter cannot be made. */
export function compileFilters({ maintenance, filters }: RouteConfig): readonly Filter[] {
  if (maintenance === undefined && filters.length === 0) return none;
  const first = maintenance === undefined ? none : [new MaintenanceFilter(maintenance)];
  return [...first, ...inOrder(filters).map(compile)];
}

/**
 * Of several `responseHeaders` the last in Goma's order counts, which is by the length of their first path. Answers meet the
 * filters in the reverse order, so among themselves they stand the other way round.
 */
function inOrder(filters: readonly FilterConfig[]): readonly FilterConfig[] {
  const headers = filters.filter(({ kind }) => kind === 'responseHeaders');
  if (headers.length < 2) return filters;
  const lastFirst = headers.toSorted((a, b) => firstPathLength(a) - firstPathLength(b)).toReversed();
  return filters.map((filter) => (filter.kind === 'responseHeaders' ? (lastFirst.shift() ?? filter) : filter));
}

function firstPathLength({ paths }: FilterConfig): number {
  const [first] = paths ?? [];
  if (first === undefined) return 0;
  return first.kind === 'regex' ? first.pattern.length : first.path.length;
}

function compile(config: FilterConfig): Filter {
  const filter = make(config);
  return config.paths === undefined ? filter : scoped(filter, new PathScope(config.paths, config.guards));
}

type Kind = FilterConfig['kind'];

const makers: { readonly [K in Kind]: (config: Extract<FilterConfig, { readonly kind: K }>) => Filter } = {
  access: (config) => new AccessFilter(config),
  requestHeaders: (config) => new RequestHeadersFilter(config),
  responseHeaders: (config) => new ResponseHeadersFilter(config),
};

function make(config: FilterConfig): Filter {
  // Each maker takes the configuration of its own kind, which the compiler cannot follow through the look-up.
  return makers[config.kind](config as never);
}
