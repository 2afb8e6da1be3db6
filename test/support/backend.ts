// A backend of our own where nginx cannot show or do what a test needs: it keeps every request's header lines as they
// came (repeated names, spelling, order) and answers as the test says. Plain, TLS or TLS with client certificates.
import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from '../../src/base/node-http.ts';
import { createServer as createTlsServer } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { findFreePort } from './free-port.ts';
import { Feed } from './wait-for.ts';

/** More than the gateway sends of an identity; Node's own limit is 16 KiB. */
const maxHeaderSize = 65_536;

export type Received = {
  readonly method: string;
  readonly url: string;
  /** Name, value, name, value, … as they came. */
  readonly rawHeaders: readonly string[];
  readonly rawTrailers: readonly string[];
  readonly body: Buffer;
  /** Common name of the client certificate, undefined without one. */
  readonly clientName: string | undefined;
  /** Serial number of the connection, from 1. */
  readonly connection: number;
};

export type BackendOptions = {
  /** PEM. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string };
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Fixed port, to come back where another was; default any. */
  readonly port?: number;
  /** Answers a request once its body is there; default 200 with the request as JSON. */
  readonly answer?: (request: Received, response: ServerResponse) => void;
  /** Takes over as soon as the head is there: streaming, hanging, breaking off. The request is not recorded then. */
  readonly handle?: (request: IncomingMessage, response: ServerResponse) => void;
};

export type Backend = {
  readonly port: number;
  /** Every request that came completely. */
  readonly requests: Feed<Received>;
  readonly server: Server;
  /** Closes all connections. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** Values of a header line by its exact or any spelling, in order. */
export function headerValues(request: Received, name: string): string[] {
  return request.rawHeaders.filter((_, at, all) => at % 2 === 1 && all[at - 1]?.toLowerCase() === name.toLowerCase());
}

export async function startBackend(options: BackendOptions = {}): Promise<Backend> {
  const requests = new Feed<Received>('backend');
  const numbers = new WeakMap<object, number>();
  let connections = 0;
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    if (options.handle !== undefined) return options.handle(request, response);
    const chunks: Buffer[] = [];
    request.on('error', () => {});
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const received = record(request, Buffer.concat(chunks), numbers.get(request.socket) ?? 0);
      requests.push(received);
      (options.answer ?? answerAsJson)(received, response);
    });
  };
  const { tls } = options;
  const server: Server =
    tls === undefined
      ? createServer({ maxHeaderSize }, onRequest)
      : createTlsServer(
          {
            maxHeaderSize,
            cert: tls.cert,
            key: tls.key,
            ...(tls.clientCa === undefined ? {} : { ca: tls.clientCa, requestCert: true }),
          },
          onRequest,
        );
  server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: object) => {
    connections += 1;
    numbers.set(socket, connections);
  });
  server.keepAliveTimeout = 75_000;
  // Not one that the system chooses: where a backend has ended, nobody else may answer.
  server.listen(options.port ?? (await findFreePort()), options.host ?? '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  return {
    port: address !== null && typeof address === 'object' ? address.port : 0,
    requests,
    server,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function record(request: IncomingMessage, body: Buffer, connection: number): Received {
  const socket = request.socket as Partial<TLSSocket>;
  const name = socket.getPeerCertificate?.().subject?.CN;
  return {
    method: request.method ?? '',
    url: request.url ?? '',
    rawHeaders: request.rawHeaders,
    rawTrailers: request.rawTrailers,
    body,
    clientName: Array.isArray(name) ? name.join(',') : name,
    connection,
  };
}

function answerAsJson(request: Received, response: ServerResponse): void {
  const { method, url, rawHeaders, clientName, body } = request;
  response.setHeader('content-type', 'application/json');
  response.end(`${JSON.stringify({ method, url, rawHeaders, clientName, bodyBytes: body.length })}\n`);
}
