// One closed-loop client: request, answer, next request, on the same connection or on a new one, full or resumed. It
// reads no more of an answer than its status and length.
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { type Job, type JobResult, uploads } from './job.ts';
import { contextOf } from './secure-context.ts';

const RETRY_AFTER_MS = 20;
/** As many as a client like a browser or rustls keeps of one server; older ones are forgotten. */
const MAX_TICKETS = 8;

/** What has been done since the last reset. */
export class Tally {
  #startedAt = performance.now();
  #latencies: number[] = [];
  #resumed = 0;
  #connected = 0;
  #failures: Record<string, number> = {};

  reset(): void {
    this.#startedAt = performance.now();
    this.#latencies = [];
    this.#resumed = 0;
    this.#connected = 0;
    this.#failures = {};
  }

  add(latencyMs: number): void {
    this.#latencies.push(latencyMs);
  }

  addConnection(resumed: boolean): void {
    this.#connected += 1;
    if (resumed) this.#resumed += 1;
  }

  addFailure(reason: string): void {
    this.#failures[reason] = (this.#failures[reason] ?? 0) + 1;
  }

  result(): JobResult {
    const sorted = Float64Array.from(this.#latencies).sort();
    return {
      done: sorted.length,
      seconds: (performance.now() - this.#startedAt) / 1000,
      p50: sorted[Math.floor(sorted.length * 0.5)] ?? 0,
      p99: sorted[Math.floor(sorted.length * 0.99)] ?? 0,
      failures: this.#failures,
      resumed: this.#connected === 0 ? 0 : this.#resumed / this.#connected,
    };
  }
}

export class Client {
  readonly #job: Job;
  readonly #tally: Tally;
  readonly #request: string;
  readonly #body: Buffer | undefined;
  readonly #connectTo: ConnectionOptions;
  readonly #onRest: (() => void) | undefined;
  readonly #stays: boolean;
  #socket: TLSSocket | undefined;
  /** Tickets that were not used yet: each serves one connection (RFC 8446 appendix C.4), so what a gateway does not renew runs out. */
  readonly #tickets: Buffer[] = [];
  #stopped = false;
  #sentAt = 0;
  /** Head bytes of an answer whose head is not complete yet. */
  #head = '';
  /** Body bytes still to come; -1 while the head is being read. */
  #missing = -1;

  /** `onRest`: the connection is idle from now on. */
  constructor(job: Job, tally: Tally, onRest?: () => void) {
    this.#job = job;
    this.#tally = tally;
    this.#onRest = onRest;
    const { port, workload, authorization } = job;
    const token = authorization === undefined ? '' : `Authorization: ${authorization}\r\n`;
    this.#stays = workload.after === 'keep' || workload.after === 'idle';
    const close = this.#stays ? '' : 'Connection: close\r\n';
    const length = uploads(workload) ? `Content-Length: ${workload.requestBytes}\r\n` : '';
    const method = length === '' ? 'GET' : 'POST';
    this.#request = `${method} ${workload.path} HTTP/1.1\r\nHost: localhost\r\n${token}${length}${close}\r\n`;
    this.#body = length === '' ? undefined : Buffer.alloc(workload.requestBytes, 'countersign ');
    this.#connectTo = { host: '127.0.0.1', port, servername: 'localhost', secureContext: contextOf(job) };
    this.#open();
  }

  stop(): void {
    this.#stopped = true;
    this.#socket?.destroy();
  }

  /** One more request on a connection that rests; its latency counts from `dueAt`, of performance.now(). */
  ask(dueAt: number): void {
    this.#send(dueAt);
  }

  #open(): void {
    const openedAt = performance.now();
    const { after } = this.#job.workload;
    const session = this.#tickets.pop();
    const socket = connect(session === undefined ? this.#connectTo : { ...this.#connectTo, session });
    this.#socket = socket;
    this.#head = '';
    this.#missing = -1;
    socket.setNoDelay(true);
    socket.once('secureConnect', () => {
      this.#tally.addConnection(socket.isSessionReused());
      this.#send(this.#stays ? performance.now() : openedAt);
    });
    if (after === 'resume') socket.on('session', (ticket: Buffer) => this.#keep(ticket));
    socket.on('data', (chunk: Buffer) => this.#read(chunk, socket));
    socket.on('error', (error: NodeJS.ErrnoException) => this.#fail(socket, error.code ?? error.message));
    socket.on('close', () => this.#fail(socket, 'closed without an answer'));
  }

  #keep(ticket: Buffer): void {
    this.#tickets.push(ticket);
    if (this.#tickets.length > MAX_TICKETS) this.#tickets.shift();
  }

  #send(startedAt: number): void {
    this.#sentAt = startedAt;
    this.#socket?.write(this.#request, 'latin1');
    if (this.#body !== undefined) this.#socket?.write(this.#body);
  }

  #read(chunk: Buffer, socket: TLSSocket): void {
    if (socket !== this.#socket) return;
    let bodyBytes = chunk.length;
    if (this.#missing < 0) {
      const text = this.#head + chunk.toString('latin1', 0, Math.min(chunk.length, 4096));
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) {
        this.#head = text;
        return;
      }
      bodyBytes -= end + 4 - this.#head.length;
      const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
      if (!text.startsWith('HTTP/1.1 200') || length !== String(this.#job.workload.bodyBytes)) {
        this.#fail(socket, `wrong answer: ${text.slice(0, text.indexOf('\r\n'))}, ${length ?? 'no'} bytes`);
        return;
      }
      this.#missing = this.#job.workload.bodyBytes;
      this.#head = '';
    }
    this.#missing -= bodyBytes;
    if (this.#missing === 0) this.#finish(socket);
    else if (this.#missing < 0) this.#fail(socket, 'more than was announced');
  }

  #finish(socket: TLSSocket): void {
    const now = performance.now();
    this.#tally.add(now - this.#sentAt);
    this.#missing = -1;
    if (this.#stopped) return;
    const { after } = this.#job.workload;
    if (after === 'keep') {
      this.#send(now);
      return;
    }
    if (after === 'idle') {
      this.#onRest?.();
      return;
    }
    this.#socket = undefined;
    socket.end();
    this.#open();
  }

  #fail(socket: TLSSocket, reason: string): void {
    if (socket !== this.#socket) return;
    this.#socket = undefined;
    socket.destroy();
    if (this.#stopped) return;
    this.#tally.addFailure(reason);
    setTimeout(() => {
      if (!this.#stopped) this.#open();
    }, RETRY_AFTER_MS);
  }
}
