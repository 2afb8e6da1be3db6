// The filters of a route from its configuration, in the order in which they run. One that cannot be made refuses the
// generation: a route is never served without a filter that it names.
import type { RouteConfig } from '../config/gateway-config.ts';
import type { Filter } from './filter.ts';
import { MaintenanceFilter } from './maintenance.ts';

const none: readonly Filter[] = [];

/** Throws where a filter cannot be made. */
export function compileFilters({ maintenance }: RouteConfig): readonly Filter[] {
  return maintenance === undefined ? none : [new MaintenanceFilter(maintenance)];
}
