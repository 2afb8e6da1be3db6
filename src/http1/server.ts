// A client's HTTP/1.1 connection (RFC 9112): requests in, one at a time and in order, answers out. Owns the socket, what
// was received and not yet read, and the way the connection ends. What an answer says belongs to the flow.
import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { Deadlines } from '../base/deadline.ts';
import { Fault, toFault } from '../base/fault.ts';
import type { ClientConnection, ClientConnectionOwner } from '../http/client-connection.ts';
import type { RequestHandler } from '../http/exchange.ts';
import { FieldBlock, type FieldNames } from '../http/field.ts';
import type { HttpLimits, ServerTimeouts } from '../http/limits.ts';
import { renderProblem } from '../http/problem.ts';
import { BodyReader } from './body-reader.ts';
import type { DateField } from './date-field.ts';
import { HeadReader } from './head-reader.ts';
import { statusLine } from './head-text.ts';
import { MessageWriter } from './message-writer.ts';
import type { BufferPool } from './buffer-pool.ts';
import { ConnectionTimers } from './connection-timers.ts';
import { Refusal } from './refusal.ts';
import type { Http1RequestHead } from './request-head.ts';
import { type ExchangeConnection, ServerExchange } from './server-exchange.ts';
import type { WriteBudget } from './write-budget.ts';

export type Http1ServerOptions = {
  readonly names: FieldNames;
  readonly limits: HttpLimits;
  readonly timeouts: ServerTimeouts;
  readonly deadlines: Deadlines;
  readonly clock: Clock;
  /** One for all connections of a worker. */
  readonly date: DateField;
  /** Likewise. */
  readonly buffers: BufferPool;
  /** Likewise; without one, no answer waits for its client beyond what every connection may have. */
  readonly budget?: WriteBudget;
  /**
   * TLS. A client that ends its side after a whole request is answered over plain TCP (`printf … | nc`), but over TLS it
   * is taken to be gone: there a bare end is what a killed client leaves behind, and its backend request is cancelled.
   */
  readonly secure: boolean;
  /** The TCP socket below TLS, to reset it. */
  readonly transport?: Socket;
};

/** Received bytes kept while nobody takes them (pipelining, back-pressure); above it the socket is not read. */
const maxPendingBytes = 65_536;
/** Request body read and thrown away after its answer, so that the connection can be used again. */
const maxDrainBytes = 65_536;
/** Bytes thrown away after our last one, so that a reset does not take our answer from the client (RFC 9112 section 9.6). */
const maxLingerBytes = 262_144;

/** Reads of one request in a row; then whoever else has something to read is served first (TLS records of one byte). */
const maxReadsInARow = 32;

type Phase = 'open' | 'lingering' | 'closed';

export class Http1ServerConnection implements ClientConnection, ExchangeConnection {
  readonly socket: Socket;
  readonly writer: MessageWriter;
  readonly #options: Http1ServerOptions;
  readonly #handler: RequestHandler;
  readonly #heads: HeadReader;
  readonly #body: BodyReader;
  readonly #timers: ConnectionTimers;
  #phase: Phase = 'open';
  #current: ServerExchange | undefined;
  /** Bytes received and not yet read, from #at on. */
  #pending: Buffer | undefined;
  #at = 0;
  #headStarted = true;
  #reading = false;
  #stopped = false;
  #readsInARow = 0;
  #yielding = false;
  #ended = false;
  #draining = false;
  /** There was a request. */
  #asked = false;
  /** Bytes that may still be thrown away: the rest of an answered request, or what comes while lingering. */
  #waste = 0;

  constructor(socket: Socket, options: Http1ServerOptions, handler: RequestHandler, owner: ClientConnectionOwner) {
    this.socket = socket;
    this.writer = new MessageWriter(socket, options.buffers, options.budget);
    this.writer.onTaken = () => this.#timers.someTaken();
    this.#options = options;
    this.#handler = handler;
    this.#heads = new HeadReader(options.names, options.limits);
    this.#body = new BodyReader(options.names, options.limits);
    this.#timers = new ConnectionTimers(options.deadlines, options.timeouts, () => this.#onLate());
    socket.allowHalfOpen = true;
    socket.setNoDelay(true);
    socket.on('error', (error: Error & { code?: string }) => this.#gone(error.code ?? error.message));
    socket.on('close', () => {
      this.#gone('closed');
      owner.onClosed(this);
    });
    socket.on('end', () => this.#onEnd());
    socket.on('drain', () => this.#onDrain());
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.resume();
  }

  get date(): string {
    return this.#options.date.text;
  }

  get mustClose(): boolean {
    return this.#draining || (this.#ended && this.#pending === undefined);
  }

  get activeRequests(): number {
    return this.#current === undefined || this.#current.isOver ? 0 : 1;
  }

  /** Between two requests, with nothing received of the next. */
  get isIdle(): boolean {
    return this.#phase === 'open' && this.#current === undefined && this.#pending === undefined;
  }

  drain(): void {
    this.#draining = true;
    if (this.isIdle) this.#linger();
  }

  dismiss(): void {
    this.#draining = true;
    if (this.#current === undefined) this.#linger();
  }

  /** The deadline of the head bounds the wait for a first request. */
  drainAfterFirst(): void {
    this.#draining = true;
    if (this.isIdle && this.#asked) this.#linger();
  }

  destroy(): void {
    this.socket.destroy();
    this.#gone('destroyed');
  }

  #onLate(): void {
    const timers = this.#timers;
    const exchange = this.#current;
    if (this.#phase === 'lingering') this.destroy();
    else if (timers.isWriteLate)
      this.#breakOff(new Fault('client_aborted', 'client', { detail: 'the answer was not taken' }));
    else if (exchange === undefined) this.#onLateHead();
    else if (exchange.isOver) this.#linger();
    else if (this.#ended) this.#onLateHalfClosed(exchange);
    else if (!exchange.isFlowing && !timers.isRequestLate) timers.awaitFlow();
    else if (timers.keepsRate(exchange.receivedBytes, !exchange.canRespond)) return;
    else this.#failRequest(exchange, new Fault('request_timeout', 'client', { detail: 'the body came too slowly' }));
  }

  /** A client that ended its side and has waited long enough for an answer to begin. */
  #onLateHalfClosed(exchange: ServerExchange): void {
    this.#timers.awaitNothing();
    if (exchange.canRespond) this.#breakOff(new Fault('client_aborted', 'client', { raw: 'EOF' }));
  }

  #onLateHead(): void {
    if (this.#pending === undefined) this.#linger();
    else this.#refuse(new Refusal('request_timeout', 'the head came too slowly'));
  }

  #onData(chunk: Buffer): void {
    if (++this.#readsInARow >= maxReadsInARow) this.#yieldTurn();
    if (this.#phase !== 'open') {
      this.#waste -= chunk.length;
      if (this.#phase === 'lingering' && this.#waste < 0) this.destroy();
      return;
    }
    if (this.#pending === undefined) this.#pending = chunk;
    else {
      this.#pending = Buffer.concat([this.#pending.subarray(this.#at), chunk]);
      this.#at = 0;
    }
    this.#read();
  }

  #onDrain(): void {
    this.writer.release();
    this.#timers.taken();
    this.#current?.sink?.onClientDrain();
    if (this.#current === undefined) this.#read();
  }

  /** The client ends its side: nothing more will be received. */
  #onEnd(): void {
    this.#ended = true;
    const exchange = this.#current;
    if (this.#phase !== 'open') return;
    if (exchange === undefined) {
      if (this.#pending === undefined || !this.writer.isBehind) this.#linger();
    } else if (exchange.isOver) this.#linger();
    else if (this.#options.secure || (!exchange.requestDone && this.#pending === undefined)) {
      this.#breakOff(new Fault('client_aborted', 'client', { raw: 'EOF' }));
    } else this.#timers.awaitHalfClosed();
  }

  onReading(exchange: ServerExchange): void {
    if (exchange !== this.#current) {
      const watcher = exchange.detach();
      if (exchange.failure !== undefined) watcher?.onClientFailure(exchange.failure);
      return;
    }
    const { failure, sink, head } = exchange;
    if (failure !== undefined) {
      this.#tellFailure(exchange, failure);
    } else if (exchange.requestDone) {
      const held = exchange.heldEnd;
      exchange.heldEnd = undefined;
      if (held !== undefined) sink?.onRequestEnd(held.trailers);
    } else if (exchange.maxBodyBytes > 0 && head.bodyLength > exchange.maxBodyBytes) {
      this.#failRequest(exchange, new Fault('body_too_large', 'client'));
    } else {
      this.#timers.bodyStarts(exchange.receivedBytes);
      this.#read();
    }
  }

  onWritten(): void {
    if (this.writer.isBehind) this.#timers.awaitTaking(this.writer.waitingBytes);
  }

  onAnswered(exchange: ServerExchange, close: boolean): void {
    if (exchange !== this.#current) return;
    this.onWritten();
    exchange.detach();
    if (close) return this.#linger();
    if (exchange.requestDone) return this.#next();
    // The rest of the request is in the way of the next one: read it if that is cheap.
    const { left } = this.#body;
    if (left !== Infinity && left > maxDrainBytes) return this.#linger();
    this.#waste = maxDrainBytes;
    // Whatever the flow had waited for: from now on the client must keep sending.
    this.#timers.awaitBody();
    this.#read();
  }

  onAborted(exchange: ServerExchange, hard: boolean): void {
    if (exchange !== this.#current) return;
    // Clients (curl) take an end without close_notify for an orderly one, so it is a reset over TLS too.
    const { secure, transport } = this.#options;
    if (hard) (secure ? transport : this.socket)?.resetAndDestroy();
    this.socket.destroy();
    this.#gone('aborted');
  }

  /** Reads what is pending as far as it can be used now. */
  #read(): void {
    if (this.#reading) return;
    this.#reading = true;
    try {
      while (this.#pending !== undefined && this.#phase === 'open' && this.#readSome(this.#pending));
    } catch (error) {
      // Nobody above may throw; one who does must not take the process along.
      this.#handler.onBadRequest(toFault(error));
      this.destroy();
    }
    this.#reading = false;
    this.#regulate();
    const exchange = this.#current;
    if (exchange !== undefined && !exchange.requestDone) exchange.sink?.onRequestFlush();
    if (this.#ended && this.#pending === undefined && exchange !== undefined && !exchange.requestDone) this.#onEnd();
  }

  /** False where nothing more can be done with what is pending. */
  #readSome(buffer: Buffer): boolean {
    const exchange = this.#current;
    if (exchange === undefined) return !this.writer.isBehind && this.#readHead(buffer);
    if (exchange.requestDone) return false;
    if (exchange.isOver) return this.#wasteBody(exchange, buffer);
    return exchange.isFlowing && this.#readBody(exchange, buffer);
  }

  /** Reads the socket or not, by how much is pending. */
  #regulate(): void {
    const full = this.#pending !== undefined && this.#pending.length - this.#at > maxPendingBytes;
    if (full === this.#stopped || this.#phase === 'closed') return;
    this.#stopped = full;
    if (full) this.socket.pause();
    else if (!this.#yielding) this.socket.resume();
  }

  /** A client that sends many small pieces gets its turn once per turn of the event loop, as everybody does. */
  #yieldTurn(): void {
    this.#readsInARow = 0;
    if (this.#yielding) return;
    this.#yielding = true;
    this.socket.pause();
    setImmediate(() => {
      this.#yielding = false;
      if (!this.#stopped && this.#phase !== 'closed') this.socket.resume();
    });
  }

  /** True where something was read: an empty line, or a head whose request then went to the handler. */
  #readHead(buffer: Buffer): boolean {
    if (!this.#headStarted) {
      this.#headStarted = true;
      this.#timers.headStarts();
    }
    const known = this.#heads.isWithin;
    const found = this.#heads.read(buffer, this.#at);
    if (found instanceof Refusal) return this.#refuse(found);
    if (found === 'more') {
      if (this.#ended) this.#linger();
      else if (!known) this.#timers.awaitHead();
      return false;
    }
    this.#advance(buffer, this.#heads.next);
    if (found !== 'empty line') this.#begin(found);
    return true;
  }

  #begin(head: Http1RequestHead): void {
    this.#asked = true;
    this.#headStarted = false;
    const exchange = new ServerExchange(head, this.#options.clock.monotonic(), this);
    this.#current = exchange;
    if (exchange.requestDone) this.#timers.awaitNothing();
    else {
      this.#body.begin(head.bodyLength);
      this.#timers.awaitRequest();
    }
    this.#handler.onRequest(exchange);
  }

  #readBody(exchange: ServerExchange, buffer: Buffer): boolean {
    const body = this.#body;
    this.#advance(buffer, body.read(buffer, this.#at));
    const { data, refusal, done } = body;
    if (done) this.#endBody(exchange);
    else this.#timers.awaitBody();
    if (data !== undefined && data.length > 0) {
      exchange.receivedBytes += data.length;
      const { maxBodyBytes } = exchange;
      if (maxBodyBytes > 0 && exchange.receivedBytes > maxBodyBytes) {
        this.#failRequest(exchange, new Fault('body_too_large', 'client'));
        return false;
      }
      exchange.sink?.onRequestBody(data);
    }
    if (refusal !== undefined && !exchange.isOver) {
      this.#failRequest(exchange, new Fault(refusal.code, 'client', { detail: refusal.detail }));
      return false;
    }
    if (done && exchange.sink !== undefined) {
      if (exchange.isFlowing) exchange.sink.onRequestEnd(body.trailers);
      else exchange.heldEnd = { trailers: body.trailers };
    }
    return true;
  }

  #endBody(exchange: ServerExchange): void {
    exchange.requestDone = true;
    this.#timers.awaitNothing();
  }

  /** Throws away what an answered request still sends; false where that is too much. */
  #wasteBody(exchange: ServerExchange, buffer: Buffer): boolean {
    const body = this.#body;
    this.#advance(buffer, body.read(buffer, this.#at));
    this.#waste -= body.data?.length ?? 0;
    if (body.refusal !== undefined || this.#waste < 0) {
      this.#linger();
      return false;
    }
    if (body.done) {
      this.#endBody(exchange);
      this.#next();
    }
    return true;
  }

  #advance(buffer: Buffer, next: number): void {
    this.#at = next;
    if (next < buffer.length) return;
    this.#pending = undefined;
    this.#at = 0;
  }

  /** The answer is out and the request read: what is next? */
  #next(): void {
    this.#current = undefined;
    if (this.mustClose) return this.#linger();
    this.#timers.awaitNext();
    if (this.#pending !== undefined) this.#read();
    else this.#readsInARow = 0;
  }

  /** The request cannot be read to its end; the client hears why where no answer was begun. */
  #failRequest(exchange: ServerExchange, fault: Fault): void {
    exchange.failure = fault;
    this.#timers.awaitNothing();
    if (exchange.isWatched) this.#tellFailure(exchange, fault);
  }

  #tellFailure(exchange: ServerExchange, fault: Fault): void {
    exchange.detach()?.onClientFailure(fault);
    if (exchange.canRespond) {
      const problem = renderProblem(fault.code, fault.status, '-', exchange.head.fields.find('accept'));
      exchange.respond(fault.status, new FieldBlock([['Content-Type', problem.contentType]]), problem.body);
    } else if (!exchange.isOver) exchange.abort();
  }

  /** Answers something that is not a request, and ends the connection. */
  #refuse(refusal: Refusal): false {
    const fault = new Fault(refusal.code, 'client', { detail: refusal.detail });
    const { contentType, body } = renderProblem(fault.code, fault.status, '-', undefined);
    this.writer.interim(
      `${statusLine(fault.status, '')}${this.date}\r\nContent-Type: ${contentType}\r\n` +
        `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    );
    this.#linger();
    this.#handler.onBadRequest(fault);
    return false;
  }

  /** Nothing more will be sent. Reads on for a while, so that the client can read our last answer, then closes. */
  #linger(): void {
    if (this.#phase !== 'open') return;
    this.#phase = 'lingering';
    this.#current = undefined;
    this.#pending = undefined;
    this.#at = 0;
    this.#waste = maxLingerBytes;
    this.#timers.awaitEnd();
    this.socket.end(() => this.#timers.awaitClose());
    this.#stopped = false;
    if (!this.#yielding) this.socket.resume();
  }

  /** The client is of no more use: whoever answers it is told, and the socket goes. */
  #breakOff(fault: Fault): void {
    this.socket.destroy();
    this.#gone(fault);
  }

  #gone(why: Fault | string): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#timers.stop();
    this.#pending = undefined;
    this.writer.discard();
    const exchange = this.#current;
    this.#current = undefined;
    if (exchange === undefined || exchange.isOver) return;
    const fault = typeof why === 'string' ? new Fault('client_aborted', 'client', { raw: why }) : why;
    const watcher = exchange.detach();
    exchange.failure = fault;
    exchange.end();
    watcher?.onClientFailure(fault);
  }
}
