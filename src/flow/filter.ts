// Step 4: what the route does with a request beside passing it on. A route without filters costs a comparison.
import type { Permitted } from './authorize.ts';
import { type Filtered, Filtering, type FilteringOwner, passed } from './filtering.ts';
import type { RequestContext } from './request-context.ts';

/**
 * Undefined where a filter has answered, or waits: `owner` is told when the wait is over. Faults: those that filters refuse
 * with; internal for one that fails.
 */
export function filter(context: Permitted, owner: FilteringOwner): Filtered | undefined {
  if (context.route.filters.length === 0) return passed(context);
  const filtering = new Filtering(context, owner);
  const changing: RequestContext = context;
  changing.changes = filtering;
  return filtering.run();
}
