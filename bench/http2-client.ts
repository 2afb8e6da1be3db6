// One closed-loop HTTP/2 connection: as many requests at a time as it has streams, and the next one with each answer. It
// reads the status, the length and, of gRPC, the trailers of an answer.
import { connect, type TLSSocket } from 'node:tls';
import type { Tally } from './client.ts';
import { grpcMessage } from './grpc-message.ts';
import { Http2Endpoint, type Line } from './http2-endpoint.ts';
import type { Job } from './job.ts';
import type { Workload } from './workload.ts';
import { contextOf } from './secure-context.ts';

const RETRY_AFTER_MS = 20;

/** What has come of an answer. */
type Answer = { readonly sentAt: number; bytes: number; status: string; grpcStatus: string };

function requestLines(workload: Workload): readonly Line[] {
  const isGrpc = workload.backend === 'grpc';
  return [
    [':method', workload.requestBytes > 0 ? 'POST' : 'GET'],
    [':scheme', 'https'],
    [':authority', 'localhost'],
    [':path', workload.path],
    ['user-agent', 'countersign-bench'],
    ...(isGrpc
      ? ([
          ['te', 'trailers'],
          ['content-type', 'application/grpc'],
        ] as const)
      : []),
  ];
}

class Session extends Http2Endpoint {
  readonly #client: Http2Client;
  readonly #workload: Workload;
  readonly #tally: Tally;
  readonly #lines: readonly Line[];
  readonly #body: Buffer;
  readonly #answers = new Map<number, Answer>();
  #nextStream = 1;

  constructor(socket: TLSSocket, client: Http2Client, workload: Workload, tally: Tally) {
    super('client', socket);
    this.#client = client;
    this.#workload = workload;
    this.#tally = tally;
    this.#lines = requestLines(workload);
    this.#body = workload.requestBytes > 0 ? grpcMessage(workload.requestBytes) : Buffer.alloc(0);
    for (let stream = 0; stream < workload.streams; stream++) this.#request();
  }

  #request(): void {
    const streamId = this.#nextStream;
    this.#nextStream += 2;
    const { length } = this.#body;
    this.headers(streamId, this.#lines, length === 0);
    if (length > 0) this.output.data(streamId, this.#body, 0, length, true);
    this.#answers.set(streamId, { sentAt: performance.now(), bytes: 0, status: '', grpcStatus: '' });
  }

  protected onMessage(streamId: number, fields: readonly { name: string; value: string }[], ends: boolean): void {
    const answer = this.#answers.get(streamId);
    if (answer === undefined) return;
    for (const { name, value } of fields) {
      if (name === ':status') answer.status = value;
      else if (name === 'grpc-status') answer.grpcStatus = value;
    }
    if (ends) this.#finish(streamId, answer);
  }

  protected onBody(streamId: number, bytes: number, ends: boolean): void {
    const answer = this.#answers.get(streamId);
    if (answer === undefined) return;
    answer.bytes += bytes;
    if (ends) this.#finish(streamId, answer);
  }

  #finish(streamId: number, { sentAt, bytes, status, grpcStatus }: Answer): void {
    const { bodyBytes, backend, after } = this.#workload;
    this.#answers.delete(streamId);
    if (status !== '200' || bytes !== bodyBytes || (backend === 'grpc' && grpcStatus !== '0')) {
      this.fail(`wrong answer: ${status}, ${bytes} bytes${backend === 'grpc' ? `, grpc-status ${grpcStatus}` : ''}`);
      return;
    }
    this.#tally.add(performance.now() - sentAt);
    if (after === 'keep' && !this.#client.isStopped) this.#request();
    else if (after === 'idle') this.#client.rest();
  }

  override onReset(streamId: number, code: number): void {
    // A stream whose answer is complete may still be reset: nobody waits for it.
    if (this.#answers.has(streamId)) super.onReset(streamId, code);
  }

  protected fail(reason: string): void {
    this.#client.fail(this, reason);
  }
}

export class Http2Client {
  isStopped = false;
  readonly #job: Job;
  readonly #tally: Tally;
  readonly #onRest: (() => void) | undefined;
  #socket: TLSSocket | undefined;
  #session: Session | undefined;

  /** `onRest`: the connection is idle from now on. */
  constructor(job: Job, tally: Tally, onRest?: () => void) {
    this.#job = job;
    this.#tally = tally;
    this.#onRest = onRest;
    this.#open();
  }

  stop(): void {
    this.isStopped = true;
    this.#socket?.destroy();
  }

  rest(): void {
    this.#onRest?.();
  }

  /** Begins anew a little later. */
  fail(session: Session | undefined, reason: string): void {
    if (session !== this.#session) return;
    this.#session = undefined;
    this.#socket?.destroy();
    this.#socket = undefined;
    if (this.isStopped) return;
    this.#tally.addFailure(reason);
    setTimeout(() => {
      if (!this.isStopped) this.#open();
    }, RETRY_AFTER_MS);
  }

  #open(): void {
    const { port, workload } = this.#job;
    const secureContext = contextOf(this.#job);
    const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', secureContext, ALPNProtocols: ['h2'] });
    const isCurrent = (): boolean => socket === this.#socket;
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.once('secureConnect', () => {
      if (socket.alpnProtocol !== 'h2') {
        this.fail(undefined, 'does not agree to h2');
        return;
      }
      this.#tally.addConnection(false);
      const session = new Session(socket, this, workload, this.#tally);
      this.#session = session;
      session.flush();
      socket.on('data', (chunk: Buffer) => session.read(chunk));
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (isCurrent()) this.fail(this.#session, error.code ?? error.message);
    });
    socket.on('close', () => {
      if (isCurrent()) this.fail(this.#session, 'closed');
    });
  }
}
