// One closed-loop HTTP/2 connection that uploads: by Node's client, which heeds the windows that a gateway gives.
import { connect, type ClientHttp2Session } from 'node:http2';
import type { Tally } from './client.ts';
import type { Job } from './job.ts';
import { contextOf } from './secure-context.ts';

const RETRY_AFTER_MS = 20;

export class Http2Upload {
  readonly #job: Job;
  readonly #tally: Tally;
  readonly #body: Buffer;
  #session: ClientHttp2Session | undefined;
  #isStopped = false;

  constructor(job: Job, tally: Tally) {
    this.#job = job;
    this.#tally = tally;
    this.#body = Buffer.alloc(job.workload.requestBytes, 'countersign ');
    this.#open();
  }

  stop(): void {
    this.#isStopped = true;
    this.#session?.destroy();
  }

  #open(): void {
    const secureContext = contextOf(this.#job);
    const session = connect(`https://127.0.0.1:${this.#job.port}`, { secureContext, servername: 'localhost' });
    this.#session = session;
    session.on('error', (error: NodeJS.ErrnoException) => this.#fail(session, error.code ?? error.message));
    session.on('close', () => this.#fail(session, 'closed'));
    session.once('connect', () => {
      this.#tally.addConnection(false);
      this.#upload(session);
    });
  }

  #upload(session: ClientHttp2Session): void {
    const sentAt = performance.now();
    const { path, requestBytes, bodyBytes } = this.#job.workload;
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      ':authority': 'localhost',
      'content-length': String(requestBytes),
    });
    let status = 0;
    let bytes = 0;
    stream.on('response', (headers) => (status = headers[':status'] ?? 0));
    stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
    stream.on('error', (error: NodeJS.ErrnoException) => this.#fail(session, error.code ?? error.message));
    stream.on('end', () => {
      if (status !== 200 || bytes !== bodyBytes) {
        this.#fail(session, `wrong answer: ${status}, ${bytes} bytes`);
        return;
      }
      this.#tally.add(performance.now() - sentAt);
      if (!this.#isStopped) this.#upload(session);
    });
    stream.end(this.#body);
  }

  #fail(session: ClientHttp2Session, reason: string): void {
    if (session !== this.#session) return;
    this.#session = undefined;
    session.destroy();
    if (this.#isStopped) return;
    this.#tally.addFailure(reason);
    setTimeout(() => {
      if (!this.#isStopped) this.#open();
    }, RETRY_AFTER_MS);
  }
}
