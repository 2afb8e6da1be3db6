// A real nginx beside the gateway with nginx's own configuration, imported: the same clients, names and paths, the same verdicts.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { importCommand } from '../../src/cli/import.ts';
import { runHere } from '../support/cli.ts';
import { findFreePort } from '../support/free-port.ts';
import { startGateway } from '../support/gateway.ts';
import { openPki } from '../support/pki.ts';
import { castClients, differences, startNamedBackend, startPeer } from '../support/side-by-side.ts';

/** `port`: where nginx listens. */
function nginxConf(port: number, shop: number, settle: number): string {
  return `
daemon off;
master_process off;
pid nginx.pid;
error_log stderr notice;
events { worker_connections 512; }
http {
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  map $ssl_client_s_dn $settles {
    default 0;
    "CN=billing.acme.example,O=Acme" 1;
    "~^CN=deep" 1;
  }
  upstream shop { server 127.0.0.1:${shop}; }
  server {
    listen 127.0.0.1:${port} ssl default_server;
    server_name _;
    ssl_certificate edge.crt; ssl_certificate_key edge.key;
    location / { return 404; }
    location = /healthz { return 200 "healthy"; }
  }
  server {
    listen 127.0.0.1:${port} ssl;
    server_name a.test;
    ssl_certificate edge.crt; ssl_certificate_key edge.key;
    ssl_client_certificate clients-ca.crt;
    ssl_verify_client on;
    ssl_crl revoked.crl;
    location / {
      proxy_set_header X-Client-Subject $ssl_client_s_dn;
      proxy_pass http://shop;
    }
    location /v1/ { proxy_pass http://shop/api/; }
    location /settlement {
      if ($settles = 0) { return 403; }
      proxy_pass http://127.0.0.1:${settle};
    }
    location = /exact { proxy_pass http://127.0.0.1:${settle}/other; }
    location ~ /\\.git { deny all; }
    location ~ ^/users/[0-9]+$ { proxy_pass http://127.0.0.1:${settle}; }
  }
  server {
    listen 127.0.0.1:${port} ssl;
    server_name b.test *.wild.test;
    ssl_certificate edge.crt; ssl_certificate_key edge.key;
    ssl_client_certificate clients-ca.crt;
    ssl_verify_client optional;
    ssl_verify_depth 2;
    location / { proxy_set_header X-Client-Subject $ssl_client_s_dn; proxy_pass http://shop; }
    location /private/ {
      if ($ssl_client_verify != SUCCESS) { return 403; }
      proxy_set_header X-Client-Subject $ssl_client_s_dn;
      proxy_pass http://shop;
    }
    location /read { limit_except GET { deny all; } proxy_pass http://shop; }
    location /nobody { allow 192.0.2.0/24; deny all; proxy_pass http://shop; }
  }
}
`;
}

it('nginx and the imported configuration give every client the same verdict', async () => {
  using pki = await openPki();
  await using shop = await startNamedBackend('shop');
  await using settle = await startNamedBackend('settle');
  const clients = await castClients(pki);
  const port = await findFreePort();
  const file = pki.dir.write('nginx.conf', nginxConf(port, shop.port, settle.port));
  const { stdout: yaml, stderr: report, code } = await runHere(importCommand, ['nginx', file]);
  assert.equal(code, 0, report);
  const folder = pki.dir.path;
  await using nginx = await startPeer('nginx', ['-p', folder, '-e', 'error.log', '-c', file], port, folder);
  await using gateway = await startGateway({ yaml, dir: pki.dir });
  const ports = { theirs: nginx.port, ours: gateway.ports.webSecure };

  const paths = (servername: string | false, some: readonly string[], host?: string) =>
    some.map((path) => ({ servername, path, ...(host !== undefined && { host }) }));
  const { lines, verdicts } = await differences(ports, clients, [
    ...paths('a.test', ['/', '/x?y=1', '/v1/orders', '/v1', '/settlement', '/settlement/1', '/exact', '/exact/below']),
    ...paths('a.test', ['/.git/config', '/x/.gitignore', '/users/17', '/users/17/x', '/users/me']),
    ...paths('b.test', ['/', '/private/x', '/private', '/read', '/nobody']),
    { servername: 'b.test', path: '/read', method: 'DELETE' },
    ...paths('deep.er.wild.test', ['/', '/private/x']),
    ...paths('c.test', ['/', '/healthz']),
    ...paths(false, ['/', '/healthz']),
    // The name of the handshake is another server's.
    ...paths('c.test', ['/', '/private/x'], 'a.test'),
    ...paths('a.test', ['/'], 'b.test'),
  ]);
  assert.deepEqual(lines, []);
  const count = (start: string): number => [...verdicts.values()].filter((verdict) => verdict.startsWith(start)).length;
  assert.ok(count('served') > 60 && count('refused') > 100, `${count('served')} served, ${count('refused')} refused`);
});
