// `countersign echo`: a backend to try a configuration with. It answers each request with what it was sent and, over mutual TLS, with
// whom it takes the gateway for. For trying things only: it has no limits of its own.
import { existsSync, readFileSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { Command, InvalidArgumentError } from 'commander';
import { createServer } from '../base/node-http.ts';
import { UsageError } from '../base/usage-error.ts';
import { explainListenError } from '../process/ports.ts';

type Options = { readonly port: readonly number[]; readonly tls?: string };

export function echoCommand(): Command {
  return new Command('echo')
    .requiredOption('--port <number...>', 'ports to listen on', collectPorts)
    .option('--tls <dir>', 'mutual TLS with the files of `pki init` in this folder: server.crt, server.key, ca.crt')
    .action(async (options: Options) => {
      try {
        await runEcho(options);
      } catch (error) {
        process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
        process.exitCode = 1;
      }
    });
}

function collectPorts(text: string, before: readonly number[] | undefined): number[] {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new InvalidArgumentError('It is not a port.');
  return [...(before ?? []), port];
}

/** Resolves when all of them listen; serves until the process ends. */
async function runEcho({ port: ports, tls }: Options): Promise<void> {
  const material = tls === undefined ? undefined : readMaterial(tls);
  for (const port of ports) {
    const chosen = await listen(material === undefined ? createServer() : createSecureServer(material), port);
    process.stdout.write(`listening ${material === undefined ? 'http' : 'https'}://localhost:${chosen}\n`);
  }
}

function readMaterial(dir: string): { cert: Buffer; key: Buffer; ca: Buffer; requestCert: true } {
  const read = (name: string): Buffer => {
    const file = join(dir, name);
    if (!existsSync(file)) throw new UsageError(`there is no ${file}: make one with \`countersign pki init ${dir}\``);
    return readFileSync(file);
  };
  return { cert: read('server.crt'), key: read('server.key'), ca: read('ca.crt'), requestCert: true };
}

async function listen(server: Server, port: number): Promise<number> {
  const host = '127.0.0.1';
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(new UsageError(explainListenError(error, host, port))),
    );
    server.listen({ host, port }, () => {
      const address = server.address();
      const chosen = address !== null && typeof address === 'object' ? address.port : port;
      server.on('request', (request, response) => answer(chosen, request, response));
      resolve(chosen);
    });
  });
}

function answer(port: number, request: IncomingMessage, response: ServerResponse): void {
  const subject = (request.socket as Partial<TLSSocket>).getPeerCertificate?.().subject;
  const lines = [`backend: ${port}`, `request: ${request.method} ${request.url}`];
  if (subject !== undefined)
    lines.push(
      `client certificate: ${Object.entries(subject)
        .map(([type, value]) => `${type}=${String(value)}`)
        .join(',')}`,
    );
  for (const [name, value] of Object.entries(request.headers)) lines.push(`${name}: ${String(value)}`);
  request.resume();
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.end(`${lines.join('\n')}\n`);
}
