// The filters of a route from the text of a configuration, for the flow without a gateway (filter-setup.ts).
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { parseConfig } from '../../src/config/parse-config.ts';
import type { RouteConfig } from '../../src/config/gateway-config.ts';
import { compileFilters } from '../../src/filters/compile-filters.ts';
import { headerValues } from '../support/backend.ts';
import { filterDependencies, type FilterSetupOptions, openFilterSetup } from './filter-setup.ts';
import { RawClient } from './http1-harness.ts';

/**
 * `middlewares`: items of the list in JSON or YAML, each a line; the route has all of them in this order. `route`: further keys of it.
 * Throws where the configuration has an error.
 */
export function configuredRoute(middlewares: readonly string[], route = ''): RouteConfig {
  const names = middlewares.map((text) => /name: ?([\w-]+)/.exec(text)?.[1]);
  const text = `gateway:
  routes:
    - {name: filtered, path: /, target: "http://127.0.0.1:1", middlewares: [${names.join(', ')}]${route === '' ? '' : `, ${route}`}}
middlewares:${middlewares.map((one) => `\n  - ${one}`).join('')}
`;
  const { config, problems } = parseConfig({ file: '/gw/goma.yml', text, extra: [], env: {}, strict: true });
  assert.ok(config, problems.map(({ message }) => message).join('\n'));
  const [read] = config.routes;
  assert.ok(read);
  return read;
}

/** The flow with these filters, to be asked one request after the other, each on a connection of its own. */
export async function openFiltered(t: TestContext, middlewares: readonly string[], more: FilteredOptions = {}) {
  const { route, ...options } = more;
  const config = configuredRoute(middlewares, route);
  const filters = compileFilters(config, [], filterDependencies());
  const setup = await openFilterSetup(t, { filters, methods: config.methods, ...options });
  /** The whole answer. `lines`: further header lines, each with its CRLF. */
  const ask = async (target = '/', lines = '', method = 'GET', body = ''): Promise<string> => {
    const client = await RawClient.open(setup.port);
    t.after(() => client.socket.destroy());
    client.send(`${method} ${target} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n${lines}\r\n${body}`);
    return client.all();
  };
  /** Values of a field, and the target, of the last request that the backend got. */
  const sent = (name: string): string[] => {
    const last = setup.backend.requests.items.at(-1);
    return last === undefined ? [] : headerValues(last, name);
  };
  const target = (): string | undefined => setup.backend.requests.items.at(-1)?.url;
  return { ...setup, ask, sent, target };
}

export type FilteredOptions = Omit<FilterSetupOptions, 'filters'> & {
  /** Further keys of the route: `cors: {…}`. */
  readonly route?: string;
};
