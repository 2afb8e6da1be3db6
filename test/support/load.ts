// Steady traffic for "under load" journeys: a number of keep-alive clients over mTLS that send one request after the
// other, reconnect where they are told to, and keep account of every answer.
import { Agent, request } from 'node:https';
import { setTimeout } from 'node:timers/promises';
import { SAFETY_NET_MS } from './wait-for.ts';

export type LoadOptions = {
  readonly port: number;
  readonly host?: string;
  /** SNI and Host. */
  readonly servername: string;
  /** PEM text. */
  readonly cert?: string;
  readonly key?: string;
  readonly ca: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Clients at the same time. Default 8. */
  readonly connections?: number;
  /** Says what is wrong with an answer; default: anything but 200. */
  readonly verify?: (answer: Answer) => string | undefined;
  /** Every connection is closed after its answer: a handshake per request. */
  readonly reconnect?: boolean;
  /** How long each client waits before its next request: without a pause the load takes all cores from what it is put on. */
  readonly pauseMs?: number;
};

export type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
};

export type LoadCount = {
  readonly ok: number;
  readonly failed: number;
  /** Requests sent again because the server closed a kept-alive connection without an answer (RFC 9112 section 9.3.1). */
  readonly retried: number;
  /** How often each failure happened. */
  readonly reasons: ReadonlyMap<string, number>;
};

/** A handshake costs both ends milliseconds. */
const RECONNECT_PAUSE_MS = 10;

type Waiter = { readonly at: number; readonly done: () => void };

/** Starts sending at once. */
export function startLoad(options: LoadOptions): Load {
  return new Load(options);
}

export class Load {
  readonly #options: LoadOptions;
  readonly #agent: Agent;
  readonly #pauseMs: number;
  readonly #clients: readonly Promise<void>[];
  readonly #reasons = new Map<string, number>();
  readonly #waiters = new Set<Waiter>();
  #ok = 0;
  #failed = 0;
  #retried = 0;
  #stopping = false;

  constructor(options: LoadOptions) {
    const connections = options.connections ?? 8;
    this.#options = options;
    // A client that keeps its connection can meet its close in a pause, which is no failure of anybody: only where it is asked for.
    this.#pauseMs = options.pauseMs ?? (options.reconnect === true ? RECONNECT_PAUSE_MS : 0);
    this.#agent = new Agent({ keepAlive: options.reconnect !== true, maxSockets: connections });
    this.#clients = Array.from({ length: connections }, () => this.#runClient());
  }

  /** So far. */
  count(): LoadCount {
    return { ok: this.#ok, failed: this.#failed, retried: this.#retried, reasons: this.#reasons };
  }

  /** Waits for `more` further good answers, so that what happens next happens under load. Fails where there are none for long. */
  waitForOk(more: number, timeoutMs = SAFETY_NET_MS): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = globalThis.setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(new Error(`no ${more} good answers in ${timeoutMs} ms: ${JSON.stringify([...this.#reasons])}`));
      }, timeoutMs);
      const done = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        resolve();
      };
      const waiter: Waiter = { at: this.#ok + more, done };
      this.#waiters.add(waiter);
    });
  }

  /** Lets the requests under way finish, closes the connections, and returns the account. */
  async stop(): Promise<LoadCount> {
    this.#stopping = true;
    await Promise.all(this.#clients);
    this.#agent.destroy();
    return this.count();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #runClient(): Promise<void> {
    while (!this.#stopping) {
      const wrong = await this.#attempt();
      if (wrong === undefined) {
        this.#ok += 1;
        for (const waiter of this.#waiters) if (this.#ok >= waiter.at) waiter.done();
      } else {
        this.#failed += 1;
        this.#reasons.set(wrong, (this.#reasons.get(wrong) ?? 0) + 1);
      }
      if (this.#pauseMs > 0) await setTimeout(this.#pauseMs);
    }
  }

  /** One request, sent again where a kept-alive connection turned out to be closed. Returns what is wrong. */
  async #attempt(): Promise<string | undefined> {
    for (;;) {
      const outcome = await send(this.#options, this.#agent);
      if ('answer' in outcome) return (this.#options.verify ?? expectOk)(outcome.answer);
      if (!outcome.stale) return outcome.error;
      this.#retried += 1;
    }
  }
}

function expectOk(answer: Answer): string | undefined {
  return answer.status === 200 ? undefined : `status ${answer.status}`;
}

type Outcome = { readonly answer: Answer } | { readonly error: string; readonly stale: boolean };

/** Sockets that carried an answer. */
const used = new WeakSet<object>();

function send(options: LoadOptions, agent: Agent): Promise<Outcome> {
  return new Promise((resolve) => {
    const { cert, key, ca, servername, path = '/', method = 'GET' } = options;
    const credentials = cert === undefined || key === undefined ? {} : { cert, key };
    const headers = {
      host: servername,
      ...options.headers,
      ...(options.body === undefined ? {} : { 'content-length': Buffer.byteLength(options.body) }),
    };
    const to = { host: options.host ?? '127.0.0.1', port: options.port, servername, ca, ...credentials };
    let answered = false;
    const call = request({ ...to, agent, path, method, headers, timeout: SAFETY_NET_MS }, (response) => {
      answered = true;
      used.add(response.socket);
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () =>
        resolve({ answer: { status: response.statusCode ?? 0, headers: response.headers, body } }),
      );
      response.on('error', (error: NodeJS.ErrnoException) => fail(`truncated: ${error.code ?? error.message}`));
    });
    // `reusedSocket` is not set where a request waited for the socket of another.
    let reused = false;
    call.on('socket', (socket) => (reused = used.has(socket)));
    const fail = (error: string): void => resolve({ error, stale: (reused || call.reusedSocket) && !answered });
    call.on('timeout', () => call.destroy(new Error('timeout')));
    call.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
    call.end(options.body);
  });
}
