// What a route asks of a request beside path and host, read: how much it is, and how messages name it.
import type { FieldCondition, RouteMatchConfig } from './gateway-config.ts';

export const matchesAll: RouteMatchConfig = {
  path: 'prefix',
  methods: [],
  headers: [],
  query: [],
  policies: [],
  entryPoints: [],
};

/** Among routes for the same paths and hosts the one that asks for more goes first. */
export function countConditions({ methods, headers, query, policies, entryPoints }: RouteMatchConfig): number {
  const alone = [methods, policies, entryPoints].filter((one) => one.length > 0).length;
  return alone + headers.length + query.length;
}

/** How messages name the conditions of a route. */
export function describeConditions({
  path,
  methods,
  headers,
  query,
  policies,
  entryPoints,
}: RouteMatchConfig): readonly string[] {
  const fields = (what: string, all: readonly FieldCondition[]): string[] =>
    all.map(({ name, value, regex, invert }) => {
      const is =
        value === undefined
          ? regex === undefined
            ? 'is there'
            : `matches ${JSON.stringify(regex)}`
          : `is ${JSON.stringify(value)}`;
      return `${invert ? 'not: ' : ''}${what} ${name} ${is}`;
    });
  return [
    ...(path === 'prefix' ? [] : [`path ${path}`]),
    ...(methods.length === 0 ? [] : [`method ${methods.join(', ')}`]),
    ...fields('header', headers),
    ...fields('query', query),
    ...(policies.length === 0 ? [] : [`policy ${policies.join(', ')}`]),
    ...(entryPoints.length === 0 ? [] : [`entry point ${entryPoints.join(', ')}`]),
  ];
}
