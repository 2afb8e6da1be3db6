// Every type of middleware that this version has. A new one: a file with its declaration, a line here, its filter in
// filters/, a line in filters/compile-filters.ts.
import { accessFilter } from './access-filter.ts';
import { basicAuthFilter } from './basic-auth-filter.ts';
import { accessLog } from './access-log-filter.ts';
import { accessPolicy } from './access-policy.ts';
import { errorInterceptor, response } from './answer-filters.ts';
import { compress } from './compress-filter.ts';
import { corsFilter } from './cors.ts';
import type { FilterCommon, FilterType } from './filter-type.ts';
import { forwardAuthFilter } from './forward-auth-filter.ts';
import { jwtAuthFilter } from './jwt-auth-filter.ts';
import { bodyLimit, userAgentBlock } from './limit-filters.ts';
import { rateLimit } from './rate-limit.ts';
import { redirect, redirectRegex, redirectScheme } from './redirect-filters.ts';
import { requestHeadersFilter } from './request-headers-filter.ts';
import { responseHeadersFilter } from './response-headers-filter.ts';
import { addPrefix, rewriteRegex, stripPrefix, stripQuery } from './target-filters.ts';

export const filterTypes = [
  accessFilter,
  accessPolicy,
  basicAuthFilter,
  forwardAuthFilter,
  jwtAuthFilter,
  rateLimit,
  requestHeadersFilter,
  responseHeadersFilter,
  corsFilter,
  redirectScheme,
  redirect,
  redirectRegex,
  addPrefix,
  stripPrefix,
  rewriteRegex,
  stripQuery,
  bodyLimit,
  userAgentBlock,
  response,
  errorInterceptor,
  compress,
  accessLog,
] as const;

type ConfigOf<T> = T extends FilterType<infer Kind, infer Rule> ? FilterCommon & Rule & { readonly kind: Kind } : never;

/** A filter of a route, read. Plain data. */
export type FilterConfig = ConfigOf<(typeof filterTypes)[number]>;

const byName: ReadonlyMap<string, FilterType> = new Map(
  filterTypes.flatMap((type) => type.names.map((name): [string, FilterType] => [name, type])),
);

/** The type that is called so; undefined where there is none. */
export function findFilterType(name: string): FilterType | undefined {
  return byName.get(name);
}

/** The first name of each. */
export function filterTypeNames(): string[] {
  return filterTypes.map(({ names: [name] }) => name);
}
