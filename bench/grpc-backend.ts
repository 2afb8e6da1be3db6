// The backend behind the gRPC-like calls, a process of its own on the load's core: HTTP/2 over mutual TLS, a message of 100
// bytes and trailers to the call, to /verify what it saw of the gateway, as bench/peers/backend.conf has it, and to anything
// else an answer without content.
// Arguments: port, certificate, key, client CA.
import { readFileSync } from 'node:fs';
import { createServer, type TLSSocket } from 'node:tls';
import { grpcMessage } from './grpc-message.ts';
import { Http2Endpoint, type Line } from './http2-endpoint.ts';
import { GRPC_BYTES, GRPC_PATH } from './workload.ts';

const message = grpcMessage(GRPC_BYTES);

const head: readonly Line[] = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
];
const trailers: readonly Line[] = [
  ['grpc-status', '0'],
  ['grpc-message', ''],
];

type Request = { readonly path: string; readonly forwarded: string };

class BackendSession extends Http2Endpoint {
  readonly #socket: TLSSocket;
  readonly #requests = new Map<number, Request>();
  #count = 0;

  constructor(socket: TLSSocket) {
    super('server', socket);
    this.#socket = socket;
  }

  protected onMessage(streamId: number, fields: readonly { name: string; value: string }[], ends: boolean): void {
    const request = { path: '', forwarded: '' };
    for (const { name, value } of fields) {
      if (name === ':path') request.path = value;
      else if (name === 'x-forwarded-client-cert') request.forwarded = value;
    }
    this.#count++;
    this.#requests.set(streamId, request);
    if (ends) this.#answer(streamId);
  }

  protected onBody(streamId: number, _bytes: number, ends: boolean): void {
    if (ends) this.#answer(streamId);
  }

  #answer(streamId: number): void {
    const request = this.#requests.get(streamId);
    this.#requests.delete(streamId);
    if (request?.path === GRPC_PATH) {
      this.headers(streamId, head, false);
      this.output.data(streamId, message, 0, message.length, false);
      this.headers(streamId, trailers, true);
    } else if (request?.path === '/verify') {
      // Only who shows a certificate of our CA gets as far as here.
      const { CN } = this.#socket.getPeerCertificate().subject;
      const text = `verify=SUCCESS\ndn=CN=${String(CN)}\nforwarded=${request.forwarded}\nrequests=${this.#count}\n`;
      const bytes = Buffer.from(text);
      this.headers(streamId, [...head.slice(0, 1), ['content-length', String(bytes.length)]], false);
      this.output.data(streamId, bytes, 0, bytes.length, true);
    } else this.headers(streamId, head.slice(0, 1), true);
  }

  override onReset(streamId: number): void {
    this.#requests.delete(streamId);
  }

  override onGoAway(): void {}

  protected fail(reason: string): void {
    console.error(`gRPC backend: ${reason}`);
    this.#socket.destroy();
  }
}

const [port, cert = '', key = '', ca = ''] = process.argv.slice(2);
const server = createServer(
  {
    cert: readFileSync(cert),
    key: readFileSync(key),
    ca: readFileSync(ca),
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['h2'],
  },
  (socket) => {
    socket.setNoDelay(true);
    const session = new BackendSession(socket);
    session.flush();
    socket.on('data', (chunk: Buffer) => session.read(chunk));
    socket.on('error', () => socket.destroy());
  },
);
server.listen(Number(port), '127.0.0.1');
