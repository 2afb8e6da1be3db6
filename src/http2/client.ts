// One connection to a backend over HTTP/2 (RFC 9113): a stream for each call, as many as the backend allows. Takes a socket that
// is connected and, for TLS, verified. Pooling, choosing and retrying belong to upstream.
import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { Fault, toFault } from '../base/fault.ts';
import { SlotSet } from '../base/slot-set.ts';
import type { BackendConnection, CallAccount, ConnectionOwner } from '../http/backend-connection.ts';
import type { BackendCall, OutgoingRequest } from '../http/exchange.ts';
import type { FieldNames, Fields } from '../http/field.ts';
import type { HttpLimits } from '../http/limits.ts';
import { holdWriteFailure } from '../http/write-failure.ts';
import type { ReadBuffer } from '../http/read-buffer.ts';
import { StreamRefused } from '../http/stream-refused.ts';
import type { TurnEnd } from '../http/turn-end.ts';
import { type CallConnection, Http2BackendCall } from './client-call.ts';
import { ErrorCode, greatestStreamId, nameOfErrorCode, SettingId } from './frame.ts';
import type { DecodedHeaders } from './decoded-headers.ts';
import { encodeRequest, encodeTrailers } from './header-blocks.ts';
import { readResponse, readTrailers } from './header-list.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { HpackEncoder } from './hpack-encoder.ts';
import { Http2Error, protocolError, streamError } from './http2-error.ts';
import { Liveness, type Questioned } from './liveness.ts';
import { Malformed } from './message-head.ts';
import type { PeerSettings } from './peer-settings.ts';
import { Http2Session } from './session.ts';
import type { SessionRole } from './session-role.ts';
import type { Http2Shared } from './shared.ts';
import type { Http2Stream } from './stream.ts';

export type Http2BackendOptions = {
  readonly names: FieldNames;
  readonly limits: HttpLimits;
  readonly clock: Clock;
  readonly turn: TurnEnd;
  readonly http2: Http2Shared;
};

/** Calls on one connection, whatever the backend allows: more wait for each other's bytes longer than a connection costs. */
const maxCalls = 100;
/** Of an answer that its client does not take, for each call; the connection itself must never be what is full. */
const streamWindow = 131_072;
const connectionWindow = 16_777_216;
const pingOpaque = Buffer.from('liveness');

export class Http2BackendConnection implements BackendConnection, CallConnection, SessionRole, Questioned {
  readonly role = 'client';
  readonly lastStreamId = 0;
  activeCalls = 0;
  hasAnswered = false;
  readonly turn: TurnEnd;
  readonly #socket: Socket;
  readonly #options: Http2BackendOptions;
  readonly #owner: ConnectionOwner;
  readonly #session: Http2Session;
  readonly #decoder: HpackDecoder;
  readonly #encoder: HpackEncoder;
  readonly #calls = new SlotSet<Http2BackendCall>();
  #nextStreamId = 1;
  #allowed = maxCalls;
  /** It takes no further call: GOAWAY, no more stream ids, or it does not answer a PING so far. */
  #isLeaving = false;
  #isClosed = false;
  #error: (Error & { code?: string }) | undefined;
  readonly #liveness: Liveness;
  /** The backend takes nothing of what it gets: no further request is worth waiting there. */
  #isChoked = false;
  /** How often something came: shows that the backend is there. */
  reads = 0;

  /** `readBuffer`: where the socket's bytes come from if it was opened with one, so that it emits no `data`. */
  constructor(socket: Socket, options: Http2BackendOptions, owner: ConnectionOwner, readBuffer?: ReadBuffer) {
    this.#socket = socket;
    this.#options = options;
    this.#owner = owner;
    this.turn = options.turn;
    this.#liveness = new Liveness(options.clock, this);
    socket.setNoDelay(true);
    holdWriteFailure(socket, (error) => {
      this.#error ??= error;
    });
    socket.on('error', (error: Error) => {
      // It says more than a failed write before it: the alert by which the backend refused our certificate.
      this.#error = error;
      this.#lose();
    });
    const onBytes = (bytes: Buffer): void => this.#onBytes(bytes);
    if (readBuffer === undefined) socket.on('data', onBytes);
    else readBuffer.receiver = onBytes;
    socket.on('end', () => this.#lose());
    socket.on('close', () => this.#lose());
    const { clock, turn, http2, limits } = options;
    this.#encoder = new HpackEncoder(http2.blocks);
    this.#decoder = new HpackDecoder(http2.hpack, { listBytes: limits.headBytes, fieldCount: limits.fieldCount });
    this.#session = new Http2Session(
      socket,
      {
        clock,
        turn,
        shared: http2,
        streamWindow,
        connectionWindow,
        settings: [
          [SettingId.enablePush, 0],
          [SettingId.initialWindowSize, streamWindow],
          [SettingId.maxHeaderListSize, limits.headBytes],
        ],
      },
      this,
    );
    socket.resume();
  }

  get takesUpgrades(): boolean {
    return this.#session.peer.connectProtocol;
  }

  get areSettingsKnown(): boolean {
    return this.#session.peer.areKnown;
  }

  get capacity(): number {
    const isUsable = !this.#isLeaving && !this.#isClosed && !this.#liveness.isDoubtful;
    return isUsable && !this.#isChoked ? this.#allowed : 0;
  }

  openCall(account?: CallAccount): BackendCall {
    this.activeCalls += 1;
    const call = new Http2BackendCall(this, account, this.#nextStreamId > 1);
    this.#calls.add(call);
    return call;
  }

  /** Closes it, whatever it does; calls in progress fail with `fault` or backend_closed. */
  destroy(fault?: Fault): void {
    this.#close(fault, this.#calls.list(), () => fault ?? closedByUs());
  }

  #onBytes(bytes: Buffer): void {
    try {
      this.#session.push(bytes);
    } catch (error) {
      // A defect in whoever takes an answer ends this connection, not the process.
      this.destroy(toFault(error));
    }
  }

  // --- calls

  begin(call: Http2BackendCall, request: OutgoingRequest): Http2Stream | Fault {
    const { upgrade = '', bodyLength } = request;
    if (this.#isLeaving)
      return new StreamRefused('connection that served others', {
        detail: 'the connection is about to end',
        raw: 'GOAWAY',
      });
    if (upgrade !== '' && !this.takesUpgrades) {
      const detail = `its HTTP/2 does not announce extended CONNECT (RFC 8441), which ${upgrade} needs`;
      return new Fault('upgrade_unsupported', 'backend', { detail });
    }
    if (!encodeRequest(this.#encoder, request))
      return new Fault('internal', 'gateway', { detail: 'an illegal request line' });
    const stream = this.#session.open(this.#nextStreamId);
    stream.listener = call;
    this.#nextStreamId += 2;
    this.#session.budget.answered += 1;
    if (this.#nextStreamId > greatestStreamId) this.#isLeaving = true;
    this.#session.sendHeaders(stream, this.#encoder.block, this.#encoder.length, bodyLength === 0 && upgrade === '');
    this.#liveness.onCall();
    return stream;
  }

  onAnswer(): void {
    this.hasAnswered = true;
    this.#liveness.onAnswer();
  }

  onCallOver(call: Http2BackendCall): void {
    if (this.#calls.delete(call)) this.activeCalls -= 1;
  }

  onCallTold(): void {
    if (this.#isClosed) return;
    if (this.#isLeaving && this.activeCalls === 0) this.#close(undefined, []);
    else this.#owner.onFree(this);
  }

  onUnanswered(): void {
    if (!this.#isClosed) this.#liveness.onUnanswered();
  }

  onQuiet(): void {
    if (!this.#isClosed) this.#liveness.onQuiet();
  }

  sendPing(): void {
    this.#session.ping(pingOpaque);
  }

  onSilence(ms: number): void {
    this.destroy(new Fault('backend_closed', 'backend', { detail: `did not answer a PING within ${ms} ms` }));
  }

  onReadOver(): void {}

  /** A backend is nobody who comes again. */
  mayWaste(): boolean {
    return true;
  }

  onRead(): void {
    this.reads += 1;
    if (this.#liveness.onRead()) this.#owner.onFree(this);
  }

  // --- the session

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
    const listener = stream?.listener;
    if (stream === undefined || !(listener instanceof Http2BackendCall)) {
      if (this.isIdle(streamId))
        this.#session.fail(protocolError('HEADERS on a stream that was never opened', streamId));
      else this.#session.strayHeaders(streamId);
      return;
    }
    const error = stream.remoteEnded
      ? streamError(ErrorCode.streamClosed, streamId, 'HEADERS after the end')
      : this.#takeHeaders(stream, listener, headers, endStream);
    if (error !== undefined) this.#session.onError(error);
  }

  #takeHeaders(
    stream: Http2Stream,
    call: Http2BackendCall,
    headers: DecodedHeaders,
    endStream: boolean,
  ): Http2Error | undefined {
    if (call.isAnswered) {
      const trailers = endStream ? readTrailers(headers, this.#options.limits) : notLast;
      if (trailers instanceof Malformed) return streamError(ErrorCode.protocolError, stream.id, trailers.reason);
      return stream.receiveEnd(trailers);
    }
    const head = readResponse(headers, endStream, call.method);
    if (head instanceof Malformed) return streamError(ErrorCode.protocolError, stream.id, head.reason);
    const flaw = call.onHead(head);
    if (flaw !== undefined) return streamError(ErrorCode.protocolError, stream.id, flaw);
    return endStream ? stream.receiveEnd(undefined) : undefined;
  }

  sendTrailers(stream: Http2Stream, trailers: Fields): void {
    encodeTrailers(this.#encoder, trailers);
    this.#session.sendHeaders(stream, this.#encoder.block, this.#encoder.length, true);
  }

  onPeerSettings({ maxConcurrentStreams, headerTableSize }: PeerSettings): void {
    this.#encoder.limitTable(headerTableSize);
    const before = this.#allowed;
    this.#allowed = Math.min(maxCalls, maxConcurrentStreams);
    for (const call of this.#calls.list()) call.onSettings();
    if (this.#allowed > before) this.#owner.onFree(this);
  }

  onPingAck(): void {}

  /** It serves what it has taken on, and nothing more; what it has not is somebody else's (section 6.8). */
  onGoAway(lastStreamId: number, code: number): void {
    this.#isLeaving = true;
    // Where it has begun nothing at all, another one may do the same.
    const by = lastStreamId > 0 ? 'connection that served others' : 'connection that served nothing';
    // First, so that what is tried again is not given to this connection.
    this.#owner.onFree(this);
    for (const call of this.#calls.list()) {
      if (call.streamId <= lastStreamId) continue;
      const detail = `the backend ends the connection and has not begun this call (${nameOfErrorCode(code)})`;
      call.fail(new StreamRefused(by, { detail, raw: 'GOAWAY' }));
    }
    if (this.activeCalls === 0) this.#close(undefined, []);
  }

  onStreamClosed(): void {}

  isIdle(streamId: number): boolean {
    return streamId % 2 === 0 || streamId >= this.#nextStreamId;
  }

  onBroken(error: Http2Error): void {
    const fault = new Fault('backend_protocol', 'backend', { detail: error.reason, raw: nameOfErrorCode(error.code) });
    this.#close(fault, this.#calls.list(), () => fault);
  }

  onTaken(): void {}

  onBehind(): void {
    this.#isChoked = this.#session.output.isChoked;
  }

  onCaughtUp(): void {
    if (!this.#isChoked) return;
    this.#isChoked = false;
    this.#owner.onFree(this);
  }

  // --- endings

  /** The socket is of no more use: what that means for a call depends on how far its answer came. */
  #lose(): void {
    if (this.#isClosed) return;
    const cause = this.#error;
    const raw = cause?.code ?? (cause === undefined ? 'EOF' : cause.message);
    const isIdle = this.activeCalls === 0;
    // A plain end says less than an alert, yet some servers refuse a certificate in no other way.
    const ending = cause ?? Object.assign(new Error('closed before the answer'), { code: 'EOF' });
    const refusal = isIdle || this.hasAnswered ? undefined : this.#owner.translateFailure?.(ending);
    const closed = refusal ?? new Fault('backend_closed', 'backend', { raw, cause });
    const lost = this.#calls.list().filter((call) => !call.isHeldWhole);
    this.#close(isIdle ? undefined : closed, lost, (call) =>
      call.isAnswered ? new Fault('backend_truncated', 'backend', { raw, cause }) : closed,
    );
  }

  /** `lost`: calls that fail with it. The owner hears first, so that a retry finds it gone. */
  #close(
    fault: Fault | undefined,
    lost: readonly Http2BackendCall[],
    faultOf: (call: Http2BackendCall) => Fault = closedByUs,
  ): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#liveness.stop();
    this.#session.goAway(0, ErrorCode.noError);
    if (this.#socket.writable) this.#session.output.flush();
    this.#session.close();
    // GOAWAY goes out where the backend takes it at once; nobody waits for one that does not.
    if (this.#socket.writable && this.#socket.writableLength === 0) this.#socket.destroySoon();
    else this.#socket.destroy();
    const ended = lost.map((call) => ({ fault: faultOf(call), sink: call.end() }));
    this.#owner.onClosed(this, fault);
    for (const { fault: reason, sink } of ended) sink?.onBackendFailure(reason);
  }
}

const closedByUs = (): Fault => new Fault('backend_closed', 'backend', { detail: 'closed by the gateway' });
const notLast = new Malformed('trailers that do not end the stream');
