// Route tables of Envoy as they are imported, against a model of how Envoy looks a request up: the virtual host of the most specific domain,
// in it the first route that matches. What Envoy refuses is never served here, and what it serves goes to the same cluster or is refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RouteConfig } from '../../src/config/gateway-config.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import { importEnvoy } from '../../src/envoy/import-envoy.ts';
import { Draft } from '../../src/import/draft.ts';
import { ImportReport } from '../../src/import/report.ts';
import { writeYaml } from '../../src/import/write-yaml.ts';
import { type RouteMatch, RouteTable } from '../../src/routing/route-table.ts';

type Route = {
  readonly kind: 'prefix' | 'path' | 'path_separated_prefix';
  readonly path: string;
  readonly method: string | undefined;
  readonly beta: 'is' | 'is not' | undefined;
  /** A cluster by its number; 0: 403. */
  readonly to: number;
};
type VirtualHost = { readonly domains: readonly string[]; readonly routes: readonly Route[] };
type Request = {
  readonly host: string;
  readonly path: string;
  readonly method: string;
  readonly beta: string | undefined;
};

const route: fc.Arbitrary<Route> = fc
  .record({
    kind: fc.constantFrom('prefix', 'prefix', 'path', 'path_separated_prefix'),
    path: fc.constantFrom('/', '/', '/a', '/a/', '/a/b', '/a/b/', '/b', '/ab'),
    method: fc.constantFrom(undefined, undefined, undefined, 'POST'),
    beta: fc.constantFrom(undefined, undefined, undefined, 'is', 'is not'),
    to: fc.constantFrom(0, 1, 2, 3),
  })
  .map((one) => ({ ...one, path: one.kind === 'prefix' || one.path === '/' ? one.path : one.path.replace(/\/$/, '') }));
const domainSets = [
  [['*']],
  [['a.test'], ['*']],
  [['a.test', 'b.test'], ['*.test'], ['*']],
  [['*.a.test'], ['a.test', '*']],
  [['a.test']],
];
const hosts = ['a.test', 'b.test', 'x.a.test', 'c.test', 'elsewhere.example'];
const table: fc.Arbitrary<VirtualHost[]> = fc
  .tuple(
    fc.constantFrom(...domainSets),
    fc.array(fc.array(route, { minLength: 1, maxLength: 5 }), { minLength: 3, maxLength: 3 }),
  )
  .map(([sets, lists]) => sets.map((domains, i) => ({ domains, routes: lists[i] ?? [] })));

const requests: Request[] = hosts.flatMap((host) =>
  ['/', '/a', '/a/', '/a/b', '/a/b/', '/a/b/c', '/a/x', '/ab', '/abx', '/b', '/b/c', '/c'].flatMap((path) =>
    ['GET', 'POST'].flatMap((method) => [undefined, 'yes', 'no'].map((beta) => ({ host, path, method, beta }))),
  ),
);

function hostOf(tables: readonly VirtualHost[], host: string): VirtualHost | undefined {
  const rank = (domain: string): number => {
    if (domain === host) return 1000;
    if (domain === '*') return 1;
    return domain.startsWith('*.') && host.endsWith(domain.slice(1)) ? domain.length : 0;
  };
  const ranked = tables
    .map((one) => ({ one, best: Math.max(...one.domains.map(rank)) }))
    .filter(({ best }) => best > 0);
  return ranked.toSorted((a, b) => b.best - a.best)[0]?.one;
}

function takes({ kind, path, method, beta }: Route, request: Request): boolean {
  if (method !== undefined && method !== request.method) return false;
  if (beta === 'is' && request.beta !== 'yes') return false;
  // Envoy: an absent field satisfies no inverted comparison.
  if (beta === 'is not' && (request.beta === undefined || request.beta === 'yes')) return false;
  if (kind === 'path') return request.path === path;
  if (kind === 'prefix') return request.path.startsWith(path);
  return path === '/' || request.path === path || request.path.startsWith(`${path}/`);
}

function envoyYaml(hostsOfTable: readonly VirtualHost[]): string {
  const manager =
    'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
  const headersOf = ({ method, beta }: Route) => [
    ...(method === undefined ? [] : [{ name: ':method', string_match: { exact: method } }]),
    ...(beta === undefined
      ? []
      : [{ name: 'x-beta', string_match: { exact: 'yes' }, invert_match: beta === 'is not' }]),
  ];
  const virtualHosts = hostsOfTable.map(({ domains, routes }, i) => ({
    name: `host${i}`,
    domains,
    routes: routes.map((one) => ({
      match: { [one.kind]: one.path, headers: headersOf(one) },
      ...(one.to === 0 ? { direct_response: { status: 403 } } : { route: { cluster: `c${one.to}` } }),
    })),
  }));
  const cluster = (n: number) => ({
    name: `c${n}`,
    load_assignment: {
      cluster_name: `c${n}`,
      endpoints: [
        { lb_endpoints: [{ endpoint: { address: { socket_address: { address: `10.0.0.${n}`, port_value: 80 } } } }] },
      ],
    },
  });
  const typed = { '@type': manager, http_filters: [], route_config: { virtual_hosts: virtualHosts } };
  return JSON.stringify({
    static_resources: {
      listeners: [
        {
          address: { socket_address: { address: '0.0.0.0', port_value: 80 } },
          filter_chains: [{ filters: [{ name: 'http', typed_config: typed }] }],
        },
      ],
      clusters: [cluster(1), cluster(2), cluster(3)],
    },
  });
}

/** Undefined where the import says that something would be open. */
async function importTable(tables: readonly VirtualHost[]) {
  const draft = new Draft();
  const report = new ImportReport(new Set(), draft);
  await importEnvoy([{ file: 'envoy.json', text: envoyYaml(tables) }], {
    report,
    draft,
    readText: async () => undefined,
  });
  const refused = report.entries.filter(({ outcome }) => outcome === 'refused');
  assert.deepEqual(refused, []);
  if (report.failed) return undefined;
  const text = writeYaml(draft);
  const { config, problems } = parseConfig({ file: 'gateway.yml', text, extra: [], env: {}, strict: true });
  assert.ok(config, `${text}\n${problems.map(({ message }) => message).join('\n')}`);
  return { text, table: new RouteTable(config.routes.map((one) => ({ config: one }))) };
}

test('imported routes take what Envoy’s take, in its order', async () => {
  let [same, refused, lost] = [0, 0, 0];
  await fc.assert(
    fc.asyncProperty(table, async (tables) => {
      const imported = await importTable(tables);
      if (imported === undefined) {
        lost++;
        return;
      }
      for (const request of requests) {
        const chosen = hostOf(tables, request.host)?.routes.find((one) => takes(one, request));
        const match: RouteMatch<{ readonly config: RouteConfig }> = imported.table.match(
          request.method,
          request.host,
          request.path,
          {
            header: (name) => (name === 'x-beta' ? request.beta : undefined),
            parameter: () => undefined,
            policy: '',
            entryPoint: 'web',
          },
        );
        const config: RouteConfig | undefined = match.kind === 'route' ? match.route.config : undefined;
        const ours: string | undefined = config?.backends[0]?.host;
        const theirs = chosen === undefined || chosen.to === 0 ? undefined : `10.0.0.${chosen.to}`;
        const shown: string = `${JSON.stringify(request)}: ${theirs ?? 'refused'} there, ${ours ?? 'refused'} here\n${imported.text}`;
        if (ours === theirs) same++;
        else if (ours === undefined) refused++;
        else if (chosen === undefined) {
          // `prefix: /a/` takes /a as well, where nothing else does.
          const routes = hostOf(tables, request.host)?.routes ?? [];
          assert.ok(
            routes.some(({ kind, path }) => kind === 'prefix' && path === `${request.path}/`),
            shown,
          );
        } else {
          // A prefix ends on a segment here. What it guards is an error of the import.
          const isSegment =
            request.path === chosen.path || request.path.startsWith(`${chosen.path.replace(/\/$/, '')}/`);
          assert.ok(chosen.to !== 0 && chosen.kind === 'prefix' && !isSegment, shown);
        }
      }
    }),
    { numRuns: 150 },
  );
  assert.ok(
    same > 20 * refused && same > 5_000,
    `${same} the same, ${refused} refused here alone, ${lost} imports refused`,
  );
});
