// In which order the filters of a route run where it is not that of its list.
import type { FilterConfig } from '../config/filter-types.ts';
import type { Filter } from './filter.ts';

/**
 * Without those that stand in front of all (`cors`). Of several `responseHeaders` the last in Goma's order counts, which is by the
 * length of their first path; answers meet the filters in the reverse order, so among themselves they stand the other way round.
 */
export function inOrder(configs: readonly FilterConfig[], made: readonly Filter[]): readonly Filter[] {
  const headers = [...configs.keys()].filter((at) => configs[at]?.kind === 'responseHeaders');
  const lengths = configs.map(firstPathLength);
  const lastFirst = headers.toSorted((a, b) => (lengths[a] ?? 0) - (lengths[b] ?? 0)).toReversed();
  return made.flatMap((filter, at) => {
    if (configs[at]?.kind === 'cors') return [];
    return configs[at]?.kind === 'responseHeaders' ? (made[lastFirst.shift() ?? at] ?? []) : filter;
  });
}

function firstPathLength({ paths }: FilterConfig): number {
  const [first] = paths ?? [];
  if (first === undefined) return 0;
  return first.kind === 'regex' ? first.pattern.length : first.path.length;
}
