// The filters of a route from its configuration, in the order in which they run. One that cannot be made refuses the
// generation: a route is never served without a filter that it names.
import type { FilterConfig } from '../config/filter-types.ts';
import type { RouteConfig } from '../config/gateway-config.ts';
import { AccessFilter } from './access.ts';
import { BasicAuthFilter } from './basic-auth.ts';
import { AccessLogFilter } from './access-log.ts';
import { AccessPolicyFilter } from './access-policy.ts';
import { ErrorInterceptorFilter } from './answers.ts';
import { CompressFilter } from './compress.ts';
import { CorsFilter } from './cors.ts';
import type { FilterDependencies } from './dependencies.ts';
import type { Filter } from './filter.ts';
import { ForwardAuthFilter } from './forward-auth.ts';
import { JwtAuthFilter } from './jwt-auth.ts';
import { inOrder } from './filter-order.ts';
import { FixedResponseFilter } from './fixed-response.ts';
import { BodyLimitFilter, UserAgentBlockFilter } from './limits.ts';
import { MaintenanceFilter } from './maintenance.ts';
import { type FilterMaterial, noMaterial } from './material.ts';
import { PathScope } from './path-scope.ts';
import { RedirectFilter, RedirectRegexFilter, RedirectSchemeFilter } from './redirects.ts';
import { RequestHeadersFilter } from './request-headers.ts';
import { ResponseHeadersFilter } from './response-headers.ts';
import { RateLimitFilter } from './rate-limit.ts';
import { scoped } from './scoped.ts';
import { AddPrefixFilter, RewriteRegexFilter, StripPrefixFilter, StripQueryFilter } from './targets.ts';

const none: readonly Filter[] = [];

/** `material`: of each filter of the route, in their order. Throws where a filter cannot be made. */
export function compileFilters(
  { name, maintenance, methods, filters, response, sticky }: RouteConfig,
  material: readonly FilterMaterial[],
  dependencies: FilterDependencies,
): readonly Filter[] {
  if (maintenance === undefined && filters.length === 0 && response === undefined) return none;
  const first = maintenance === undefined ? none : [new MaintenanceFilter(maintenance)];
  const made = filters.map((filter, at) =>
    compile(filter, {
      route: name,
      methods,
      sticky: sticky?.cookie,
      material: material[at] ?? noMaterial,
      ...dependencies,
    }),
  );
  return [
    ...corsOf(filters, made, methods),
    ...first,
    ...inOrder(filters, made),
    // Last: whoever is turned away by another one does not get it.
    ...(response === undefined ? none : [new FixedResponseFilter('response', response)]),
  ];
}

/** In front of all others: browsers send preflights without what other filters ask for, and pages read refusals too. */
function corsOf(configs: readonly FilterConfig[], made: readonly Filter[], methods: readonly string[]): Filter[] {
  return configs.flatMap((config, at) => {
    if (config.kind === 'cors') return made[at] ?? [];
    if (config.kind !== 'responseHeaders' || config.cors === undefined) return [];
    return [within(config, new CorsFilter(config.name, config.cors, methods))];
  });
}

/** What makes a filter besides its own configuration. */
export type FilterInput = FilterDependencies & {
  /** Name of its route. */
  readonly route: string;
  /** Of its route; empty: all. */
  readonly methods: readonly string[];
  /** Name of the cookie by which the route finds a client's backend. */
  readonly sticky: string | undefined;
  readonly material: FilterMaterial;
};

function compile(config: FilterConfig, input: FilterInput): Filter {
  return within(config, make(config, input));
}

function within({ paths, guards }: FilterConfig, filter: Filter): Filter {
  return paths === undefined ? filter : scoped(filter, new PathScope(paths, guards));
}

type Maker<C> = (config: C, input: FilterInput) => Filter;
type Makers = { readonly [C in FilterConfig as C['kind']]: Maker<C> };

const makers: Makers = {
  access: (config) => new AccessFilter(config),
  accessPolicy: (config) => new AccessPolicyFilter(config),
  basicAuth: (config, input) => share(config, input, () => new BasicAuthFilter(config, input.material, input)),
  forwardAuth: (config, input) =>
    share(config, input, () => new ForwardAuthFilter(config, input.openService(config.service, input.material), input)),
  jwtAuth: (config, input) => share(config, input, () => new JwtAuthFilter(config, input.material, input)),
  rateLimit: (config, { route, rates }) => new RateLimitFilter(config, route, rates),
  requestHeaders: (config) => new RequestHeadersFilter(config),
  responseHeaders: (config) => new ResponseHeadersFilter(config),
  cors: (config, { methods }) => new CorsFilter(config.name, config, methods),
  redirectScheme: (config) => new RedirectSchemeFilter(config),
  redirect: (config) => new RedirectFilter(config),
  redirectRegex: (config) => new RedirectRegexFilter(config),
  addPrefix: (config) => new AddPrefixFilter(config),
  stripPrefix: (config) => new StripPrefixFilter(config),
  rewriteRegex: (config) => new RewriteRegexFilter(config),
  stripQuery: (config) => new StripQueryFilter(config),
  bodyLimit: (config) => new BodyLimitFilter(config),
  userAgentBlock: (config) => new UserAgentBlockFilter(config),
  response: (config) => new FixedResponseFilter(config.name, config),
  accessLog: (config) => new AccessLogFilter(config),
  compress: (config, { encoders, sticky }) => new CompressFilter(config, encoders, sticky),
  errorInterceptor: (config, { material }) => new ErrorInterceptorFilter(config, material),
};

function make(config: FilterConfig, input: FilterInput): Filter {
  // Each kind has the maker for its own configuration, which TypeScript cannot follow through a union.
  const maker = makers[config.kind] as Maker<FilterConfig>;
  return maker(config, input);
}

/** One filter for all routes that use the middleware: what it remembers of clients then counts on each of them. */
function share({ name }: FilterConfig, { shared }: FilterInput, create: () => Filter): Filter {
  let filter = shared.get(name);
  if (filter === undefined) shared.set(name, (filter = create()));
  return filter;
}
