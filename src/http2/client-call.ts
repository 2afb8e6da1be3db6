// One call on a stream of a connection to a backend (RFC 9113 section 8.1): the BackendCall that the flow holds. Frames and
// windows belong to the stream, the connection to client.ts.
import { Fault, toFault } from '../base/fault.ts';
import { noSlot, type Slotted } from '../base/slot-set.ts';
import type { CallAccount } from '../http/backend-connection.ts';
import {
  type BackendCall,
  chunkedBody,
  type OutgoingRequest,
  type ResponseHead,
  type ResponseSink,
} from '../http/exchange.ts';
import type { Fields } from '../http/field.ts';
import { StreamRefused } from '../http/stream-refused.ts';
import type { TurnEnd, TurnTask } from '../http/turn-end.ts';
import { ErrorCode, nameOfErrorCode } from './frame.ts';
import type { Http2Error } from './http2-error.ts';
import type { Http2Stream, StreamListener } from './stream.ts';

/** 1xx answers to one request; nobody sends more than a few. */
const maxInterim = 32;

/** What a call needs of its connection. */
export interface CallConnection {
  readonly turn: TurnEnd;
  /** Before that nobody knows whether it takes other protocols. */
  readonly areSettingsKnown: boolean;
  /** How often something came from the backend, for whichever call. */
  readonly reads: number;
  /** Opens a stream with the head of the request; why it cannot, where it cannot. */
  begin(call: Http2BackendCall, request: OutgoingRequest): Http2Stream | Fault;
  /** The first frame of an answer has come. */
  onAnswer(): void;
  /** The call is over, and its account has heard of it. */
  onCallOver(call: Http2BackendCall): void;
  /** The sink has heard of it too. */
  onCallTold(): void;
  /** It was given up before anything came from the backend since it began: is that still there? */
  onUnanswered(): void;
  /** Nothing comes, which may well be: is the backend still there? */
  onQuiet(): void;
}

export class Http2BackendCall implements BackendCall, StreamListener, TurnTask, Slotted {
  slot = noSlot;
  readonly reused: boolean;
  readonly mayBeRefused = true;
  /** Method of the request: what its answer may have for a body depends on it. */
  method = '';
  readonly #connection: CallConnection;
  #account: CallAccount | undefined;
  #stream: Http2Stream | undefined;
  #sink: ResponseSink | undefined;
  #isOver = false;
  #isAnswered = false;
  /** Both directions are another protocol, until both have ended; the sink has heard of the end of the backend's. */
  #isTunnel = false;
  #endTold = false;
  #upgrade = '';
  /** Waits for the backend's SETTINGS. */
  #early: OutgoingRequest | undefined;
  #interims = 0;
  #isFlushDue = false;
  /** Of the connection, when the request was sent. */
  #readsBefore = 0;

  constructor(connection: CallConnection, account: CallAccount | undefined, reused: boolean) {
    this.#connection = connection;
    this.#account = account;
    this.reused = reused;
  }

  /** 0 before `sendRequest`. */
  get streamId(): number {
    return this.#stream?.id ?? 0;
  }

  /** A final head has come. */
  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  /** Its answer has come whole, and waits for whoever will take it: it needs no connection any more. */
  get isHeldWhole(): boolean {
    return this.#stream?.isHeldWhole === true;
  }

  // --- the request

  /** Never throws: where the request cannot be sent, `sink` hears of it before this returns. */
  sendRequest(request: OutgoingRequest, sink: ResponseSink): void {
    if (this.#isOver || this.#stream !== undefined) {
      const detail = this.#isOver ? 'the connection was closed before the request' : 'the call was used before';
      const code = this.#isOver ? 'backend_closed' : 'internal';
      sink.onBackendFailure(new Fault(code, this.#isOver ? 'backend' : 'gateway', { detail }));
      return;
    }
    this.method = request.method;
    this.#upgrade = request.upgrade ?? '';
    this.#sink = sink;
    if (this.#upgrade !== '' && !this.#connection.areSettingsKnown) this.#early = request;
    else this.#begin(request);
  }

  /** The backend's SETTINGS have come. */
  onSettings(): void {
    const request = this.#early;
    this.#early = undefined;
    if (request !== undefined && !this.#isOver) this.#begin(request);
  }

  #begin(request: OutgoingRequest): void {
    const stream = this.#connection.begin(this, request);
    if (stream instanceof Fault) return this.fail(stream);
    this.#stream = stream;
    this.#readsBefore = this.#connection.reads;
  }

  sendRequestBody(chunk: Buffer): boolean {
    return this.#stream === undefined || this.#isOver || this.#stream.write(chunk, false);
  }

  sendRequestEnd(trailers: Fields | undefined): void {
    if (this.#stream === undefined || this.#isOver) return;
    this.#stream.end(trailers);
    this.#settle();
  }

  /** Whatever was written goes out at the end of this turn. */
  flushRequest(): void {}

  pauseResponse(): void {
    this.#stream?.pause();
  }

  resumeResponse(): void {
    if (this.#sink === undefined) return;
    try {
      this.#stream?.resume();
      this.onStreamFlush();
    } catch (error) {
      this.#stream?.reset(ErrorCode.cancel);
      this.fail(toFault(error));
    }
  }

  verifyLiveness(): void {
    if (!this.#isOver) this.#connection.onQuiet();
  }

  /** Gives the call up: the stream is reset. */
  cancel(): void {
    if (this.#isOver) return;
    this.#sink = undefined;
    const unanswered = this.#stream !== undefined && this.#connection.reads === this.#readsBefore;
    this.#stream?.reset(ErrorCode.cancel);
    this.#over();
    this.#connection.onCallTold();
    if (unanswered) this.#connection.onUnanswered();
  }

  // --- the answer

  /** A head came. The rule that it breaks, if any. */
  onHead(head: ResponseHead): string | undefined {
    this.#connection.onAnswer();
    if (head.status < 200) {
      this.#interims += 1;
      if (this.#interims > maxInterim) return 'too many 1xx answers';
      if (head.status !== 100) this.#sink?.onInformational(head);
      return undefined;
    }
    this.#isAnswered = true;
    if (this.#upgrade !== '' && head.status < 300) return this.#takeSwitch(head);
    this.#stream?.announce(head.bodyLength >= 0 ? head.bodyLength : -1);
    this.#sink?.onHead(head);
    return undefined;
  }

  /** A 2xx to an extended CONNECT agrees to its protocol (RFC 8441 section 5). */
  #takeSwitch(head: ResponseHead): undefined {
    this.#isTunnel = true;
    this.#stream?.announce(chunkedBody);
    const sink = this.#sink?.onSwitch?.(head);
    if (!this.#isOver) this.#sink = sink;
  }

  onStreamData(bytes: Buffer): void {
    this.#sink?.onResponseBody(bytes);
  }

  onStreamEnd(trailers: Fields | undefined): void {
    if (this.#isTunnel) return this.#endTunnel();
    const sink = this.#sink;
    this.#sink = undefined;
    // The backend has said all it has to: what is left of the request interests nobody.
    if (this.#stream?.localEnded === false) this.#stream.reset(ErrorCode.cancel);
    this.#over();
    sink?.onResponseEnd(trailers);
    this.#connection.onCallTold();
  }

  #endTunnel(): void {
    this.#endTold = true;
    this.#sink?.onResponseEnd(undefined);
    this.#settle();
  }

  /** A tunnel is over where both directions have ended. */
  #settle(): void {
    if (!this.#isTunnel || !this.#endTold || this.#isOver || this.#stream?.isClosed !== true) return;
    this.end();
    this.#connection.onCallTold();
  }

  /** What came goes on once, when the turn has brought all it had. */
  onStreamFlush(): void {
    if (this.#isFlushDue || !this.#isAnswered || this.#sink === undefined) return;
    this.#isFlushDue = true;
    this.#connection.turn.deliver(this);
  }

  onTurnEnd(): void {
    this.#isFlushDue = false;
    try {
      this.#sink?.onResponseFlush();
    } catch (error) {
      this.#stream?.reset(ErrorCode.cancel);
      this.fail(toFault(error));
    }
  }

  onStreamWritable(): void {
    this.#sink?.onBackendDrain();
  }

  onStreamProgress(): void {}

  onStreamClosed(): void {
    this.#settle();
  }

  onStreamReset(code: number, error: Http2Error | undefined): void {
    this.fail(this.#faultOf(code, error));
  }

  #faultOf(code: number, error: Http2Error | undefined): Fault {
    const raw = nameOfErrorCode(code);
    if (error !== undefined) return new Fault('backend_protocol', 'backend', { detail: error.reason, raw });
    const detail = `the backend reset the stream with ${raw}`;
    if (this.#isAnswered) return new Fault('backend_truncated', 'backend', { detail, raw });
    if (code === ErrorCode.refusedStream) return new StreamRefused('stream', { detail, raw });
    return new Fault('backend_closed', 'backend', { detail, raw });
  }

  /** The call is over: its sink hears why. */
  fail(fault: Fault): void {
    if (this.#isOver) return;
    this.#stream?.drop();
    this.end()?.onBackendFailure(fault);
    this.#connection.onCallTold();
  }

  /** The call is over: whoever waits for its answer is the caller's to tell. */
  end(): ResponseSink | undefined {
    const sink = this.#sink;
    this.#sink = undefined;
    if (!this.#isOver) this.#over();
    return sink;
  }

  #over(): void {
    this.#isOver = true;
    const account = this.#account;
    this.#account = undefined;
    this.#connection.onCallOver(this);
    account?.onCallOver();
  }
}
