// Which of its spellings of a path a route sends on: the one with merged slashes that was matched, or the one with the empty
// segments that the client wrote (`mergeSlashes: false`), which has to stand the same test.
import type { RouteConfig } from '../config/gateway-config.ts';
import type { RequestFacts } from './conditions.ts';
import type { NormalPath } from './normalize-target.ts';
import type { RouteTable } from './route-table.ts';

/** The path for the backend, before `rewrite`; undefined where the spelling to send would belong to another route than `route`. */
export function pathToSend<R extends { readonly config: RouteConfig }>(
  table: RouteTable<R>,
  method: string,
  host: string,
  normal: NormalPath,
  route: R,
  facts?: RequestFacts,
): string | undefined {
  if (normal.unmerged === '' || route.config.mergeSlashes) return normal.path;
  const match = table.match(method, host, normal.unmerged, facts);
  return match.kind === 'route' && match.route === route ? normal.unmerged : undefined;
}
