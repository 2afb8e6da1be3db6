// What the HTTP/1.1 socket tests share: a clock turned by hand, a server whose handler is a test's own, a raw client.
import { once } from 'node:events';
import net from 'node:net';
import type { Clock } from '../../src/base/clock.ts';
import { Deadlines } from '../../src/base/deadline.ts';
import type { Fault } from '../../src/base/fault.ts';
import type { Exchange, RequestSink, ResponseHead } from '../../src/http/exchange.ts';
import { FieldBlock, FieldNames, Fields } from '../../src/http/field.ts';
import { defaultHttpLimits, type HttpLimits, type ServerTimeouts } from '../../src/http/limits.ts';
import { DateField } from '../../src/http/date-field.ts';
import { BufferPool } from '../../src/http/buffer-pool.ts';
import { Http1ServerConnection } from '../../src/http1/server.ts';
import type { WriteBudget } from '../../src/http/write-budget.ts';
import { serverTimeouts } from '../support/server-timeouts.ts';

/** Time that only moves when a test says so. */
export class HandClock implements Clock {
  #time = 0;
  readonly #timers = new Set<{ at: number; act: () => void }>();
  now = () => Date.UTC(2026, 0, 1) + this.#time;
  monotonic = () => this.#time;
  after = (delayMs: number, act: () => void) => {
    const timer = { at: this.#time + delayMs, act };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  };
  /** Moves time on from timer to timer, so that those that re-arm themselves all fire. */
  turn(ms: number): void {
    const end = this.#time + ms;
    for (;;) {
      let next: { at: number; act: () => void } | undefined;
      for (const timer of this.#timers) if (timer.at <= end && (next === undefined || timer.at < next.at)) next = timer;
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#time = Math.max(this.#time, next.at);
      next.act();
    }
    this.#time = end;
  }
}

/** Takes a request and keeps what it heard; `ended` resolves with the body, `failed` with the fault. */
export class Listening implements RequestSink {
  readonly pieces: Buffer[] = [];
  trailers: Fields | undefined;
  drains = 0;
  readonly ended = Promise.withResolvers<string>();
  readonly failed = Promise.withResolvers<Fault>();
  onEnd: (() => void) | undefined;
  onPiece: ((chunk: Buffer) => void) | undefined;
  onDrain: (() => void) | undefined;
  onFlush: (() => void) | undefined;
  onRequestBody(chunk: Buffer): void {
    this.pieces.push(chunk);
    this.onPiece?.(chunk);
  }
  onRequestEnd(trailers: Fields | undefined): void {
    this.trailers = trailers;
    this.ended.resolve(this.text);
    this.onEnd?.();
  }
  onRequestFlush(): void {
    this.onFlush?.();
  }
  onClientDrain(): void {
    this.drains++;
    this.onDrain?.();
  }
  onClientFailure(fault: Fault): void {
    this.failed.resolve(fault);
  }
  get text(): string {
    return Buffer.concat(this.pieces).toString('latin1');
  }
}

export const names = new FieldNames();

export function head(
  status: number,
  bodyLength: number,
  pairs: readonly (readonly [string, string])[] = [],
  announcedLength = -1,
): ResponseHead {
  const fields = new Fields();
  for (const [raw, value] of pairs) {
    const name = names.find(raw);
    if (name !== undefined) fields.push(name, value);
  }
  return { status, reason: '', fields, bodyLength, announcedLength };
}

export type ServerSettings = {
  readonly onRequest: (exchange: Exchange) => void;
  readonly limits?: Partial<HttpLimits>;
  readonly timeouts?: Partial<ServerTimeouts>;
  readonly clock?: HandClock;
  readonly secure?: boolean;
  readonly budget?: WriteBudget;
};

/** A listening codec server on loopback. */
export async function serve(settings: ServerSettings) {
  const clock = settings.clock ?? new HandClock();
  const deadlines = new Deadlines(clock);
  const badRequests: Fault[] = [];
  const connections: Http1ServerConnection[] = [];
  const sockets = new Set<net.Socket>();
  const options = {
    names,
    limits: { ...defaultHttpLimits, ...settings.limits },
    timeouts: { ...serverTimeouts, ...settings.timeouts },
    deadlines,
    clock,
    date: new DateField(clock),
    buffers: new BufferPool(),
    secure: settings.secure ?? false,
    ...(settings.budget === undefined ? {} : { budget: settings.budget }),
  };
  const handler = { onRequest: settings.onRequest, onBadRequest: (fault: Fault) => void badRequests.push(fault) };
  const owner = { onClosed: () => {} };
  const take = (socket: net.Socket) =>
    void connections.push(new Http1ServerConnection(socket, options, handler, owner));
  const listener = net.createServer((socket) => {
    sockets.add(socket);
    take(socket);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as net.AddressInfo;
  const close = () => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  };
  return { port, clock, deadlines, badRequests, connections, close, take, [Symbol.dispose]: close };
}

/** A client of bytes. It keeps its side open until `end`, and reads until `until` is met or the server closes. */
export class RawClient {
  readonly socket: net.Socket;
  received = '';
  error: NodeJS.ErrnoException | undefined;
  readonly closed: Promise<void>;
  #watchers = new Set<() => void>();

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.toString('latin1');
      for (const watch of this.#watchers) watch();
    });
    socket.on('error', (error) => {
      this.error = error;
    });
    this.closed = new Promise((resolve) => {
      socket.on('close', () => resolve());
    });
    void this.closed.then(() => {
      for (const watch of this.#watchers) watch();
    });
  }

  static async open(port: number): Promise<RawClient> {
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    socket.setNoDelay(true);
    return new RawClient(socket);
  }

  send(text: string): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  /** Waits until what was received contains `text` (`count` times). */
  async until(text: string, count = 1): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const watch = () => {
      if (this.received.split(text).length > count) resolve();
      else if (this.socket.closed) reject(new Error(`closed before ${JSON.stringify(text)}: ${this.received}`));
    };
    this.#watchers.add(watch);
    watch();
    await promise;
    this.#watchers.delete(watch);
    return this.received;
  }

  /** Waits for the server's FIN, then closes: everything that the server sent. */
  async all(): Promise<string> {
    if (!this.socket.readableEnded && !this.socket.destroyed) {
      await Promise.race([once(this.socket, 'end').catch(() => undefined), this.closed]);
    }
    this.socket.destroy();
    await this.closed;
    return this.received;
  }
}

/** Answers every request once it is whole with `body`, or with what the request was. */
export function echo(exchange: Exchange): void {
  const listening = new Listening();
  listening.onEnd = () =>
    exchange.respond(200, FieldBlock.empty, `${exchange.head.method} ${exchange.head.target} ${listening.text}`);
  exchange.receive(listening, 0);
}
