// A real Caddy beside the gateway with Caddy's own configuration, imported from its Caddyfile: the same clients, names and paths, the same
// verdicts.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { importCommand } from '../../src/cli/import.ts';
import { runHere } from '../support/cli.ts';
import { findFreePort } from '../support/free-port.ts';
import { startGateway } from '../support/gateway.ts';
import { openPki } from '../support/pki.ts';
import { castClients, differences, startNamedBackend, startPeer } from '../support/side-by-side.ts';

function caddyfile(port: number, shop: number, settle: number): string {
  return `
{
	admin off
	auto_https off
}
a.test:${port} {
	bind 127.0.0.1
	tls edge.crt edge.key {
		client_auth {
			mode require_and_verify
			trusted_ca_cert_file clients-ca.crt
		}
	}
	handle_path /v1/* {
		reverse_proxy 127.0.0.1:${shop} {
			header_up X-Client-Subject {tls_client_subject}
		}
	}
	handle /settlement* {
		reverse_proxy 127.0.0.1:${settle}
	}
	respond /healthz "healthy" 200
	@writes {
		method POST
		path /orders
	}
	handle @writes {
		reverse_proxy 127.0.0.1:${settle}
	}
	reverse_proxy 127.0.0.1:${shop} {
		header_up X-Client-Subject {tls_client_subject}
	}
}
b.test:${port}, *.wild.test:${port} {
	bind 127.0.0.1
	tls edge.crt edge.key {
		client_auth {
			mode verify_if_given
			trusted_ca_cert_file clients-ca.crt
		}
	}
	respond /hidden/* 404
	redir /old /new permanent
	basicauth /inner/* {
		bob $2a$10$wcDuqBLxEgdIkvDEpWd3beSBqJZyuLYP7OYjjlyaZWtgxwz7Zo2Ni
	}
	@strangers not remote_ip 127.0.0.0/8
	respond @strangers 403
	reverse_proxy 127.0.0.1:${shop} {
		header_up X-Client-Subject {tls_client_subject}
	}
}
`;
}

it('Caddy and the imported configuration give every client the same verdict', async () => {
  using pki = await openPki();
  await using shop = await startNamedBackend('shop');
  await using settle = await startNamedBackend('settle');
  const clients = await castClients(pki);
  const port = await findFreePort();
  const folder = pki.dir.path;
  const file = pki.dir.write('Caddyfile', caddyfile(port, shop.port, settle.port));
  const { stdout: yaml, stderr: report, code } = await runHere(importCommand, ['caddy', file]);
  assert.equal(code, 0, report);
  const home = { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
  const args = ['run', '--config', file, '--adapter', 'caddyfile'];
  await using caddy = await startPeer('caddy', args, port, folder, home);
  await using gateway = await startGateway({ yaml, dir: pki.dir });
  const ports = { theirs: caddy.port, ours: gateway.ports.webSecure };

  const paths = (servername: string, some: readonly string[], host?: string) =>
    some.map((path) => ({ servername, path, ...(host !== undefined && { host }) }));
  const { lines, verdicts } = await differences(ports, clients, [
    ...paths('a.test', ['/', '/x?y=1', '/v1/orders', '/settlement', '/settlement/1', '/healthz', '/orders']),
    { servername: 'a.test', path: '/orders', method: 'POST' },
    ...paths('b.test', ['/', '/hidden/x', '/hidden', '/old', '/inner/x', '/inner', '/innermost']),
    ...paths('x.wild.test', ['/', '/hidden/x']),
    ...paths('b.test', ['/'], 'a.test'),
    ...paths('a.test', ['/'], 'b.test'),
  ]);
  assert.deepEqual(lines, []);
  const count = (start: string): number => [...verdicts.values()].filter((verdict) => verdict.startsWith(start)).length;
  assert.ok(count('served') > 40 && count('refused') > 60, `${count('served')} served, ${count('refused')} refused`);
});
