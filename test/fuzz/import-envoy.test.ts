// Configurations of Envoy with a field too many, a misspelt one, or another value: an importer that reads over it would open what Envoy
// keeps closed. Every line of a source is told of, or something around it is.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { importEnvoy } from '../../src/envoy/import-envoy.ts';
import { Draft } from '../../src/import/draft.ts';
import { ImportReport, type ReportEntry } from '../../src/import/report.ts';

type Value = string | number | boolean | Value[] | { [key: string]: Value };
type Block = { [key: string]: Value };

const type = (name: string): string => `type.googleapis.com/envoy.${name}`;

function goodConfiguration(): Block {
  const pair = { certificate_chain: { filename: 'a.crt' }, private_key: { filename: 'a.key' } };
  const validation = {
    trusted_ca: { filename: 'ca.crt' },
    crl: { filename: 'a.crl' },
    only_verify_leaf_cert_crl: true,
    max_verify_depth: 2,
    match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { exact: 'a.example.com', ignore_case: false } }],
    verify_certificate_spki: ['NvqYIYSbgK2vCJpQhObf77vv+bQWtc5ek5RIOwPiC9A='],
  };
  const allowed = {
    permissions: [
      {
        and_rules: {
          rules: [
            { url_path: { path: { prefix: '/orders' } } },
            { header: { name: ':method', string_match: { exact: 'GET' } } },
          ],
        },
      },
    ],
    principals: [{ authenticated: { principal_name: { exact: 'spiffe://example.org/a' } } }],
  };
  const rbac = {
    name: 'envoy.filters.http.rbac',
    typed_config: {
      '@type': type('extensions.filters.http.rbac.v3.RBAC'),
      rules: { action: 'ALLOW', policies: { a: allowed } },
    },
  };
  const jwt = {
    name: 'jwt',
    typed_config: {
      '@type': type('extensions.filters.http.jwt_authn.v3.JwtAuthentication'),
      providers: {
        login: {
          issuer: 'https://login.example.com',
          audiences: ['api'],
          local_jwks: { filename: 'keys.json' },
          claim_to_headers: [{ header_name: 'x-user', claim_name: 'sub' }],
        },
      },
      rules: [{ match: { prefix: '/' }, requires: { provider_name: 'login' } }],
    },
  };
  const router = { name: 'router', typed_config: { '@type': type('extensions.filters.http.router.v3.Router') } };
  const manager = {
    '@type': type('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: 'in',
    codec_type: 'AUTO',
    forward_client_cert_details: 'SANITIZE_SET',
    set_current_client_cert_details: { subject: true, uri: true },
    http_filters: [rbac, jwt, router],
    route_config: {
      name: 'r',
      virtual_hosts: [
        {
          name: 'api',
          domains: ['api.example.com'],
          request_headers_to_add: [
            {
              header: { key: 'x-client', value: '%DOWNSTREAM_PEER_URI_SAN%' },
              append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
            },
          ],
          routes: [
            { match: { path: '/health' }, direct_response: { status: 200, body: { inline_string: 'fine' } } },
            {
              match: {
                prefix: '/',
                headers: [{ name: 'x-a', string_match: { exact: 'b' }, invert_match: true }],
                query_parameters: [{ name: 'q', string_match: { exact: '1' } }],
              },
              route: { cluster: 'api', timeout: '3s', prefix_rewrite: '/v1' },
            },
            { match: { prefix: '/old/' }, redirect: { https_redirect: true } },
            {
              match: { path_separated_prefix: '/v', grpc: {} },
              route: {
                weighted_clusters: {
                  clusters: [
                    { name: 'api', weight: 3 },
                    { name: 'api', weight: 1 },
                  ],
                },
                retry_policy: { retry_on: 'connect-failure', num_retries: 2 },
                hash_policy: [{ header: { header_name: 'x-key' } }],
                upgrade_configs: [{ upgrade_type: 'websocket' }],
              },
            },
          ],
        },
      ],
    },
  };
  const downstream = {
    '@type': type('extensions.transport_sockets.tls.v3.DownstreamTlsContext'),
    require_client_certificate: true,
    common_tls_context: {
      tls_certificates: [pair],
      tls_params: { tls_minimum_protocol_version: 'TLSv1_3', ecdh_curves: ['X25519'] },
      validation_context: validation,
      alpn_protocols: ['h2', 'http/1.1'],
    },
  };
  const upstream = {
    '@type': type('extensions.transport_sockets.tls.v3.UpstreamTlsContext'),
    sni: 'api.internal',
    common_tls_context: { tls_certificates: [pair], validation_context: { trusted_ca: { filename: 'b.crt' } } },
  };
  const chain = {
    filter_chain_match: { server_names: ['api.example.com'] },
    filters: [{ name: 'http', typed_config: manager }],
    transport_socket: { name: 'tls', typed_config: downstream },
  };
  const address = (host: string, port: number): Block => ({ socket_address: { address: host, port_value: port } });
  return {
    static_resources: {
      listeners: [{ name: 'edge', address: address('0.0.0.0', 8443), filter_chains: [chain] }],
      clusters: [
        {
          name: 'api',
          connect_timeout: '1s',
          type: 'STRICT_DNS',
          lb_policy: 'RING_HASH',
          health_checks: [
            {
              timeout: '1s',
              interval: '9s',
              unhealthy_threshold: 2,
              healthy_threshold: 1,
              http_health_check: { path: '/up', expected_statuses: [{ start: 200, end: 201 }] },
            },
          ],
          load_assignment: {
            cluster_name: 'api',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: address('api.internal', 8443) } }] }],
          },
          transport_socket: { name: 'tls', typed_config: upstream },
        },
      ],
    },
  };
}

type Result = {
  readonly failed: boolean;
  readonly entries: readonly ReportEntry[];
  readonly text: string;
  readonly made: string;
};

/** JSON with a key a line. */
async function run(config: Value): Promise<Result> {
  const text = JSON.stringify(config, null, 1);
  const draft = new Draft();
  const report = new ImportReport(new Set(), draft);
  await importEnvoy([{ file: 'envoy.json', text }], { report, draft, readText: async () => undefined });
  return { failed: report.failed, entries: report.entries, text, made: JSON.stringify(draft.root) };
}

/** Something is said of the line, or of a key around it. */
function isTold({ entries, text }: Result, line: number): boolean {
  const told = new Set(entries.map(({ place }) => place.line));
  const lines = text.split('\n');
  let indent = Infinity;
  for (let at = line; at > 0; at--) {
    const depth = (lines[at - 1] ?? '').search(/\S/);
    if (depth >= indent) continue;
    indent = depth;
    if (told.has(at)) return true;
  }
  return false;
}

/** Every map below, with the path to it. */
function mapsIn(value: Value, path: string[] = []): { map: Block; path: string[] }[] {
  if (typeof value !== 'object') return [];
  if (Array.isArray(value)) return value.flatMap((item, i) => mapsIn(item, [...path, String(i)]));
  return [{ map: value, path }, ...Object.entries(value).flatMap(([key, below]) => mapsIn(below, [...path, key]))];
}

function lineOf(text: string, sign: string): number {
  return text.slice(0, text.indexOf(sign)).split('\n').length;
}

test('the configuration that is changed here is good', async () => {
  const { failed, entries } = await run(goodConfiguration());
  assert.deepEqual(
    entries.filter(({ outcome }) => outcome === 'lost' || outcome === 'refused'),
    [],
  );
  assert.equal(failed, false);
});

test('a field that nobody knows is an error in every map, or is told with what was left out', async () => {
  const count = mapsIn(goodConfiguration()).length;
  for (let i = 0; i < count; i++) {
    const config = goodConfiguration();
    const found = mapsIn(config)[i];
    if (found === undefined) continue;
    found.map['only_if_nobody_looks'] = true;
    const result = await run(config);
    const isLeft = result.entries.some(
      ({ outcome, what, place }) =>
        outcome === 'left' &&
        (what.includes('only_if_nobody_looks') || place.line === lineOf(result.text, 'only_if_nobody_looks')),
    );
    assert.ok(result.failed || isLeft, `ignored in ${found.path.join('.')}`);
  }
});

test('a misspelt field is an error, or is told with what was left out', async () => {
  const places = mapsIn(goodConfiguration()).flatMap(({ map, path }, i) =>
    // Names that people give are no fields.
    path.at(-1) === 'policies' || path.at(-1) === 'providers' ? [] : Object.keys(map).map((key) => [i, key] as const),
  );
  for (const [i, key] of places) {
    const config = goodConfiguration();
    const map = mapsIn(config)[i]?.map;
    if (map === undefined || map[key] === undefined) continue;
    map[`${key}x`] = map[key];
    delete map[key];
    const result = await run(config);
    assert.ok(result.failed || isTold(result, lineOf(result.text, `"${key}x"`)), `${key}x is ignored`);
  }
});

test('of every line of a source something is said', async () => {
  const result = await run(goodConfiguration());
  const untold = result.text
    .split('\n')
    .map((line, i) => ({ line: line.trim(), at: i + 1 }))
    .filter(({ line, at }) => /^"[^"@]+": [^[{]/.test(line) && !isTold(result, at));
  assert.deepEqual(
    untold.map(({ line }) => line),
    [],
  );
});

test('another value is another result, an error, or the same for a reason', async () => {
  const other = fc.oneof(
    fc.constantFrom('', ' ', 'true', 'none', '*', '/', '-1', '${HOME}', '\n# x', null),
    fc.string({ maxLength: 12 }),
    fc.integer(),
    fc.boolean(),
  );
  const paths = mapsIn(goodConfiguration()).length;
  await fc.assert(
    fc.asyncProperty(fc.nat(paths - 1), fc.nat(20), other, async (i, k, value) => {
      const config = goodConfiguration();
      const map = mapsIn(config)[i]?.map ?? {};
      const keys = Object.keys(map);
      const key = keys[k % Math.max(1, keys.length)];
      if (key === undefined) return;
      map[key] = value as Value;
      const result = await run(config);
      // A key without a value, where trust is decided, is not the key left out.
      assert.ok(result.failed || result.made !== '', 'nothing is made and nothing is said');
    }),
    { numRuns: 300 },
  );
});
