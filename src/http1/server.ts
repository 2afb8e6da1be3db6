// A client's HTTP/1.1 connection (RFC 9112): requests in, one at a time and in order, answers out. Owns the socket, what
// was received and not yet read, and the way the connection ends. What an answer says belongs to the flow.
import type { Socket } from 'node:net';
import { Fault, toFault } from '../base/fault.ts';
import { countRead } from '../base/read-garbage.ts';
import type { ClientConnection, ClientConnectionOwner } from '../http/client-connection.ts';
import type { RequestHandler } from '../http/exchange.ts';
import { ConnectionTimers } from '../http/connection-timers.ts';
import { ParseError } from '../http/parse-error.ts';
import { HeadReader } from './head-reader.ts';
import { MessageWriter } from './message-writer.ts';
import { problemMessage } from './problem-message.ts';
import { RequestBody } from './request-body.ts';
import type { Http1RequestHead } from './request-head.ts';
import { type ExchangeConnection, ServerExchange } from './server-exchange.ts';
import type { Http1ServerOptions } from './server-options.ts';
import { SocketInput } from './socket-input.ts';

/**
 * Bytes thrown away after our last one, so that a reset does not take our answer from the client (RFC 9112 section 9.6): some
 * clients read only when all is sent. Beyond that nothing is read, and the client has the rest of the time to see our answer.
 */
const maxLingerBytes = 8_388_608;

type Phase = 'open' | 'lingering' | 'closed';

export class Http1ServerConnection implements ClientConnection, ExchangeConnection {
  readonly socket: Socket;
  readonly writer: MessageWriter;
  readonly #options: Http1ServerOptions;
  readonly #handler: RequestHandler;
  readonly #heads: HeadReader;
  readonly #input: SocketInput;
  readonly #body: RequestBody;
  readonly #timers: ConnectionTimers;
  #phase: Phase = 'open';
  #current: ServerExchange | undefined;
  #headStarted = true;
  #reading = false;
  #ended = false;
  #draining = false;
  /** There was a request. */
  #asked = false;
  /** Bytes that may still be thrown away while lingering. */
  #mayLinger = maxLingerBytes;

  constructor(socket: Socket, options: Http1ServerOptions, handler: RequestHandler, owner: ClientConnectionOwner) {
    this.socket = socket;
    this.writer = new MessageWriter(socket, options.buffers, options.budget);
    this.writer.onTaken = () => this.#timers.someTaken();
    this.#options = options;
    this.#handler = handler;
    this.#heads = new HeadReader(options.names, options.limits);
    this.#input = new SocketInput(socket);
    this.#timers = new ConnectionTimers(options.deadlines, options.timeouts, () => this.#onLate());
    this.#body = new RequestBody(options.names, options.limits, this.#input, this.#timers);
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
    return this.#draining || (this.#ended && this.#input.pending === undefined);
  }

  get activeRequests(): number {
    return this.#current === undefined || this.#current.isOver ? 0 : 1;
  }

  /** Between two requests, with nothing received of the next. */
  get isIdle(): boolean {
    return this.#phase === 'open' && this.#current === undefined && this.#input.pending === undefined;
  }

  drain(): void {
    this.#draining = true;
    if (this.isIdle) this.#linger();
    else this.#current?.leave();
  }

  dismiss(): void {
    this.#draining = true;
    if (this.#current === undefined) this.#linger();
    else this.#current.leave();
  }

  /** The deadline of the head bounds the wait for a first request. */
  drainAfterFirst(): void {
    this.#draining = true;
    if (this.isIdle && this.#asked) this.#linger();
    else this.#current?.leave();
  }

  destroy(fault?: Fault): void {
    this.socket.destroy();
    this.#gone(fault ?? 'destroyed');
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
    if (this.#input.pending === undefined) this.#linger();
    else this.#refuse(new ParseError('request_timeout', 'the head came too slowly'));
  }

  #onData(chunk: Buffer): void {
    countRead(chunk.length);
    this.#input.countRead();
    if (this.#phase !== 'open') {
      this.#mayLinger -= chunk.length;
      if (this.#phase === 'lingering' && this.#mayLinger < 0) this.#input.stop();
      return;
    }
    this.#input.add(chunk);
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
    if (exchange?.isTunnel === true) this.#endTunnel(exchange);
    else if (exchange === undefined) {
      if (this.#input.pending === undefined || !this.writer.isBehind) this.#linger();
    } else if (exchange.isOver) this.#linger();
    else if (this.#options.secure || (!exchange.requestDone && this.#input.pending === undefined)) {
      this.#breakOff(new Fault('client_aborted', 'client', { raw: 'EOF' }));
    } else this.#timers.awaitHalfClosed();
  }

  onReading(exchange: ServerExchange): void {
    if (exchange !== this.#current) return exchange.tellLoss();
    const { maxBodyBytes, head } = exchange;
    if (exchange.failure !== undefined) {
      exchange.fail(exchange.failure);
    } else if (exchange.requestDone) {
      exchange.tellEnd();
    } else if (maxBodyBytes > 0 && head.bodyLength > maxBodyBytes) {
      this.#failRequest(exchange, new Fault('body_too_large', 'client'));
    } else {
      if (!exchange.isTunnel) this.#timers.bodyStarts(exchange.receivedBytes);
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
    if (this.#body.beginDiscard()) this.#read();
    else this.#linger();
  }

  onSwitched(exchange: ServerExchange): void {
    if (exchange !== this.#current) return;
    this.#timers.awaitNothing();
    this.#read();
    if (this.#draining) exchange.leave();
  }

  onTunnelEnd(): void {
    this.onWritten();
    this.socket.end();
  }

  /** The client has ended its direction of a tunnel: told once everything before it was. */
  #endTunnel(exchange: ServerExchange): void {
    if (exchange.requestDone || this.#input.pending !== undefined) return;
    exchange.requestDone = true;
    exchange.heldEnd = { trailers: undefined };
    if (exchange.isFlowing) exchange.tellEnd();
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
      const input = this.#input;
      while (input.pending !== undefined && this.#phase === 'open' && this.#readSome(input.pending));
    } catch (error) {
      // Nobody above may throw; one who does must not take the process along.
      const fault = toFault(error);
      this.#handler.onBadRequest(fault);
      this.destroy(fault);
    }
    this.#reading = false;
    this.#input.regulate();
    const exchange = this.#current;
    if (exchange !== undefined && !exchange.requestDone) exchange.sink?.onRequestFlush();
    if (this.#ended && this.#input.pending === undefined && exchange !== undefined && !exchange.requestDone)
      this.#onEnd();
  }

  /** False where nothing more can be done with what is pending. */
  #readSome(buffer: Buffer): boolean {
    const exchange = this.#current;
    if (exchange === undefined) return !this.writer.isBehind && this.#readHead(buffer);
    if (exchange.requestDone) return false;
    if (exchange.isOver) return this.#discardBody(exchange, buffer);
    if (!exchange.isFlowing) return false;
    if (exchange.isTunnel) return this.#deliverTunnel(exchange, buffer);
    const fault = this.#body.deliver(exchange, buffer);
    if (fault !== undefined) this.#failRequest(exchange, fault);
    return fault === undefined;
  }

  /** True where something was read: an empty line, or a head whose request then went to the handler. */
  #readHead(buffer: Buffer): boolean {
    if (!this.#headStarted) {
      this.#headStarted = true;
      this.#timers.headStarts();
    }
    const known = this.#heads.isWithin;
    const found = this.#heads.read(buffer, this.#input.at);
    if (found instanceof ParseError) return this.#refuse(found);
    if (found === 'more') {
      if (this.#ended) this.#linger();
      else if (!known) this.#timers.awaitHead();
      return false;
    }
    this.#input.advance(buffer, this.#heads.next);
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

  #deliverTunnel(exchange: ServerExchange, buffer: Buffer): true {
    const bytes = buffer.subarray(this.#input.at);
    this.#input.drop();
    exchange.receivedBytes += bytes.length;
    exchange.sink?.onRequestBody(bytes);
    return true;
  }

  /** Throws away what an answered request still sends; false where that is too much. */
  #discardBody(exchange: ServerExchange, buffer: Buffer): boolean {
    if (!this.#body.discard(exchange, buffer)) {
      this.#linger();
      return false;
    }
    if (exchange.requestDone) this.#next();
    return true;
  }

  /** The answer is out and the request read: what is next? */
  #next(): void {
    this.#current = undefined;
    if (this.mustClose) return this.#linger();
    this.#timers.awaitNext();
    if (this.#input.pending !== undefined) this.#read();
    else this.#input.forgetReads();
  }

  #failRequest(exchange: ServerExchange, fault: Fault): void {
    this.#timers.awaitNothing();
    exchange.fail(fault);
  }

  /** Answers something that is not a request, and ends the connection. */
  #refuse(error: ParseError): false {
    const fault = new Fault(error.code, 'client', { detail: error.detail });
    this.writer.interim(problemMessage(fault, this.date));
    this.#linger();
    this.#handler.onBadRequest(fault);
    return false;
  }

  /** Nothing more will be sent. Reads on for a while, so that the client can read our last answer, then closes. */
  #linger(): void {
    if (this.#phase !== 'open') return;
    this.#phase = 'lingering';
    this.#current = undefined;
    this.#timers.awaitEnd();
    this.socket.end(() => this.#timers.awaitClose());
    this.#input.readOn();
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
    this.#input.close();
    this.writer.discard();
    const exchange = this.#current;
    this.#current = undefined;
    if (exchange === undefined || exchange.isOver) return;
    const fault = typeof why === 'string' ? new Fault('client_aborted', 'client', { raw: why }) : why;
    exchange.lose(fault);
  }
}
