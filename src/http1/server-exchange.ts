// One request and its answer on a client's HTTP/1.1 connection: the Exchange that the flow holds. It decides how the
// answer is framed and when the exchange is over; the bytes and the socket belong to the connection (server.ts).
import type { Fault } from '../base/fault.ts';
import {
  type ClientWatcher,
  chunkedBody,
  type Exchange,
  type RequestSink,
  type ResponseHead,
  untilClose,
} from '../http/exchange.ts';
import { type FieldBlock, Fields } from '../http/field.ts';
import { interimText, responseHeadText, switchText } from './head-text.ts';
import type { MessageWriter } from './message-writer.ts';
import { respondProblem } from './problem-message.ts';
import type { Http1RequestHead } from './request-head.ts';

/** What an exchange needs of its connection. */
export interface ExchangeConnection {
  readonly writer: MessageWriter;
  /** `\r\nDate: …` */
  readonly date: string;
  /** True where the connection must not carry another request, whatever the client wants. */
  readonly mustClose: boolean;
  /** The exchange wants body bytes, or no more of them. */
  onReading(exchange: ServerExchange): void;
  /** Bytes were written, or may have been: the client's time to take them starts. */
  onWritten(): void;
  /** The answer is complete; `close` where the connection must end with it. */
  onAnswered(exchange: ServerExchange, close: boolean): void;
  /** The exchange became a tunnel: what comes next is not HTTP. */
  onSwitched(exchange: ServerExchange): void;
  /** Our direction of a tunnel has ended. */
  onTunnelEnd(): void;
  /** The answer must be broken off; `hard` where an orderly close would make it look complete. */
  onAborted(exchange: ServerExchange, hard: boolean): void;
}

export class ServerExchange implements Exchange {
  readonly head: Http1RequestHead;
  readonly startedAt: number;
  receivedBytes = 0;
  /** Set by the connection once the whole request was read. */
  requestDone: boolean;
  /** Both directions are another protocol, until both have ended. */
  isTunnel = false;
  /** Set by the connection where the body broke a rule or the client is gone. */
  failure: Fault | undefined;
  /** The end of the request, not yet told because the flow paused. */
  heldEnd: { trailers: Fields | undefined } | undefined;
  sink: RequestSink | undefined;
  maxBodyBytes = 0;
  /** Told of the client's failure until there is a sink. */
  #watcher: ClientWatcher | undefined;
  #connection: ExchangeConnection;
  #state: 'open' | 'answering' | 'over' = 'open';
  #paused = false;
  #sentBytes = 0;
  #bodyless = false;
  #framing: number = 0;
  #close = false;
  #closeAsked = false;
  #continueSent = false;
  /** Our direction of the tunnel has ended. */
  #tunnelEnded = false;

  constructor(head: Http1RequestHead, startedAt: number, connection: ExchangeConnection) {
    this.head = head;
    this.startedAt = startedAt;
    this.requestDone = head.bodyLength === 0;
    if (this.requestDone) this.heldEnd = noTrailers;
    this.#connection = connection;
  }

  get canRespond(): boolean {
    return this.#state === 'open';
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  get sentBytes(): number {
    return this.#state === 'answering' && !this.#bodyless ? this.#connection.writer.sentBytes : this.#sentBytes;
  }

  /** The flow takes body bytes now. */
  get isFlowing(): boolean {
    return this.sink !== undefined && !this.#paused;
  }

  /** Who listened until now: from here on nobody does. */
  detach(): ClientWatcher | undefined {
    const listener = this.sink ?? this.#watcher;
    this.sink = undefined;
    this.#watcher = undefined;
    return listener;
  }

  watch(watcher: ClientWatcher): void {
    if (this.failure !== undefined) return watcher.onClientFailure(this.failure);
    if (this.#state !== 'over') this.#watcher = watcher;
  }

  receive(sink: RequestSink, maxBodyBytes: number): void {
    if (this.#state === 'over' && this.failure === undefined) return;
    this.#watcher = undefined;
    this.sink = sink;
    this.maxBodyBytes = maxBodyBytes;
    if (!this.#paused) this.#flow();
  }

  pauseRequest(): void {
    this.#paused = true;
  }

  resumeRequest(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.sink !== undefined) this.#flow();
  }

  #flow(): void {
    const { expectContinue, bodyLength } = this.head;
    // What is longer than it may be is refused as soon as it is read: nobody asks for it first.
    const isWelcome = this.maxBodyBytes === 0 || bodyLength <= this.maxBodyBytes;
    if (expectContinue && isWelcome && !this.#continueSent && this.#state === 'open' && this.receivedBytes === 0) {
      this.#continueSent = true;
      this.#connection.writer.interim('HTTP/1.1 100 Continue\r\n\r\n');
    }
    this.#connection.onReading(this);
  }

  sendInformational(head: ResponseHead): void {
    if (this.#state !== 'open' || this.head.version < 11) return;
    this.#connection.writer.interim(interimText(head.status, head.reason, head.fields));
  }

  sendHead(head: ResponseHead, extra: FieldBlock): void {
    if (this.#state !== 'open') return;
    this.#state = 'answering';
    const { status, bodyLength } = head;
    this.#bodyless = this.head.method === 'HEAD' || status === 204 || status === 304;
    this.#framing = bodyLength >= 0 ? bodyLength : this.head.version === 11 ? chunkedBody : untilClose;
    this.#close = this.#mustClose;
    const announced = this.#bodyless ? (status === 204 ? untilClose : announcedOf(head)) : this.#framing;
    const connection = this.#close ? 'close' : this.head.version === 10 ? 'keep-alive' : '';
    const text = responseHeadText(head, extra, { announced, connection }, this.#connection.date);
    this.#connection.writer.begin(text, this.#bodyless ? 0 : this.#framing);
  }

  switchProtocols(protocol: string, head: ResponseHead, sink: RequestSink): void {
    if (this.#state !== 'open') return;
    this.#state = 'answering';
    this.#framing = untilClose;
    this.isTunnel = true;
    this.requestDone = false;
    this.heldEnd = undefined;
    this.#watcher = undefined;
    this.sink = sink;
    this.#connection.writer.begin(switchText(protocol, head, this.head.fields), untilClose);
    this.flush();
    this.#connection.onSwitched(this);
  }

  sendBody(chunk: Buffer): boolean {
    if (this.#state !== 'answering' || this.#bodyless || this.#tunnelEnded) return true;
    const outcome = this.#connection.writer.body(chunk);
    if (outcome === 'overrun') this.abort();
    else this.#connection.onWritten();
    return outcome !== 'blocked';
  }

  holdMore(): boolean {
    return this.#connection.writer.holdMore();
  }

  sendEnd(trailers: Fields | undefined): void {
    if (this.#state !== 'answering') return;
    if (this.isTunnel) return this.#endTunnel();
    const whole = this.#connection.writer.end(this.head.acceptsTrailers ? trailers : undefined);
    if (!whole) return this.abort();
    this.#finish();
    this.#connection.onAnswered(this, this.#close || this.#framing === untilClose);
  }

  #endTunnel(): void {
    if (this.#tunnelEnded) return;
    this.#connection.writer.end(undefined);
    this.#tunnelEnded = true;
    this.#connection.onTunnelEnd();
    this.settleTunnel();
  }

  /** Over where both directions have ended, and the flow knows it. */
  settleTunnel(): void {
    if (this.#state !== 'answering' || !this.#tunnelEnded || !this.requestDone || this.heldEnd !== undefined) return;
    this.#finish();
    this.#connection.onAnswered(this, true);
  }

  flush(): void {
    if (this.#state !== 'answering') return;
    this.#connection.writer.flush();
    this.#connection.onWritten();
  }

  respond(status: number, fields: FieldBlock, body: string, close = false): void {
    if (this.#state !== 'open') return;
    this.#closeAsked = close;
    // Latin1 characters of these strings are the bytes of the UTF-8 text, so head and body stay one string.
    const bytes = Buffer.byteLength(body) === body.length ? body : Buffer.from(body).toString('latin1');
    const head = { status, reason: '', fields: noFields, bodyLength: bytes.length, announcedLength: bytes.length };
    this.sendHead(head, fields);
    if (!this.#bodyless) this.#connection.writer.text(bytes);
    this.sendEnd(undefined);
  }

  takeBack(): boolean {
    if (this.#state !== 'answering' || !this.#connection.writer.takeBack()) return false;
    this.#state = 'open';
    this.#bodyless = false;
    return true;
  }

  abort(): void {
    if (this.#state === 'over') return;
    const hard = this.#state === 'answering' && this.#framing === untilClose;
    this.#finish();
    this.#connection.writer.discard();
    this.#connection.onAborted(this, hard);
  }

  /**
   * The request cannot be read to its end: whoever listens is told, now or as soon as somebody does; the client hears why
   * where no answer was begun.
   */
  fail(fault: Fault): void {
    this.failure = fault;
    const listener = this.detach();
    if (listener === undefined) return;
    listener.onClientFailure(fault);
    if (this.#state === 'open') respondProblem(this, fault);
    else if (this.#state !== 'over') this.abort();
  }

  /** The connection is to end soon: whoever speaks another protocol on it is told. */
  leave(): void {
    if (this.isTunnel) this.sink?.onLeaving?.();
  }

  /** The connection is gone: no call has an effect from now on. */
  lose(fault: Fault): void {
    this.failure = fault;
    if (this.#state !== 'over') this.#finish();
    this.tellLoss();
  }

  /** Tells a listener that came late, or was there all along, what became of the connection. */
  tellLoss(): void {
    const listener = this.detach();
    if (this.failure !== undefined) listener?.onClientFailure(this.failure);
  }

  /** The end of a request that was read already: once. */
  tellEnd(): void {
    const held = this.heldEnd;
    this.heldEnd = undefined;
    if (held !== undefined) this.sink?.onRequestEnd(held.trailers);
    if (this.isTunnel) this.settleTunnel();
  }

  #finish(): void {
    this.#sentBytes = this.sentBytes;
    this.#state = 'over';
  }

  /** Closed after the answer: the client wants it, a body might still come that is not worth reading, or it may never come. */
  get #mustClose(): boolean {
    const { head } = this;
    // What stands behind a request for another protocol may belong to that protocol: nobody takes it for a request.
    if (head.upgrade !== '') return true;
    if (this.#closeAsked || !head.keepAlive || this.#connection.mustClose || this.failure !== undefined) return true;
    if (this.#framing === untilClose && !this.#bodyless) return true;
    if (this.requestDone) return false;
    return this.sink === undefined || (head.expectContinue && !this.#continueSent && this.receivedBytes === 0);
  }
}

const noFields = new Fields();
const noTrailers = { trailers: undefined };

/** What a response without a body announces: its own length, or that of the answer to GET. */
function announcedOf(head: ResponseHead): number {
  if (head.announcedLength >= 0) return head.announcedLength;
  return head.bodyLength > 0 ? head.bodyLength : untilClose;
}
