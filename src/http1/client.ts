// One connection to a backend over HTTP/1.1 (RFC 9112): a call at a time, reusable only where nothing can be left over.
// Takes a socket that is connected and, for TLS, verified. Pooling, choosing and retrying belong to upstream.
import type { Socket } from 'node:net';
import { Fault, toFault } from '../base/fault.ts';
import type { BackendConnection, CallAccount, ConnectionOwner } from '../http/backend-connection.ts';
import type { BackendCall, OutgoingRequest, ResponseSink } from '../http/exchange.ts';
import { untilClose } from '../http/exchange.ts';
import type { BufferPool } from '../http/buffer-pool.ts';
import type { FieldNames, Fields } from '../http/field.ts';
import type { HttpLimits } from '../http/limits.ts';
import { holdWriteFailure } from '../http/write-failure.ts';
import type { TurnEnd, TurnTask } from '../http/turn-end.ts';
import { ParseError } from '../http/parse-error.ts';
import { acceptField, acceptOf, newWebSocketKey, webSocket } from '../http/websocket.ts';
import { BodyReader } from './body-reader.ts';
import { illegalHead, resumeAt, scanHead } from './head-scan.ts';
import { requestHeadText } from './head-text.ts';
import type { ReadBuffer } from '../http/read-buffer.ts';
import { MessageWriter } from './message-writer.ts';
import { isTlsRecord, tlsWhereHttp } from '../http/tls-where-http.ts';
import { type Http1ResponseHead, parseResponseHead } from './response-head.ts';

export type Http1BackendOptions = {
  readonly names: FieldNames;
  readonly limits: HttpLimits;
  readonly turn: TurnEnd;
  /** Where bodies of requests wait to be written. */
  readonly buffers: BufferPool;
};

/** 1xx answers to one request; nobody sends more than a few. */
const maxInterim = 32;

/** For a backend to take what was written to it before a tunnel was over; without any progress it is cut. */
const closeMs = 30_000;

/** `tunnel`: both directions are another protocol, until both have ended. */
type Phase = 'idle' | 'head' | 'body' | 'tunnel' | 'closed';

/** The connection is its own call: it carries one at a time, and none is worth an object. */
export class Http1BackendConnection implements BackendCall, BackendConnection, TurnTask {
  readonly capacity = 1;
  /** Handed out, from `openCall` to the end of the answer. */
  activeCalls = 0;
  readonly socket: Socket;
  readonly #options: Http1BackendOptions;
  readonly #owner: ConnectionOwner;
  readonly #writer: MessageWriter;
  readonly #body: BodyReader;
  #phase: Phase = 'idle';
  #sink: ResponseSink | undefined;
  #account: CallAccount | undefined;
  #method = '';
  #calls = 0;
  /** The protocol that was asked for, and the key of WebSocket; '' where none was. */
  #upgrade = '';
  #key = '';
  #requestDone = true;
  #keepAlive = false;
  #interims = 0;
  /** Bytes of the answer's body so far. */
  #bodyReceived = 0;
  #answerStarted = false;
  #paused = false;
  #reading = false;
  #flushDue = false;
  #writeDue = false;
  /** Bytes received and not yet read, from #at on. */
  #pending: Buffer | undefined;
  #at = 0;
  /** Bytes of an incomplete head that were looked at. */
  #scanned = 0;
  #ended = false;
  /** The sink has heard of the end of the backend's direction. */
  #endTold = false;
  #error: (Error & { code?: string }) | undefined;
  /** The backend takes nothing more; what it has sent is still read. */
  #writeFailure: (Error & { code?: string }) | undefined;

  /** `readBuffer`: where the socket's bytes come from if it was opened with one, so that it emits no `data`. */
  constructor(socket: Socket, options: Http1BackendOptions, owner: ConnectionOwner, readBuffer?: ReadBuffer) {
    this.socket = socket;
    this.#options = options;
    this.#owner = owner;
    this.#writer = new MessageWriter(socket, options.buffers);
    this.#body = new BodyReader(options.names, options.limits);
    socket.setNoDelay(true);
    holdWriteFailure(socket, (error) => {
      this.#writeFailure = error;
    });
    socket.on('error', (error: Error) => {
      this.#error ??= error;
      this.#lose();
    });
    const onChunk = (chunk: Buffer): void => this.#onChunk(chunk);
    if (readBuffer === undefined) socket.on('data', onChunk);
    else readBuffer.receiver = onChunk;
    socket.on('drain', () => this.#sink?.onBackendDrain());
    socket.on('end', () => this.#onEnd());
    socket.on('close', () => this.#lose());
    socket.resume();
  }

  readonly mayBeRefused = false;
  readonly takesUpgrades = false;

  get reused(): boolean {
    return this.#calls > 1;
  }

  get hasAnswered(): boolean {
    return this.#calls > 1 || this.#answerStarted;
  }

  openCall(account?: CallAccount): BackendCall {
    this.activeCalls = 1;
    this.#account = account;
    return this;
  }

  #callOver(): void {
    this.activeCalls = 0;
    const account = this.#account;
    this.#account = undefined;
    account?.onCallOver();
  }

  /** Carries no call and can take one. */
  get isIdle(): boolean {
    return this.#phase === 'idle' && !this.#ended && this.socket.writable;
  }

  /** Never throws: where the request cannot be sent, `sink` hears of it before this returns. */
  sendRequest(request: OutgoingRequest, sink: ResponseSink): void {
    if (this.#phase !== 'idle') {
      const closed = this.#phase === 'closed';
      const detail = closed ? 'the connection was closed before the request' : 'the connection carries another call';
      sink.onBackendFailure(
        new Fault(closed ? 'backend_closed' : 'internal', closed ? 'backend' : 'gateway', { detail }),
      );
      return;
    }
    this.#upgrade = request.upgrade ?? '';
    this.#key = this.#upgrade === webSocket ? newWebSocketKey() : '';
    const head = requestHeadText(request, this.#key);
    if (head === undefined) {
      this.#close(undefined);
      sink.onBackendFailure(new Fault('internal', 'gateway', { detail: 'an illegal request line' }));
      return;
    }
    this.#phase = 'head';
    this.activeCalls = 1;
    this.#sink = sink;
    this.#method = request.method;
    this.#calls++;
    this.#requestDone = this.#upgrade !== '';
    this.#interims = 0;
    this.#answerStarted = false;
    this.#paused = false;
    this.#writer.begin(head, request.bodyLength);
  }

  sendRequestBody(chunk: Buffer): boolean {
    if (this.#sink === undefined || this.#requestDone) return true;
    const outcome = this.#writer.body(chunk);
    if (outcome !== 'overrun') return outcome === 'ready';
    this.#fail(new Fault('internal', 'gateway', { detail: 'a request body longer than announced' }));
    return true;
  }

  sendRequestEnd(trailers: Fields | undefined): void {
    if (this.#sink === undefined || this.#requestDone) return;
    this.#requestDone = true;
    if (!this.#writer.end(trailers)) {
      this.#fail(new Fault('internal', 'gateway', { detail: 'a request body shorter than announced' }));
    } else if (this.#phase === 'tunnel') {
      this.socket.end();
      this.#settle();
    }
  }

  flushRequest(): void {
    if (this.#sink === undefined) return;
    // A head goes at once. What follows it comes in several pieces in a turn, a TLS record each, and is one write.
    if (this.#writer.sentBytes === 0) this.#writer.flush();
    else if (!this.#writeDue) {
      this.#writeDue = true;
      this.#options.turn.write(this.#requestWrite);
    }
  }

  pauseResponse(): void {
    if (this.#sink === undefined || this.#paused) return;
    this.#paused = true;
    this.socket.pause();
  }

  /** TCP itself asks (keepalive, upstream/connect.ts): there is nothing in HTTP/1.1 to ask with. */
  verifyLiveness(): void {}

  resumeResponse(): void {
    if (this.#sink === undefined || !this.#paused) return;
    this.#paused = false;
    this.#read();
    if (!this.#paused && this.#phase !== 'closed') this.socket.resume();
    this.#flushSink();
  }

  /** Also closes an idle connection. Drop the reference once the call ended: the connection may carry another's by then. */
  cancel(): void {
    this.#sink = undefined;
    this.#close(undefined);
  }

  /** Closes the connection, whatever it does; a call in progress fails with `fault` or backend_closed. */
  destroy(fault?: Fault): void {
    const sink = this.#sink;
    this.#sink = undefined;
    this.#close(fault);
    sink?.onBackendFailure(fault ?? new Fault('backend_closed', 'backend', { detail: 'closed by the gateway' }));
  }

  /** A defect in whoever takes the answer ends this call, not the process. */
  #onChunk(chunk: Buffer): void {
    try {
      this.#onData(chunk);
    } catch (error) {
      this.#fail(toFault(error));
    }
  }

  #onData(chunk: Buffer): void {
    if (this.#phase === 'closed') return;
    if (this.#phase === 'idle') {
      // Whoever writes without being asked would have his bytes taken for the answer to the next request (incident 19).
      this.#close(new Fault('backend_protocol', 'backend', { detail: 'bytes that belong to no request' }));
      return;
    }
    if (this.#pending === undefined) this.#pending = chunk;
    else this.#pending = Buffer.concat([this.#pending.subarray(this.#at), chunk]);
    this.#at = 0;
    this.#read();
    this.#keepRest();
    this.#flushSink();
  }

  /** Bytes are ours during the call only: what waits for more is copied, at most the beginning of a head. */
  #keepRest(): void {
    if (this.#pending === undefined) return;
    this.#pending = Buffer.from(this.#pending.subarray(this.#at));
    this.#at = 0;
  }

  /** What came in this turn goes on, once per turn of the event loop: TLS delivers one read of the socket as several pieces, a record each. */
  #flushSink(): void {
    if (this.#flushDue || !this.#answerStarted || this.#sink === undefined) return;
    this.#flushDue = true;
    this.#options.turn.deliver(this);
  }

  /** What a turn of the event loop brought of the request. Where the call is over by then, nothing is left to write. */
  readonly #requestWrite: TurnTask = {
    onTurnEnd: (): void => {
      this.#writeDue = false;
      this.#writer.flush();
    },
  };

  onTurnEnd(): void {
    this.#flushDue = false;
    if (!this.#answerStarted) return;
    try {
      this.#sink?.onResponseFlush();
    } catch (error) {
      this.#fail(toFault(error));
    }
  }

  /** Reads what is pending until it is used up or the call is over: a pause stops the socket, not what it brought already. */
  #read(): void {
    if (this.#reading) return;
    this.#reading = true;
    let more = true;
    while (more && this.#pending !== undefined) more = this.#readSome(this.#pending);
    this.#reading = false;
    if (this.#ended && !this.#paused) this.#onEnd();
  }

  /** False where nothing more can be done with what is pending. */
  #readSome(buffer: Buffer): boolean {
    switch (this.#phase) {
      case 'head':
        return this.#readHead(buffer);
      case 'body':
        return this.#readBody(buffer);
      case 'tunnel':
        return this.#readTunnel(buffer);
      default:
        return false;
    }
  }

  /** True where a head was read. */
  #readHead(buffer: Buffer): boolean {
    const { limits, names } = this.#options;
    const start = this.#at;
    const end = scanHead(buffer, start + this.#scanned, Math.min(buffer.length, start + limits.headBytes));
    if (end < 0) return this.#awaitHead(end, buffer);
    this.#scanned = 0;
    const head = parseResponseHead(buffer, start, end, names, limits, this.#method);
    if (head instanceof ParseError) return this.#fail(protocolFault(head.detail));
    this.#advance(buffer, end);
    return head.status < 200 ? this.#takeInterim(head) : this.#takeHead(head);
  }

  /** The head is not complete: refuses what cannot become one, else waits. */
  #awaitHead(scanned: number, buffer: Buffer): false {
    if (scanned === illegalHead) {
      if (isTlsRecord(buffer, this.#at)) return this.#fail(tlsWhereHttp());
      return this.#fail(protocolFault('a control character or a bare CR or LF in the head'));
    }
    if (buffer.length - this.#at >= this.#options.limits.headBytes)
      return this.#fail(protocolFault('the head is too long'));
    this.#scanned = resumeAt(scanned) - this.#at;
    return false;
  }

  #takeInterim(head: Http1ResponseHead): boolean {
    if (head.status === 101) this.#takeSwitch(head);
    else if (++this.#interims > maxInterim) this.#fail(protocolFault('too many 1xx answers'));
    else if (head.status !== 100) this.#sink?.onInformational(head);
    return this.#phase === 'head' || this.#phase === 'tunnel';
  }

  /** The backend agrees to another protocol. One that merely passes on what somebody made it say does not know our key. */
  #takeSwitch(head: Http1ResponseHead): void {
    const flaw = this.#flawOfSwitch(head);
    if (flaw !== undefined) return void this.#fail(protocolFault(flaw));
    this.#phase = 'tunnel';
    this.#answerStarted = true;
    this.#requestDone = false;
    this.socket.allowHalfOpen = true;
    this.#writer.begin('', untilClose);
    const sink = this.#sink?.onSwitch?.(head);
    if (this.activeCalls > 0) this.#sink = sink;
  }

  #flawOfSwitch({ upgrade, fields }: Http1ResponseHead): string | undefined {
    if (this.#upgrade === '') return '101 Switching Protocols that nobody asked for';
    if (upgrade !== this.#upgrade) return `101 Switching Protocols to ${upgrade || 'nothing'}, not to ${this.#upgrade}`;
    if (this.#key === '' || fields.find(acceptField) === acceptOf(this.#key)) return undefined;
    return '101 Switching Protocols without the Sec-WebSocket-Accept to our key';
  }

  #readTunnel(buffer: Buffer): boolean {
    const data = buffer.subarray(this.#at);
    this.#advance(buffer, buffer.length);
    this.#sink?.onResponseBody(data);
    return false;
  }

  #takeHead(head: Http1ResponseHead): boolean {
    this.#answerStarted = true;
    this.#keepAlive = head.keepAlive;
    this.#phase = 'body';
    this.#body.begin(head.bodyLength);
    this.#bodyReceived = 0;
    this.#sink?.onHead(head);
    if (this.#body.done) this.#complete(undefined);
    return this.#phase === 'body';
  }

  #readBody(buffer: Buffer): boolean {
    const body = this.#body;
    const next = body.read(buffer, this.#at);
    this.#advance(buffer, next);
    const { data, error } = body;
    if (data !== undefined && data.length > 0) {
      this.#bodyReceived += data.length;
      this.#sink?.onResponseBody(data);
    }
    if (this.#phase !== 'body') return false;
    if (error !== undefined) this.#fail(protocolFault(error.detail));
    else if (body.done) this.#complete(body.trailers);
    return this.#phase === 'body';
  }

  #advance(buffer: Buffer, next: number): void {
    this.#at = next;
    if (next < buffer.length) return;
    this.#pending = undefined;
    this.#at = 0;
  }

  /** The answer is whole. The sink hears of it first: a free connection may carry another call at once. */
  #complete(trailers: Fields | undefined): void {
    const sink = this.#sink;
    const leftOver = this.#pending !== undefined;
    const whole = this.#requestDone && this.#writeFailure === undefined;
    const reusable = this.#keepAlive && whole && !leftOver && !this.#ended;
    this.#sink = undefined;
    this.#paused = false;
    this.#callOver();
    if (reusable) this.#phase = 'idle';
    else if (leftOver && this.#keepAlive) this.#close(protocolFault('bytes after the end of the answer'));
    else this.#close(undefined);
    sink?.onResponseEnd(trailers);
    if (this.#phase === 'idle') {
      this.socket.resume();
      this.#owner.onFree(this);
    }
  }

  #onEnd(): void {
    this.#ended = true;
    if (this.#pending !== undefined && this.#paused) return;
    // A reset ends what was sent before it anywhere; after an orderly end the failure is EPIPE.
    const orderly = this.#writeFailure?.code !== 'ECONNRESET';
    if (this.#phase === 'tunnel' && orderly) this.#endTunnel();
    else if (this.#phase === 'body' && this.#body.length === untilClose && orderly) this.#complete(undefined);
    else this.#lose();
  }

  /** The backend has said all it has to; what the client says goes on. */
  #endTunnel(): void {
    if (this.#endTold) return;
    this.#endTold = true;
    this.#sink?.onResponseEnd(undefined);
    if (this.#writeFailure === undefined) this.#settle();
    else this.#lose();
  }

  /** Both directions of a tunnel have ended: what was written goes out, nothing else. */
  #settle(): void {
    if (!this.#endTold || !this.#requestDone || this.#phase !== 'tunnel') return;
    this.#sink = undefined;
    this.socket.setTimeout(closeMs, () => this.socket.destroy());
    this.#close(undefined, true);
  }

  /** The socket is of no more use: what that means depends on how far the answer came. */
  #lose(): void {
    if (this.#phase === 'closed') return;
    if (this.#sink === undefined) {
      this.#close(undefined);
      return;
    }
    const cause = this.#error ?? this.#writeFailure;
    const raw = cause?.code ?? (cause === undefined ? 'EOF' : cause.message);
    if (this.#phase === 'body') {
      this.#fail(new Fault('backend_truncated', 'backend', { detail: this.#describeHalf(), raw, cause }));
    } else if (this.#phase === 'tunnel') {
      this.#fail(new Fault('backend_truncated', 'backend', { raw, cause }));
    } else if (this.#pending !== undefined || this.#interims > 0) {
      this.#fail(new Fault('backend_protocol', 'backend', { detail: 'closed within the head', raw, cause }));
    } else {
      // A plain end says less than an alert, yet some servers refuse a certificate in no other way.
      const ending = cause ?? Object.assign(new Error('closed before the answer'), { code: 'EOF' });
      this.#fail(this.#owner.translateFailure?.(ending) ?? new Fault('backend_closed', 'backend', { raw, cause }));
    }
  }

  #describeHalf(): string {
    const { length } = this.#body;
    const received = `closed after ${this.#bodyReceived}`;
    return length >= 0
      ? `${received} of ${length} bytes of its answer`
      : `${received} bytes of its answer, before its end`;
  }

  /** The call and the connection are over. The owner hears first, so that a retry finds it gone. */
  #fail(fault: Fault): false {
    const sink = this.#sink;
    this.#sink = undefined;
    this.#close(fault);
    sink?.onBackendFailure(fault);
    return false;
  }

  /** `soon`: once what was written is out. */
  #close(fault: Fault | undefined, soon = false): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#callOver();
    this.#pending = undefined;
    this.#writer.discard();
    if (soon) this.socket.destroySoon();
    else this.socket.destroy();
    this.#owner.onClosed(this, fault);
  }
}

function protocolFault(detail: string): Fault {
  return new Fault('backend_protocol', 'backend', { detail });
}
