// A real Envoy beside the gateway with Envoy's own configuration, imported: the same clients, names and paths, the same verdicts.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { importCommand } from '../../src/cli/import.ts';
import { runHere } from '../support/cli.ts';
import { findFreePort } from '../support/free-port.ts';
import { startGateway } from '../support/gateway.ts';
import { openPki } from '../support/pki.ts';
import { castClients, differences, startNamedBackend, startPeer } from '../support/side-by-side.ts';

const type = (name: string): string => `type.googleapis.com/envoy.${name}`;

/** What a connection manager looks like, with its routes as YAML in one line each. */
function manager(virtualHosts: string, filters = ''): string {
  return `
              - name: envoy.filters.network.http_connection_manager
                typed_config:
                  "@type": ${type('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager')}
                  stat_prefix: edge
                  http_filters:
                    ${filters}
                    - {name: envoy.filters.http.router, typed_config: {"@type": "${type('extensions.filters.http.router.v3.Router')}"}}
                  route_config:
                    name: edge
                    request_headers_to_add:
                      - {header: {key: x-client-subject, value: "%DOWNSTREAM_PEER_SUBJECT%"}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}
                    virtual_hosts: [${virtualHosts}]`;
}

function tls(rest: string, required?: boolean): string {
  return `
              name: envoy.transport_sockets.tls
              typed_config:
                "@type": ${type('extensions.transport_sockets.tls.v3.DownstreamTlsContext')}
                ${required === undefined ? '' : `require_client_certificate: ${required}`}
                common_tls_context:
                  tls_certificates: [{certificate_chain: {filename: edge.crt}, private_key: {filename: edge.key}}]
                  ${rest}`;
}

const route = (match: string, cluster: string, more = ''): string =>
  `{match: {${match}}, route: {cluster: ${cluster}${more}}}`;

function envoyYaml(port: number, shop: number, settle: number): string {
  const rbac = `- name: envoy.filters.http.rbac
                      typed_config:
                        "@type": ${type('extensions.filters.http.rbac.v3.RBAC')}
                        rules:
                          action: ALLOW
                          policies:
                            everybody: {permissions: [{url_path: {path: {prefix: /open}}}], principals: [{any: true}]}
                            alice:
                              permissions: [{url_path: {path: {prefix: /orders}}}]
                              principals: [{authenticated: {principal_name: {exact: "spiffe://example.org/alice"}}}]
                            anybody: {permissions: [{url_path: {path: {prefix: /read/}}}], principals: [{authenticated: {}}]}`;
  const tenant = `{name: tenant, domains: ["*"], routes: [${[
    route('path: /exact', 'settle'),
    route('prefix: /v1/', 'settle', ', prefix_rewrite: /api/'),
    route('safe_regex: {regex: "/users/[0-9]+"}', 'settle'),
    route('prefix: /, headers: [{name: x-channel, string_match: {exact: beta}}]', 'settle'),
    '{match: {path: /gone}, direct_response: {status: 410, body: {inline_string: gone}}}',
    '{match: {path: /old}, redirect: {host_redirect: new.test, path_redirect: /start, response_code: FOUND}}',
    route('prefix: /', 'shop'),
  ].join(', ')}]}`;
  const guarded = `{name: guarded, domains: ["*"], routes: [${route('prefix: /', 'shop')}]}`;
  const open = `{name: narrow, domains: [c.test], routes: [${route('path: /only', 'shop')}]}, {name: rest, domains: ["*"], routes: [${route('prefix: /', 'settle')}]}`;
  const cluster = (name: string, to: number): string =>
    `{name: ${name}, type: STATIC, load_assignment: {cluster_name: ${name}, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${to}}}}}]}]}}`;
  const chain = (names: string, filters: string, socket: string): string => `
          - ${names === '' ? '' : `filter_chain_match: {server_names: [${names}]}\n            `}transport_socket: ${socket}
            filters: ${filters}`;
  return `
static_resources:
  clusters:
    - ${cluster('shop', shop)}
    - ${cluster('settle', settle)}
  listeners:
    - name: edge
      address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}
      listener_filters: [{name: tls_inspector, typed_config: {"@type": "${type('extensions.filters.listener.tls_inspector.v3.TlsInspector')}"}}]
      filter_chains:${chain('a.test', manager(tenant), tls('validation_context: {trusted_ca: {filename: clients-ca.crt}, crl: {filename: revoked.crl}}', true))}${chain(
        'b.test',
        manager(guarded, rbac),
        tls('validation_context: {trusted_ca: {filename: clients-ca.crt}, max_verify_depth: 2}', false),
      )}${chain(
        '"*.wild.test"',
        manager(guarded),
        tls(
          'validation_context: {trusted_ca: {filename: clients-ca.crt}, match_typed_subject_alt_names: [{san_type: URI, matcher: {prefix: "spiffe://example.org/"}}]}',
          false,
        ),
      )}${chain('', manager(open), tls(''))}
`;
}

it('Envoy and the imported configuration give every client the same verdict', async () => {
  using pki = await openPki();
  await using shop = await startNamedBackend('shop');
  await using settle = await startNamedBackend('settle');
  const clients = await castClients(pki);
  const port = await findFreePort();
  const file = pki.dir.write('envoy.yaml', envoyYaml(port, shop.port, settle.port));
  const { stdout: yaml, stderr: report, code } = await runHere(importCommand, ['envoy', file]);
  assert.equal(code, 0, report);
  const args = ['-c', file, '--use-dynamic-base-id', '--concurrency', '1', '-l', 'warn', '--disable-hot-restart'];
  await using envoy = await startPeer('envoy', args, port, pki.dir.path);
  await using gateway = await startGateway({ yaml, dir: pki.dir });
  const ports = { theirs: envoy.port, ours: gateway.ports.webSecure };

  const paths = (servername: string | false, some: readonly string[], host?: string) =>
    some.map((path) => ({ servername, path, ...(host !== undefined && { host }) }));
  const { lines, verdicts } = await differences(ports, clients, [
    ...paths('a.test', [
      '/',
      '/x?y=1',
      '/exact',
      '/exact/below',
      '/v1/orders',
      '/v1',
      '/users/17',
      '/users/me',
      '/gone',
      '/old',
    ]),
    ...paths('b.test', ['/', '/open', '/open/x', '/orders', '/orders/1', '/read/x', '/read']),
    { servername: 'b.test', path: '/orders', method: 'DELETE' },
    ...paths('deep.er.wild.test', ['/', '/x']),
    // No chain for it: the one without names.
    ...paths('c.test', ['/', '/only', '/only/x']),
    ...paths('d.test', ['/', '/x']),
    ...paths(false, ['/']),
  ]);
  // `authenticated: {}` is every connection over TLS there, whatever its name says.
  assert.deepEqual(lines, ['nobody: GET /read/x as b.test (SNI b.test): served shop /read/x [] there, refused here']);
  const count = (start: string): number => [...verdicts.values()].filter((verdict) => verdict.startsWith(start)).length;
  assert.ok(count('served') > 60 && count('refused') > 60, `${count('served')} served, ${count('refused')} refused`);

  // What the default chain serves to everybody is not for who came in under a tenant's name, and the other way round.
  const crossed = await differences(ports, clients, [
    ...paths('c.test', ['/'], 'a.test'),
    ...paths('a.test', ['/'], 'c.test'),
  ]);
  for (const [asked, verdict] of crossed.verdicts) assert.ok(!verdict.startsWith('served'), `${asked}: ${verdict}`);
});
