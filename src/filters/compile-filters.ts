// The filters of a route from its configuration, in the order in which they run. One that cannot be made refuses the
// generation: a route is never served without a filter that it names.
import type { FilterConfig } from '../config/filter-types.ts';
import type { RouteConfig } from '../config/gateway-config.ts';
import { AccessFilter } from './access.ts';
import { BasicAuthFilter } from './basic-auth.ts';
import type { FilterDependencies } from './dependencies.ts';
import type { Filter } from './filter.ts';
import { MaintenanceFilter } from './maintenance.ts';
import { type FilterMaterial, noMaterial } from './material.ts';
import { PathScope } from './path-scope.ts';
import { scoped } from './scoped.ts';

const none: readonly Filter[] = [];

/** `material`: of each filter of the route, in their order. Throws where a filter cannot be made. */
export function compileFilters(
  { maintenance, filters }: RouteConfig,
  material: readonly FilterMaterial[],
  dependencies: FilterDependencies,
): readonly Filter[] {
  if (maintenance === undefined && filters.length === 0) return none;
  const first = maintenance === undefined ? none : [new MaintenanceFilter(maintenance)];
  return [...first, ...filters.map((filter, at) => compile(filter, material[at] ?? noMaterial, dependencies))];
}

function compile(config: FilterConfig, material: FilterMaterial, dependencies: FilterDependencies): Filter {
  const filter = make(config, material, dependencies);
  return config.paths === undefined ? filter : scoped(filter, new PathScope(config.paths, config.guards));
}

function make(config: FilterConfig, material: FilterMaterial, dependencies: FilterDependencies): Filter {
  switch (config.kind) {
    case 'basicAuth':
      return share(config.name, dependencies, () => new BasicAuthFilter(config, material, dependencies));
    default:
      return new AccessFilter(config);
  }
}

/** One filter for all routes that use the middleware: what it remembers of clients then counts on each of them. */
function share(name: string, { shared }: FilterDependencies, make: () => Filter): Filter {
  let filter = shared.get(name);
  if (filter === undefined) shared.set(name, (filter = make()));
  return filter;
}
