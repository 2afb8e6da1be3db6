// RBAC of Envoy as it is imported, against a model of it: whom no policy allows is refused here as well, whoever and wherever he is.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RouteConfig } from '../../src/config/gateway-config.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import { importEnvoy } from '../../src/envoy/import-envoy.ts';
import { Draft, type DraftMap } from '../../src/import/draft.ts';
import { ImportReport } from '../../src/import/report.ts';
import { writeYaml } from '../../src/import/write-yaml.ts';
import { type RouteMatch, RouteTable } from '../../src/routing/route-table.ts';

type Permission = {
  readonly kind: 'any' | 'prefix' | 'exact';
  readonly path: string;
  readonly method: string | undefined;
};
type Policy = { readonly permissions: readonly Permission[]; readonly principals: readonly string[] };
type Case = {
  readonly policies: readonly Policy[];
  readonly routes: readonly { readonly kind: 'prefix' | 'path'; readonly path: string }[];
};

const permission: fc.Arbitrary<Permission> = fc
  .record({
    kind: fc.constantFrom('any', 'prefix', 'prefix', 'exact'),
    path: fc.constantFrom('/', '/a', '/a/', '/a/b', '/ab', '/b'),
    method: fc.constantFrom(undefined, undefined, 'POST'),
  })
  .map((one) => ({ ...one, path: one.kind === 'exact' && one.path !== '/' ? one.path.replace(/\/$/, '') : one.path }));
const policy: fc.Arbitrary<Policy> = fc.record({
  permissions: fc.array(permission, { minLength: 1, maxLength: 2 }),
  principals: fc.array(fc.constantFrom('any', 'authenticated', 'x.test', 'y.test', 'x.test'), {
    minLength: 1,
    maxLength: 2,
  }),
});
const cases: fc.Arbitrary<Case> = fc.record({
  policies: fc.array(policy, { minLength: 1, maxLength: 3 }),
  routes: fc.constantFrom<Case['routes'][]>(
    [{ kind: 'prefix', path: '/' }],
    [
      { kind: 'prefix', path: '/a' },
      { kind: 'prefix', path: '/' },
    ],
    [
      { kind: 'path', path: '/a/b' },
      { kind: 'prefix', path: '/a/' },
      { kind: 'prefix', path: '/b' },
    ],
  ),
});

function allows(
  { permissions, principals }: Policy,
  path: string,
  method: string,
  client: string | undefined,
): boolean {
  const isAsked = permissions.some((one) => {
    if (one.method !== undefined && one.method !== method) return false;
    return one.kind === 'any' || (one.kind === 'exact' ? path === one.path : path.startsWith(one.path));
  });
  // `authenticated: {}` is every connection over TLS there, and a certificate here: the stricter is asked for.
  return (
    isAsked &&
    principals.some((who) => who === 'any' || (client !== undefined && (who === 'authenticated' || who === client)))
  );
}

function envoyYaml({ policies, routes }: Case): string {
  const type = (name: string): string => `type.googleapis.com/envoy.extensions.${name}`;
  const permissionOf = ({ kind, path, method }: Permission) => {
    const byPath = kind === 'any' ? { any: true } : { url_path: { path: { [kind]: path } } };
    return method === undefined
      ? byPath
      : { and_rules: { rules: [byPath, { header: { name: ':method', string_match: { exact: method } } }] } };
  };
  const principalOf = (who: string) => {
    if (who === 'any') return { any: true };
    return { authenticated: who === 'authenticated' ? {} : { principal_name: { exact: who } } };
  };
  const named = Object.fromEntries(
    policies.map((one, i) => [
      `p${i}`,
      { permissions: one.permissions.map(permissionOf), principals: one.principals.map(principalOf) },
    ]),
  );
  const rbac = {
    name: 'rbac',
    typed_config: { '@type': type('filters.http.rbac.v3.RBAC'), rules: { action: 'ALLOW', policies: named } },
  };
  const manager = {
    '@type': type('filters.network.http_connection_manager.v3.HttpConnectionManager'),
    http_filters: [rbac],
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: routes.map(({ kind, path }) => ({ match: { [kind]: path }, route: { cluster: 'c' } })),
        },
      ],
    },
  };
  const tls = {
    '@type': type('transport_sockets.tls.v3.DownstreamTlsContext'),
    common_tls_context: {
      tls_certificates: [{ certificate_chain: { filename: 'a.crt' }, private_key: { filename: 'a.key' } }],
      validation_context: { trusted_ca: { filename: 'ca.crt' } },
    },
  };
  const address = { socket_address: { address: '10.0.0.1', port_value: 80 } };
  return JSON.stringify({
    static_resources: {
      listeners: [
        {
          address,
          filter_chains: [
            {
              filters: [{ name: 'http', typed_config: manager }],
              transport_socket: { name: 'tls', typed_config: tls },
            },
          ],
        },
      ],
      clusters: [
        {
          name: 'c',
          load_assignment: { cluster_name: 'c', endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
        },
      ],
    },
  });
}

test('whom RBAC refuses is refused by the imported routes', async () => {
  let [served, stricter] = [0, 0];
  await fc.assert(
    fc.asyncProperty(cases, async (one) => {
      const draft = new Draft();
      const report = new ImportReport(new Set(), draft);
      await importEnvoy([{ file: 'envoy.json', text: envoyYaml(one) }], {
        report,
        draft,
        readText: async () => undefined,
      });
      const refused = report.entries.filter(({ outcome }) => outcome === 'refused');
      assert.deepEqual(refused, []);
      if (report.failed) return;
      const text = writeYaml(draft);
      const { config, problems } = parseConfig({ file: 'gateway.yml', text, extra: [], env: {}, strict: true });
      assert.ok(config, `${text}\n${problems.map(({ message }) => message).join('\n')}`);
      const table = new RouteTable(config.routes.map((route) => ({ config: route })));
      const gateway = draft.root['gateway'] as DraftMap;
      const written = new Map((gateway['routes'] as DraftMap[]).map((route) => [route['name'], route]));
      for (const path of ['/', '/a', '/a/', '/a/b', '/a/b/c', '/ab', '/b', '/c'])
        for (const method of ['GET', 'POST'])
          for (const client of [undefined, 'x.test', 'y.test', 'z.test']) {
            const facts = {
              header: () => undefined,
              parameter: () => undefined,
              policy: 'gateway',
              entryPoint: 'webSecure',
            };
            const match: RouteMatch<{ readonly config: RouteConfig }> = table.match(method, 'a.test', path, facts);
            const route = match.kind === 'route' ? written.get(match.route.config.name) : undefined;
            const isServed = route !== undefined && route['target'] !== undefined && isLetIn(route, client);
            const isRouted = one.routes.some((rule) =>
              rule.kind === 'path' ? path === rule.path : path.startsWith(rule.path),
            );
            const isAllowed = isRouted && one.policies.some((each) => allows(each, path, method, client));
            if (isServed) served++;
            else if (isAllowed) stricter++;
            // `prefix: /a/` takes /a as well, where no other route does.
            const isSlash = one.routes.some((rule) => rule.path === `${path}/`);
            const shown = `${method} ${path} of ${client ?? 'nobody'}\n${text}`;
            assert.ok(
              !isServed || isAllowed || (isSlash && one.policies.some((each) => allows(each, path, method, client))),
              shown,
            );
          }
    }),
    { numRuns: 200 },
  );
  assert.ok(served > 1_000 && served > stricter, `${served} served, ${stricter} refused here alone`);
});

function isLetIn(route: DraftMap, client: string | undefined): boolean {
  const rule = (route['security'] as DraftMap | undefined)?.['clientCert'] as DraftMap | undefined;
  if (rule === undefined) return true;
  const allow = rule['allow'] as DraftMap[] | undefined;
  return client !== undefined && (allow === undefined || allow.some((each) => each['exact'] === client));
}
