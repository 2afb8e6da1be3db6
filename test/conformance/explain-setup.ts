// For tests of `explain handshake`: the diagnosis in this process against servers of their own kind, and what came of it.
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import tls, { type TlsOptions, type TLSSocket } from 'node:tls';
import { systemClock } from '../../src/base/clock.ts';
import { diagnoseHandshake, type HandshakeDiagnosis } from '../../src/diagnosis/diagnose-handshake.ts';
import { printDiagnosis } from '../../src/diagnosis/print-diagnosis.ts';
import type { Step, StepId } from '../../src/diagnosis/step.ts';
import { type HandshakeOptions, loadTarget, type Target } from '../../src/diagnosis/target.ts';
import { accepts, findFreePort } from '../support/free-port.ts';
import { startProcess } from '../support/owned-process.ts';
import { requireCommand } from '../support/peers.ts';
import { eventually } from '../support/wait-for.ts';

export type Climbed = {
  readonly target: Target;
  readonly diagnosis: HandshakeDiagnosis;
  readonly text: string;
  /** The step that broke; undefined where none did. */
  readonly failed: Step | undefined;
  /** `step code`, or 'ok'. */
  readonly outcome: string;
  readonly step: (id: StepId) => Step | undefined;
};

export async function explain(
  place: string | number,
  options: Partial<HandshakeOptions> = {},
  addresses?: readonly string[],
): Promise<Climbed> {
  const where = typeof place === 'number' ? `localhost:${place}` : place;
  const all = { path: '/', alpn: 'http/1.1', timeout: 10, ...options };
  const target = await loadTarget(where, all, Date.now());
  const resolve = addresses && (() => Promise.resolve({ addresses, failure: undefined }));
  const diagnosis = await diagnoseHandshake(target, systemClock, resolve);
  const failed = diagnosis.steps.find(({ status }) => status === 'failed');
  return {
    target,
    diagnosis,
    text: printDiagnosis(diagnosis, target),
    failed,
    outcome: failed === undefined ? 'ok' : `${failed.step} ${failed.failure?.code}`,
    step: (id) => diagnosis.steps.find(({ step }) => step === id),
  };
}

export type Served = { readonly port: number; [Symbol.asyncDispose](): Promise<void> };

/** A TLS server of Node's that answers the first bytes with 200, or does `act`. */
export async function serveTls(options: TlsOptions, act?: (socket: TLSSocket) => void): Promise<Served> {
  const server = tls.createServer(options, (socket) => {
    socket.on('error', () => undefined);
    if (act !== undefined) return act(socket);
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
  });
  server.on('tlsClientError', () => undefined);
  return listen(server);
}

/** A TCP server that does `act` with each connection. */
export async function serveTcp(act: (socket: net.Socket) => void): Promise<Served> {
  return listen(net.createServer(act));
}

async function listen(server: net.Server): Promise<Served> {
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A real `openssl s_server`, answering requests with a page (-www). */
export async function serveOpenssl(args: readonly string[]): Promise<Served> {
  const port = await findFreePort();
  const command = ['s_server', '-accept', `127.0.0.1:${port}`, '-www', '-quiet', ...args];
  const server = await startProcess(requireCommand('openssl'), command, { name: 's_server' });
  await eventually(() => server.exit() !== undefined || accepts(port), { what: 's_server' });
  if (server.exit() !== undefined) throw new Error(`s_server ended\n${server.lines.tail()}`);
  return {
    port,
    async [Symbol.asyncDispose]() {
      await server.stop('SIGKILL');
    },
  };
}
