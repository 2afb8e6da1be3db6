// A client's HTTP/2 connection (RFC 9113): a request for each stream, answers in whichever order they come. Takes a socket on
// which HTTP/2 was agreed on, and owns it until it is closed. What an answer says belongs to the flow.
import type { Socket } from 'node:net';
import { Fault, toFault } from '../base/fault.ts';
import { countRead } from '../base/read-garbage.ts';
import type { ClientConnection, ClientConnectionOwner } from '../http/client-connection.ts';
import { ConnectionTimers } from '../http/connection-timers.ts';
import { chunkedBody, type RequestHandler, type ResponseHead } from '../http/exchange.ts';
import { type FieldBlock, Fields } from '../http/field.ts';
import { ParseError } from '../http/parse-error.ts';
import type { DecodedHeaders } from './decoded-headers.ts';
import { ErrorCode, nameOfErrorCode, SettingId } from './frame.ts';
import { encodeInterim, encodeResponse, encodeTrailers } from './header-blocks.ts';
import { readRequest, readTrailers, type RequestOptions } from './header-list.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { HpackEncoder } from './hpack-encoder.ts';
import { Http2Error, streamError } from './http2-error.ts';
import { type Http2RequestHead, Malformed } from './message-head.ts';
import type { PeerSettings } from './peer-settings.ts';
import { type ExchangeConnection, Http2Exchange } from './server-exchange.ts';
import type { Http2ServerOptions } from './server-options.ts';
import { type EndingConnection, ServerEnding } from './server-ending.ts';
import { Http2Session } from './session.ts';
import type { SessionRole } from './session-role.ts';
import type { Http2Stream } from './stream.ts';

/** Of a request body that nobody takes yet, for each stream; and for all of a connection. */
const streamWindow = 262_144;
const connectionWindow = 1_048_576;

/** Reads in a row; then whoever else has something to read is served first. */
const maxReadsInARow = 32;
export class Http2ServerConnection implements ClientConnection, ExchangeConnection, EndingConnection, SessionRole {
  readonly role = 'server';
  readonly options: Http2ServerOptions;
  /** The last that was taken on. */
  lastStreamId = 0;
  readonly #socket: Socket;
  readonly #handler: RequestHandler;
  readonly #session: Http2Session;
  readonly #decoder: HpackDecoder;
  readonly #encoder: HpackEncoder;
  readonly #requestOptions: RequestOptions;
  readonly #timers: ConnectionTimers;
  readonly #ending: ServerEnding;
  #active = 0;
  /** The last stream that the client has opened, taken on or not. */
  #lastSeen = 0;
  /** Its SETTINGS have come. */
  #isGreeted = false;
  /** It is not read from, because it takes nothing of what it asks for. */
  #isChoked = false;
  #readsInARow = 0;
  /** Whole requests that this read has brought. */
  readonly #asked: Http2Exchange[] = [];

  constructor(socket: Socket, options: Http2ServerOptions, handler: RequestHandler, owner: ClientConnectionOwner) {
    this.options = options;
    this.#socket = socket;
    this.#handler = handler;
    this.#timers = new ConnectionTimers(options.deadlines, options.timeouts, () => this.#ending.onLate());
    socket.setNoDelay(true);
    socket.on('error', (error: Error & { code?: string }) => this.#ending.gone(error.code ?? error.message));
    socket.on('close', () => {
      this.#ending.gone('closed');
      owner.onClosed(this);
    });
    socket.on('end', () => this.#ending.onEnd());
    socket.on('data', (bytes: Buffer) => this.#onData(bytes));
    const { clock, turn, http2, limits, maxConcurrentStreams } = options;
    this.#encoder = new HpackEncoder(http2.blocks);
    this.#decoder = new HpackDecoder(http2.hpack, { listBytes: limits.headBytes, fieldCount: limits.fieldCount });
    this.#requestOptions = { pathBytes: limits.startLineBytes, connectProtocol: true };
    this.#session = new Http2Session(
      socket,
      {
        clock,
        turn,
        shared: http2,
        streamWindow,
        connectionWindow,
        settings: [
          [SettingId.maxConcurrentStreams, maxConcurrentStreams],
          [SettingId.initialWindowSize, streamWindow],
          [SettingId.maxHeaderListSize, limits.headBytes],
          [SettingId.enableConnectProtocol, 1],
        ],
      },
      this,
    );
    this.#ending = new ServerEnding(socket, this.#session, this.#timers, this);
    socket.resume();
  }

  get activeRequests(): number {
    return this.#active;
  }

  get isBehind(): boolean {
    return this.#session.isBehind;
  }

  get queuedBytes(): number {
    return this.#session.queuedBytes;
  }

  // --- how it ends

  drain(): void {
    this.#ending.drain();
  }

  dismiss(): void {
    this.#ending.dismiss();
  }

  drainAfterFirst(): void {
    this.#ending.drainAfterFirst();
  }

  destroy(fault?: Fault): void {
    this.#ending.destroy(fault);
  }

  get isToEnd(): boolean {
    return this.#ending.isToEnd;
  }

  get isAtRest(): boolean {
    return this.#active === 0 && this.#session.streams.size === 0;
  }

  tellTunnels(): void {
    for (const { listener } of this.#session.streams.list()) if (listener instanceof Http2Exchange) listener.leave();
  }

  loseAll(fault: Fault): void {
    for (const stream of this.#session.streams.list()) {
      const { listener } = stream;
      stream.drop();
      if (listener instanceof Http2Exchange) listener.lose(fault);
    }
  }

  onBroken(error: Http2Error): void {
    const flood = error.code === ErrorCode.enhanceYourCalm;
    const raw = nameOfErrorCode(error.code);
    const fault = new Fault(flood ? 'http2_flood' : 'bad_request', 'client', { detail: error.reason, raw });
    this.loseAll(fault);
    this.#ending.end();
    this.#handler.onBadRequest(fault);
  }

  // --- what comes

  #onData(bytes: Buffer): void {
    countRead(bytes.length);
    if (this.#ending.phase === 'ending') return this.#ending.discard(bytes);
    if (++this.#readsInARow >= maxReadsInARow) this.#yieldTurn();
    try {
      this.#session.push(bytes);
    } catch (error) {
      // Nobody above may throw; one who does must not take the process along.
      const fault = toFault(error);
      this.#handler.onBadRequest(fault);
      this.destroy(fault);
    }
  }

  /** Whoever else has something to read is served first. */
  #yieldTurn(): void {
    this.#readsInARow = 0;
    this.#socket.pause();
    setImmediate(() => {
      if (!this.#isChoked) this.#socket.resume();
    });
  }

  onHeaders(
    streamId: number,
    stream: Http2Stream | undefined,
    bytes: Buffer,
    start: number,
    end: number,
    endStream: boolean,
  ): void {
    const headers = this.#decoder.decode(bytes, start, end);
    if (headers instanceof Http2Error) return this.#session.fail(headers);
    if (stream !== undefined) return this.#takeTrailers(stream, headers, endStream);
    if (streamId <= this.#lastSeen) return this.#session.strayHeaders(streamId);
    this.#lastSeen = streamId;
    if (this.#ending.phase !== 'open' || this.#session.streams.size >= this.options.maxConcurrentStreams)
      return this.#session.refuse(streamId);
    this.lastStreamId = streamId;
    const head = readRequest(headers, endStream, this.#requestOptions);
    if (head instanceof Malformed) return this.#refuseMalformed(streamId, head);
    this.#begin(streamId, head, endStream);
  }

  #takeTrailers(stream: Http2Stream, headers: DecodedHeaders, endStream: boolean): void {
    if (stream.remoteEnded) return this.#session.strayHeaders(stream.id);
    const trailers = endStream ? readTrailers(headers, this.options.limits) : notLast;
    const error =
      trailers instanceof Malformed
        ? streamError(ErrorCode.protocolError, stream.id, trailers.reason)
        : stream.receiveEnd(trailers);
    if (error !== undefined) this.#session.onError(error);
  }

  /** Nothing is answered to what is no request; whoever looks for it finds it in the log. */
  #refuseMalformed(streamId: number, { reason }: Malformed): void {
    this.#session.onError(streamError(ErrorCode.protocolError, streamId, reason));
    if (this.#session.isClosed) return;
    this.#handler.onBadRequest(new Fault('bad_request', 'client', { detail: reason, raw: 'PROTOCOL_ERROR' }));
  }

  #begin(streamId: number, head: Http2RequestHead | ParseError, endStream: boolean): void {
    if (this.#active === 0) this.#timers.awaitNothing();
    const stream = this.#session.open(streamId);
    stream.remoteEnded = endStream;
    this.#active += 1;
    const readable = head instanceof ParseError ? unreadable : head;
    const exchange = new Http2Exchange(readable, readable.expectContinue, stream, this);
    stream.listener = exchange;
    if (endStream) stream.receiveEnd(undefined);
    // What the client sent in the same breath is served, too.
    if (this.#ending.isAfterFirst) this.drain();
    if (head instanceof ParseError) this.#refuse(exchange, head);
    // A request that the same read resets costs no backend anything; a body has to find its listener.
    else if (endStream) this.#asked.push(exchange);
    else this.#handler.onRequest(exchange);
  }

  onReadOver(): void {
    const asked = this.#asked;
    if (asked.length === 0) return;
    for (const exchange of asked) if (!exchange.isOver) this.#handler.onRequest(exchange);
    asked.length = 0;
  }

  /** Answers what cannot be served; the connection goes on. */
  #refuse(exchange: Http2Exchange, error: ParseError): void {
    const fault = new Fault(error.code, 'client', { detail: error.detail });
    exchange.respondProblem(fault);
    this.#handler.onBadRequest(fault);
  }

  // --- what goes

  sendHead(stream: Http2Stream, head: ResponseHead, extra: FieldBlock, announced: number, endStream: boolean): void {
    const encoder = this.#encoder;
    if (head.status < 200) encodeInterim(encoder, head.status, head.fields);
    else encodeResponse(encoder, head, extra, announced, this.options.date);
    this.#session.sendHeaders(stream, encoder.block, encoder.length, endStream);
  }

  sendTrailers(stream: Http2Stream, trailers: Fields): void {
    encodeTrailers(this.#encoder, trailers);
    this.#session.sendHeaders(stream, this.#encoder.block, this.#encoder.length, true);
  }

  onAnswered(close: boolean): void {
    this.#active -= 1;
    if (close) this.#ending.leave();
    this.#settle();
  }

  /** Was that the last thing that it had to do? */
  #settle(): void {
    if (!this.isAtRest) return;
    const { phase } = this.#ending;
    if (phase === 'leaving') this.#ending.end();
    else if (phase === 'open') this.#timers.awaitNext();
  }

  // --- the session

  onPeerSettings({ headerTableSize }: PeerSettings): void {
    this.#encoder.limitTable(headerTableSize);
    if (this.#isGreeted) return;
    this.#isGreeted = true;
    if (this.#lastSeen === 0 && !this.#ending.isAfterFirst) this.#timers.awaitNext();
  }

  onPingAck(): void {
    this.#ending.onPingAck();
  }

  /** A client that will open no further stream. What it has begun is served. */
  onGoAway(): void {
    this.#ending.leave();
  }

  onStreamClosed(): void {
    this.#settle();
  }

  isIdle(streamId: number): boolean {
    return streamId % 2 === 0 || streamId > this.#lastSeen;
  }

  onRead(): void {}

  mayWaste(): boolean {
    return this.#handler.onUseless?.() ?? true;
  }

  onTaken(): void {
    this.#timers.someTaken();
  }

  onBehind(waitingBytes: number): void {
    this.#timers.awaitTaking(waitingBytes);
    if (!this.#session.output.isChoked) return;
    this.#isChoked = true;
    this.#socket.pause();
  }

  onCaughtUp(): void {
    this.#timers.taken();
    if (!this.#isChoked) return;
    this.#isChoked = false;
    this.#socket.resume();
  }
}

const notLast = new Malformed('trailers that do not end the stream');
/** Stands for what could not be read. */
const unreadable: Http2RequestHead = {
  method: '',
  target: '',
  authority: '',
  version: 20,
  fields: new Fields(),
  bodyLength: chunkedBody,
  upgrade: '',
  acceptsTrailers: false,
  expectContinue: false,
  protocol: '',
};
