// `npm start`: a whole demonstration on loopback. A throwaway CA, a backend that insists on mutual TLS, the gateway in
// front of it with its console, and lines to paste: one that passes, one that is refused, why it is, and what a revocation does.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { shellQuote } from '../base/shell.ts';
import { encodePem } from '../asn1/der-writer.ts';
import { type Issued, mintCa } from '../certs/test-ca.ts';
import { reservePort } from '../process/ports.ts';
import { runGateway } from './run.ts';

export function demoCommand(): Command {
  const command = new Command('demo').option('--any-port', 'listen on free ports, also where 8443 and 9901 are free');
  return command.action(async ({ anyPort = false }: { readonly anyPort?: boolean }) => {
    buildConsole();
    const dir = mkdtempSync(join(tmpdir(), 'countersign-demo-'));
    const removeDir = () => rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
    const { server, caPem } = await mintPki(dir);
    const backend = await startBackend(server, caPem);
    const config = join(dir, 'countersign.yml');
    const ports = anyPort ? { secure: 0, admin: 0 } : { secure: await findPort(8443), admin: await findPort(9901) };
    writeFileSync(config, demoConfig(ports, (backend.address() as AddressInfo).port));
    await runGateway(config, {
      strict: true,
      hangUp: 'stop',
      onListening: (listening) => {
        const portOf = (name: string): number =>
          Number(
            listening
              .find(({ entryPoint }) => entryPoint === name)
              ?.address.split(':')
              .at(-1),
          );
        process.stdout.write(instructions(dir, { secure: portOf('webSecure'), admin: portOf('admin') }));
      },
      onStopped: () => {
        backend.close();
        backend.closeAllConnections();
        removeDir();
      },
    });
  });
}

/** In a checkout, where its sources changed since. Where it cannot be built, the page says so, and all else works. */
function buildConsole(): void {
  const build = fileURLToPath(new URL('../../console/build.ts', import.meta.url));
  if (existsSync(build)) spawnSync(process.execPath, [build], { stdio: ['ignore', 'ignore', 'inherit'] });
}

async function mintPki(dir: string): Promise<{ server: Issued; caPem: string }> {
  const ca = await mintCa({ cn: 'Countersign demonstration CA' });
  const server = await ca.issue({ kind: 'server', cn: 'localhost', sans: ['localhost', '127.0.0.1'] });
  const alice = await ca.issue({ kind: 'client', cn: 'alice', sans: ['spiffe://demo.test/alice'] });
  const gateway = await ca.issue({ kind: 'client', cn: 'gateway', sans: ['spiffe://demo.test/gateway'] });
  const write = (name: string, text: string) => writeFileSync(join(dir, name), text, { mode: 0o600 });
  write('ca.crt', ca.certPem);
  write('ca.key', ca.keyPem);
  write('ca.crl', encodePem('X509 CRL', ca.issueCrl()));
  for (const [name, pair] of [
    ['server', server],
    ['alice', alice],
    ['gateway', gateway],
  ] as const) {
    write(`${name}.crt`, pair.certPem);
    write(`${name}.key`, pair.keyPem);
  }
  return { server, caPem: ca.certPem };
}

/** A backend that refuses whoever has no certificate of the CA, and tells callers what it was told about them. */
async function startBackend(pair: Issued, caPem: string): Promise<Server> {
  const backend = createServer({
    cert: pair.certPem,
    key: pair.keyPem,
    ca: caPem,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
  });
  backend.on('request', (request, response) => {
    const gateway = (request.socket as TLSSocket).getPeerCertificate().subject?.CN ?? 'nobody';
    const body = {
      message: 'Hello from the backend. Both sides are mutual TLS.',
      path: request.url,
      calledBy: gateway,
      onBehalfOf: request.headers['x-forwarded-client-cert'] ?? 'nobody',
    };
    response.setHeader('content-type', 'application/json');
    response.end(`${JSON.stringify(body, null, 2)}\n`);
  });
  return new Promise((resolve) => backend.listen(0, '127.0.0.1', () => resolve(backend)));
}

/** The usual port where it is free, else any. */
async function findPort(wanted: number): Promise<number> {
  return reservePort({ host: '127.0.0.1', port: wanted }).catch(() => 0);
}

type Ports = { readonly secure: number; readonly admin: number };

function demoConfig(ports: Ports, backendPort: number): string {
  return `version: 2
gateway:
  workers: 2
  log: {format: text}
  entryPoints:
    web: {enabled: false}
    webSecure: {address: "127.0.0.1:${ports.secure}"}
    admin: {address: "127.0.0.1:${ports.admin}"}
  store: {url: "sqlite:countersign.db"}
  certificates:
    - {id: localhost, cert: server.crt, key: server.key}
    - {id: gateway, cert: gateway.crt, key: gateway.key}
    - {id: alice, cert: alice.crt, key: alice.key} # only so that the console can send test requests as her
  caBundles:
    - {id: demonstration, ca: ca.crt}
  services:
    - name: hello
      address: localhost:${backendPort}
      tls: {mode: mtls, certificateId: gateway, caBundle: demonstration}
  tls:
    certificateIds: [localhost]
    clientAuth:
      caBundles: [demonstration]
      required: true
      onFailure: explain
      crl: {sources: [ca.crl]}
  routes:
    - {name: hello, path: /, hosts: [localhost], service: hello}
`;
}

function instructions(dir: string, ports: Ports): string {
  const url = `https://localhost:${ports.secure}/hello`;
  const curl = `curl --cacert ${dir}/ca.crt`;
  // Works from any folder; npm start was typed in this one or another.
  const bin = shellQuote(fileURLToPath(new URL('../../bin/countersign', import.meta.url)));
  return `
Countersign is running: mutual TLS to the gateway, mutual TLS to the backend.
The configuration is ${dir}/countersign.yml

With alice's certificate the request passes:
  ${curl} --cert ${dir}/alice.crt --key ${dir}/alice.key ${url}

Without one it is refused, and the log below says why:
  ${curl} ${url}

The same, step by step, with cause and remedy:
  ${bin} explain handshake localhost:${ports.secure} --ca ${dir}/ca.crt

Revoke alice's certificate and try the first line again; her open connections end within a second:
  ${bin} pki crl --ca ${dir} --revoke ${dir}/alice.crt

The console is at http://localhost:${ports.admin}. The link that makes its administrator follows below, once it is there.
Its test requests pass with alice's certificate, and are refused without one, as above.

Ctrl-C stops everything and removes the files.
`;
}
