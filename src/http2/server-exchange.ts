// One request and its answer on a stream of a client's HTTP/2 connection (RFC 9113 section 8.1): the Exchange that the flow
// holds. Frames and windows belong to the stream, the connection to server.ts.
import { Fault } from '../base/fault.ts';
import { ConnectionTimers } from '../http/connection-timers.ts';
import {
  chunkedBody,
  type ClientWatcher,
  type Exchange,
  type RequestHead,
  type RequestSink,
  type ResponseHead,
} from '../http/exchange.ts';
import { FieldBlock, Fields } from '../http/field.ts';
import { renderProblem } from '../http/problem.ts';
import { AnswerBacklog } from './answer-backlog.ts';
import { ErrorCode, nameOfErrorCode } from './frame.ts';
import { HeldAnswer, mostHeldBytes } from './held-answer.ts';
import type { Http2Error } from './http2-error.ts';
import type { Http2ServerOptions } from './server-options.ts';
import type { Http2Stream, StreamListener } from './stream.ts';

/** What an exchange needs of its connection. */
export interface ExchangeConnection {
  readonly options: Http2ServerOptions;
  /** The client does not take what was written. */
  readonly isBehind: boolean;
  /** It is to end soon. */
  readonly isToEnd: boolean;
  /** Bytes of all its answers that wait for windows. */
  readonly queuedBytes: number;
  sendHead(stream: Http2Stream, head: ResponseHead, extra: FieldBlock, announced: number, endStream: boolean): void;
  /** The answer is complete, or never will be; once. `close`: the connection must end with it. */
  onAnswered(close: boolean): void;
}

export class Http2Exchange implements Exchange, StreamListener {
  readonly head: RequestHead;
  readonly startedAt: number;
  receivedBytes = 0;
  sentBytes = 0;
  readonly #stream: Http2Stream;
  readonly #connection: ExchangeConnection;
  #sink: RequestSink | undefined;
  #watcher: ClientWatcher | undefined;
  #failure: Fault | undefined;
  #state: 'open' | 'answering' | 'over' = 'open';
  #requestDone = false;
  #maxBodyBytes = 0;
  #isPaused = false;
  #continueDue: boolean;
  #held: HeldAnswer | undefined;
  #bodyless = false;
  /** Nobody here times what the client sends. */
  #isConversation = false;
  /** Both directions are another protocol, until both have ended; ours has. */
  #isTunnel = false;
  #tunnelEnded = false;
  /** Bytes that the answer may still have; Infinity where none are announced. */
  #left = Infinity;
  #closeAsked = false;
  #timers: ConnectionTimers | undefined;
  /** The read that brought the head is over. */
  #headRead = false;
  /** Made for an answer that waits for its client. */
  #backlog: AnswerBacklog | undefined;

  constructor(head: RequestHead, expectContinue: boolean, stream: Http2Stream, connection: ExchangeConnection) {
    this.head = head;
    this.startedAt = connection.options.clock.monotonic();
    this.#stream = stream;
    this.#connection = connection;
    this.#continueDue = expectContinue;
    stream.announce(head.upgrade === '' ? head.bodyLength : chunkedBody);
    stream.pause();
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  /** The whole request has come. */
  get isAsked(): boolean {
    return this.#stream.remoteEnded;
  }

  get canRespond(): boolean {
    return this.#state === 'open';
  }

  get #isUntimed(): boolean {
    return this.#isTunnel || this.#isConversation;
  }

  // --- the request

  watch(watcher: ClientWatcher): void {
    if (this.#failure !== undefined) return watcher.onClientFailure(this.#failure);
    if (this.#state === 'over') return;
    this.#watcher = watcher;
    if (!this.isAsked) this.#timersOf().awaitFlow();
  }

  receive(sink: RequestSink, maxBodyBytes: number, isConversation = false): void {
    if (this.#state === 'over' && this.#failure === undefined) return;
    this.#watcher = undefined;
    this.#sink = sink;
    this.#maxBodyBytes = maxBodyBytes;
    this.#isConversation = isConversation;
    if (isConversation) this.#timers?.awaitNothing();
    if (this.#isPaused) return;
    this.#flow();
    if (this.#headRead) this.#flushHeld();
  }

  pauseRequest(): void {
    this.#isPaused = true;
    this.#stream.pause();
    if (!this.#isUntimed) this.#timers?.awaitFlow();
  }

  resumeRequest(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#sink === undefined) return;
    this.#flow();
    this.#flushHeld();
  }

  /** What was held and is told now came with an earlier read, whose end was told already. */
  #flushHeld(): void {
    if (!this.#requestDone && !this.#isPaused) this.#sink?.onRequestFlush();
  }

  #flow(): void {
    if (this.#failure !== undefined) return this.fail(this.#failure);
    if (this.#isTunnel) return this.#stream.resume();
    const { bodyLength } = this.head;
    if (this.#maxBodyBytes > 0 && bodyLength > this.#maxBodyBytes)
      return this.fail(new Fault('body_too_large', 'client'));
    if (this.#continueDue && this.#state === 'open' && this.receivedBytes === 0 && !this.isAsked) {
      this.#continueDue = false;
      this.#connection.sendHead(this.#stream, continueHead, FieldBlock.empty, -1, false);
    }
    if (this.#headRead && !this.isAsked && !this.#isUntimed) this.#timersOf().bodyStarts(this.receivedBytes);
    this.#stream.resume();
  }

  onStreamData(bytes: Buffer): void {
    this.receivedBytes += bytes.length;
    if (this.#maxBodyBytes > 0 && this.receivedBytes > this.#maxBodyBytes)
      return this.fail(new Fault('body_too_large', 'client'));
    if (!this.#isUntimed) this.#timers?.awaitBody();
    this.#sink?.onRequestBody(bytes);
  }

  onStreamEnd(trailers: Fields | undefined): void {
    this.#requestDone = true;
    this.#timers?.awaitNothing();
    this.#sink?.onRequestEnd(trailers);
    if (this.#isTunnel) this.#settleTunnel();
  }

  onStreamFlush(): void {
    this.#headRead = true;
    if (this.#requestDone || this.#isPaused || this.#sink === undefined) return;
    if (this.#isUntimed) return this.#sink.onRequestFlush();
    // Most bodies come with their heads: only what takes longer is timed.
    if (this.#timers === undefined) this.#timersOf().bodyStarts(this.receivedBytes);
    this.#sink.onRequestFlush();
  }

  onStreamReset(code: number, error: Http2Error | undefined): void {
    const raw = error === undefined ? `RST_STREAM ${nameOfErrorCode(code)}` : nameOfErrorCode(code);
    this.lose(new Fault('client_aborted', 'client', { raw, ...(error !== undefined && { detail: error.reason }) }));
  }

  // --- the answer

  sendInformational(head: ResponseHead): void {
    if (this.#state === 'open') this.#connection.sendHead(this.#stream, head, FieldBlock.empty, -1, false);
  }

  sendHead(head: ResponseHead, extra: FieldBlock): void {
    if (this.#state !== 'open') return;
    this.#state = 'answering';
    const { status, bodyLength } = head;
    this.#bodyless = this.head.method === 'HEAD' || status === 204 || status === 304;
    this.#left = bodyLength >= 0 ? bodyLength : Infinity;
    this.#held = new HeldAnswer(head, extra);
  }

  switchProtocols(_protocol: string, head: ResponseHead, sink: RequestSink): void {
    if (this.#state !== 'open') return;
    this.#state = 'answering';
    this.#isTunnel = true;
    this.#isPaused = false;
    this.#watcher = undefined;
    this.#sink = sink;
    this.#timers?.awaitNothing();
    this.#connection.sendHead(this.#stream, { ...head, status: 200 }, FieldBlock.empty, -1, false);
    this.#stream.resume();
    this.#flushHeld();
    if (this.#connection.isToEnd) this.leave();
  }

  /** The connection is to end soon: whoever speaks another protocol is told. */
  leave(): void {
    if (this.#isTunnel) this.#sink?.onLeaving?.();
  }

  sendBody(chunk: Buffer): boolean {
    if (this.#state !== 'answering' || this.#bodyless || this.#tunnelEnded) return true;
    const { length } = chunk;
    if (length > this.#left) {
      this.abort();
      return true;
    }
    this.#left -= length;
    this.sentBytes += length;
    if (this.#held !== undefined && this.#held.body === undefined && length <= mostHeldBytes) {
      this.#held.body = Buffer.from(chunk);
      return true;
    }
    this.#release(false);
    return this.#write(chunk);
  }

  #write(chunk: Buffer): boolean {
    if (this.#put(chunk, false)) return true;
    return this.#backlogOf().hasRoom && !this.#connection.isBehind;
  }

  /** False where some of it waits, or more should not be written. What waits has to be taken in time. */
  #put(bytes: Buffer, end: boolean): boolean {
    const before = this.#stream.queuedBytes;
    const taken = this.#stream.write(bytes, end);
    const waiting = this.#stream.queuedBytes - before;
    if (waiting > 0) this.#timersOf().awaitMore(waiting);
    return taken;
  }

  #backlogOf(): AnswerBacklog {
    const { options } = this.#connection;
    return (this.#backlog ??= new AnswerBacklog(this.#stream, this.#connection, options.budget));
  }

  holdMore(): boolean {
    return this.#backlogOf().grow();
  }

  sendEnd(trailers: Fields | undefined): void {
    if (this.#state !== 'answering') return;
    if (this.#isTunnel) return this.#endTunnel();
    if (!this.#bodyless && this.#left > 0 && this.#left !== Infinity) return this.abort();
    const some = trailers !== undefined && trailers.length > 0 && !this.#bodyless;
    this.#release(!some);
    if (!this.#stream.localEnded) this.#stream.end(some ? trailers : undefined);
    this.#finish();
    this.#connection.onAnswered(this.#closeAsked);
  }

  #endTunnel(): void {
    if (this.#tunnelEnded) return;
    this.#tunnelEnded = true;
    this.#stream.end(undefined);
    this.#settleTunnel();
  }

  /** Over where both directions have ended, and the flow knows it. */
  #settleTunnel(): void {
    if (!this.#tunnelEnded || !this.#requestDone || this.#state !== 'answering') return;
    this.#finish();
    this.#connection.onAnswered(false);
  }

  flush(): void {
    if (this.#state === 'answering') this.#release(false);
  }

  respond(status: number, fields: FieldBlock, body: string, close = false): void {
    if (this.#state !== 'open') return;
    this.#closeAsked = close;
    const bytes = Buffer.from(body);
    const { length } = bytes;
    const head = { status, reason: '', fields: noFields, bodyLength: length, announcedLength: length };
    // An answer that is all head says so by itself; for gRPC it must be nothing else.
    this.sendHead(length === 0 ? { ...head, bodyLength: chunkedBody, announcedLength: -1 } : head, fields);
    if (!this.#bodyless) {
      this.#left = 0;
      this.sentBytes = length;
      if (this.#held !== undefined) this.#held.body = bytes;
    }
    this.sendEnd(undefined);
  }

  takeBack(): boolean {
    if (this.#state !== 'answering' || this.#held === undefined) return false;
    this.#held = undefined;
    this.#state = 'open';
    this.#bodyless = false;
    this.sentBytes = 0;
    return true;
  }

  abort(): void {
    if (this.#state === 'over') return;
    this.#held = undefined;
    this.#finish();
    // Of a tunnel it stands for a TCP reset (RFC 8441 section 5).
    this.#stream.reset(this.#isTunnel ? ErrorCode.cancel : ErrorCode.internalError);
    this.onStreamClosed();
    this.#connection.onAnswered(false);
  }

  /** Sends what is held back; `end`: nothing comes behind it. */
  #release(end: boolean): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    const { body } = held;
    const isWhole = end && held.isHeadAlone;
    this.#connection.sendHead(this.#stream, held.head, held.extra, held.announced(this.#bodyless), isWhole);
    if (!isWhole && body !== undefined) this.#put(body, end);
  }

  // --- a slow or absent client

  onStreamWritable(): void {
    this.#backlog?.giveBack();
    this.#timers?.taken();
    this.#sink?.onClientDrain();
  }

  onStreamProgress(): void {
    this.#timers?.someTaken();
  }

  onStreamClosed(): void {
    this.#timers?.stop();
    this.#backlog?.giveBack();
  }

  /** Made for the few that wait for anything: a request without a body whose answer is taken at once has none. */
  #timersOf(): ConnectionTimers {
    if (this.#timers !== undefined) return this.#timers;
    const { deadlines, timeouts } = this.#connection.options;
    const timers = new ConnectionTimers(deadlines, timeouts, () => this.#onLate(timers));
    if (this.isAsked || this.#isUntimed) timers.awaitNothing();
    else timers.awaitRequest();
    this.#timers = timers;
    return timers;
  }

  #onLate(timers: ConnectionTimers): void {
    if (timers.isWriteLate) {
      this.#stream.reset(ErrorCode.cancel);
      return this.lose(new Fault('client_aborted', 'client', { detail: 'the answer was not taken' }));
    }
    if (this.isAsked) return;
    if (this.#state === 'over') return this.#stream.stopDiscarding();
    if (this.#sink === undefined || this.#isPaused) {
      if (!timers.isRequestLate) return timers.awaitFlow();
    } else if (timers.keepsRate(this.receivedBytes, !this.canRespond)) return;
    this.fail(new Fault('request_timeout', 'client', { detail: 'the body came too slowly' }));
  }

  /** The request cannot be read to its end: whoever listens is told; the client hears why where no answer was begun. */
  fail(fault: Fault): void {
    this.#stream.pause();
    this.#failure = fault;
    const listener = this.#detach();
    if (listener === undefined) return;
    listener.onClientFailure(fault);
    if (this.#state === 'open') this.respondProblem(fault);
    else if (this.#state !== 'over') this.abort();
  }

  respondProblem(fault: Fault): void {
    const { contentType, body } = renderProblem(fault, '-', this.head.fields.find('accept'));
    this.respond(fault.status, new FieldBlock([['Content-Type', contentType]]), body);
  }

  /** Stream or connection are gone: no call has an effect from now on. */
  lose(fault: Fault): void {
    this.#failure = fault;
    this.#held = undefined;
    const wasOver = this.#state === 'over';
    if (!wasOver) this.#finish();
    this.#timers?.stop();
    this.#backlog?.giveBack();
    if (wasOver) return;
    this.#connection.onAnswered(false);
    this.#detach()?.onClientFailure(fault);
  }

  #detach(): ClientWatcher | undefined {
    const listener = this.#sink ?? this.#watcher;
    this.#sink = undefined;
    this.#watcher = undefined;
    return listener;
  }

  #finish(): void {
    this.#state = 'over';
    if (this.#failure === undefined) this.#detach();
    this.#stream.discardRest();
    // What waits for the client's window is timed until it is out, and so is what the client still sends.
    if (!this.#stream.isClosed && !this.isAsked) this.#timersOf().awaitBody();
    else if (this.#stream.queuedBytes > 0) this.#timers?.awaitNothing();
    else this.onStreamClosed();
  }
}

const noFields = new Fields();
const continueHead: ResponseHead = {
  status: 100,
  reason: '',
  fields: noFields,
  bodyLength: 0,
  announcedLength: -1,
};
