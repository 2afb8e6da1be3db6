// The filters of a route from its configuration, in the order in which they run. One that cannot be made refuses the
// generation: a route is never served without a filter that it names.
import type { FilterConfig } from '../config/filter-types.ts';
import type { RouteConfig } from '../config/gateway-config.ts';
import { AccessFilter } from './access.ts';
import type { Filter } from './filter.ts';
import { MaintenanceFilter } from './maintenance.ts';
import { PathScope } from './path-scope.ts';
import { scoped } from './scoped.ts';

const none: readonly Filter[] = [];

/** Throws where a filter cannot be made. */
export function compileFilters({ maintenance, filters }: RouteConfig): readonly Filter[] {
  if (maintenance === undefined && filters.length === 0) return none;
  const first = maintenance === undefined ? none : [new MaintenanceFilter(maintenance)];
  return [...first, ...filters.map(compile)];
}

function compile(config: FilterConfig): Filter {
  const filter = make(config);
  return config.paths === undefined ? filter : scoped(filter, new PathScope(config.paths, config.guards));
}

function make(config: FilterConfig): Filter {
  return new AccessFilter(config);
}
