import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { runHere } from '../../test/support/cli.ts';
import { openTempDir } from '../../test/support/temp.ts';
import { importCommand } from './import.ts';

const manager = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

function envoyYaml(filters: string): string {
  return `static_resources:
  listeners:
    - name: plain
      address: {socket_address: {address: 127.0.0.1, port_value: 8080}}
      filter_chains:
        - filters:
            - name: http
              typed_config:
                "@type": ${manager}
                http_filters: [${filters}]
                route_config: {virtual_hosts: [{name: all, domains: ["*"], routes: [{match: {prefix: /}, direct_response: {status: 200}}]}]}
`;
}

const lua = '{name: lua, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua}}';

describe('countersign import', () => {
  it('writes the result to standard output and the report to standard error', async () => {
    using dir = openTempDir('import');
    const file = dir.write('envoy.yaml', envoyYaml(''));
    const { stdout, stderr, code } = await runHere(importCommand, ['envoy', file]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^version: 2\ngateway:\n/);
    assert.match(stderr, /Imported: \d+ taken over, .*, 0 errors\.\n$/);
  });

  it('writes nothing and fails where something would be open', async () => {
    using dir = openTempDir('import');
    const file = dir.write('envoy.yaml', envoyYaml(lua));
    const { stdout, stderr, code } = await runHere(importCommand, ['envoy', file]);
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /envoy\.yaml:10:33: error: name: lua: .*\n.*\n.*\n {2}hint: .*--accept-losses custom_code/);
  });

  it('writes what was accepted as a comment, and only what was accepted', async () => {
    using dir = openTempDir('import');
    const file = dir.write('envoy.yaml', envoyYaml(lua));
    const accepted = await runHere(importCommand, ['envoy', '--accept-losses', 'custom_code,rate_limit', file]);
    assert.equal(accepted.code, 0, accepted.stderr);
    assert.match(accepted.stdout, /^ *# LOST \(custom_code, line 10\): name: lua/m);
    const other = await runHere(importCommand, ['envoy', '--accept-losses', 'rate_limit', file]);
    assert.equal(other.code, 1);
    assert.equal(other.stdout, '');
  });

  it('refuses a code that is none', async () => {
    const { stderr, code } = await runHere(importCommand, ['envoy', '--accept-losses', 'everything', 'envoy.yaml']);
    assert.equal(code, 1);
    assert.match(stderr, /^error: --accept-losses knows no everything; it knows unknown_field, /);
  });

  it('refuses a product that it does not know, and a file that is not there', async () => {
    const unknown = await runHere(importCommand, ['haproxy', 'haproxy.cfg']);
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /^error: import knows envoy, /);
    const missing = await runHere(importCommand, ['envoy', '/nowhere/envoy.yaml']);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /\/nowhere\/envoy\.yaml:1:1: error: .* there is no such file/);
  });

  it('writes the report as JSON into a file', async () => {
    using dir = openTempDir('import');
    const file = dir.write('envoy.yaml', envoyYaml(lua));
    const report = dir.file('report.json');
    const { stderr, code } = await runHere(importCommand, ['envoy', '--json', '--report', report, file]);
    assert.equal(code, 1);
    assert.equal(stderr, '');
    const { ok, counts, entries } = JSON.parse(readFileSync(report, 'utf8')) as {
      ok: boolean;
      counts: Record<string, number>;
      entries: Record<string, unknown>[];
    };
    assert.equal(ok, false);
    assert.equal(counts['lost'], 1);
    const lost = entries.find(({ outcome }) => outcome === 'lost');
    assert.deepEqual(
      [lost?.['code'], lost?.['line'], lost?.['col'], lost?.['accepted']],
      ['custom_code', 10, 33, false],
    );
  });

  it('shows no key that stands in the source', async () => {
    using dir = openTempDir('import');
    const key = `-----BEGIN PRIVATE KEY-----\\n${'c2VjcmV0'.repeat(12)}\\n-----END PRIVATE KEY-----`;
    const tls = `\n          transport_socket: {name: tls, typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext, common_tls_context: {tls_certificates: [{certificate_chain: {filename: a.crt}, private_key: {inline_string: "${key}"}}]}}}\n`;
    const file = dir.write('envoy.yaml', envoyYaml('').replace(/\n$/, tls));
    const { stdout, stderr } = await runHere(importCommand, ['envoy', file]);
    assert.doesNotMatch(stderr, /c2VjcmV0c2Vj/);
    assert.ok(!stdout.includes('c2VjcmV0') || stdout.includes('BEGIN PRIVATE KEY'));
  });
});
