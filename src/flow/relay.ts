// Step 7: bytes both ways between one client's request and one backend call, with back-pressure, deadlines, the one safe
// retry, and visible truncation. One object per request that is its own listener on both sides: no closures, no streams.
import { Fault, toFault } from '../base/fault.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import {
  type BackendCall,
  chunkedBody,
  type Exchange,
  type RequestSink,
  type ResponseHead,
  type ResponseSink,
} from '../http/exchange.ts';
import { Answer } from '../filters/filter.ts';
import { FieldBlock, type Fields } from '../http/field.ts';
import type { ProxiedAddresses } from '../proxy-protocol/header.ts';
import type { Backend } from '../upstream/backend.ts';
import type { AcquireOptions, CallWaiter } from '../upstream/call-waiter.ts';
import type { Caller } from '../upstream/caller.ts';
import { fieldsWithId, headWithoutId, idOfAnswer, switchWithId } from './answer-id.ts';
import { CallDeadline } from './call-deadline.ts';
import { EncodedBody, type EncodedBodyOwner } from './encoded-body.ts';
import { isEventStream } from './event-stream.ts';
import { grpcStatusOf, grpcTimeoutMs, grpcTrailers, isGrpc, isGrpcMediaType, receivedGrpcStatus } from './grpc.ts';
import { KeptBody } from './kept-body.ts';
import { aimAgain } from './next-attempt.ts';
import { type Prepared, proxiedAddresses } from './prepare.ts';
import { record } from './record.ts';
import { findRefusal, mayBeRefusalPage } from './refusal-page.ts';
import { answerOf, refuse } from './refuse.ts';
import { Tunnel } from './tunnel.ts';

/** A retry never takes a kept-alive connection: the next may be as stale as the last. */
const freshConnection: AcquireOptions = { fresh: true };
const upgrade: AcquireOptions = { fresh: false, upgrade: true };
const freshUpgrade: AcquireOptions = { fresh: true, upgrade: true };
const nobody: readonly Backend[] = [];

export class Relay implements RequestSink, ResponseSink, CallWaiter, EncodedBodyOwner {
  /** Read by the pool: a waiter that is no longer interested. */
  cancelled = false;
  readonly caller: Caller;
  readonly #context: Prepared;
  readonly #exchange: Exchange;
  #call: BackendCall | undefined;
  /** Carries what is left of an answer that was replaced. */
  #discarded: BackendCall | undefined;
  #attempts = 0;
  /** Backends that were not reached. */
  #tried = nobody;
  /** Monotonic time when the request went to the backend. */
  #sentAt = 0;
  readonly #deadline: CallDeadline;
  readonly #kept: KeptBody;
  #requestEnded: { readonly trailers: Fields | undefined } | undefined;
  /** A 400, held until its body shows what it is about. */
  #held: ResponseHead | undefined;
  #responding = false;
  /** What a filter has the body of the answer pass through. */
  #encoded: EncodedBody | undefined;
  /** What the body is made of comes bit by bit: none of it may wait for the next. */
  #isStream = false;
  readonly #isGrpc: boolean;
  #isGrpcAnswer = false;
  /** An answer that may be silent for as long as it likes. */
  #isOpenEnded = false;
  /** It is the client that the answer waits for. */
  #isClientSlow = false;
  #done = false;

  constructor(context: Prepared) {
    this.#context = context;
    this.caller = context.caller;
    this.#exchange = context.exchange;
    const { services, route } = context;
    this.#kept = new KeptBody(services.bodies);
    const { head, startedAt } = context.exchange;
    this.#isGrpc = isGrpc(head);
    const endsAt = startedAt + (this.#isGrpc ? (grpcTimeoutMs(head.fields) ?? Infinity) : Infinity);
    this.#deadline = new CallDeadline(services.deadlines, route.config.timeouts, endsAt, () => this.#onLate());
  }

  start(): void {
    try {
      // A backend connection is not taken for a body that may never come.
      if (this.#context.outgoing.bodyLength === 0) this.#acquire(false);
      // What is sent behind a request for another protocol stays with the client until the backend agrees.
      if (this.#isUpgrade) this.#exchange.watch(this);
      else if (!this.#done) this.#exchange.receive(this, this.#maxBodyBytes, this.#isGrpc);
    } catch (error) {
      // serve.ts answers; nothing of this attempt may linger on.
      this.#dropCall();
      this.#close();
      throw error;
    }
  }

  get #maxBodyBytes(): number {
    const { changes, route } = this.#context;
    return changes?.maxBodyBytes ?? route.config.maxBodyBytes;
  }

  get proxied(): ProxiedAddresses {
    return proxiedAddresses(this.#context);
  }

  get #isUpgrade(): boolean {
    return this.#context.upgrade !== '';
  }

  // --- the backend connection

  #acquire(fresh: boolean): void {
    this.#attempts++;
    const plain = fresh ? freshConnection : undefined;
    const other = fresh ? freshUpgrade : upgrade;
    this.#context.backend.acquire(this, this.#isUpgrade ? other : plain);
  }

  onCall(call: BackendCall, certificate: CertificateFacts | undefined): void {
    if (this.#done) return call.cancel();
    this.#call = call;
    this.#context.backendCertificate = certificate;
    this.#deadline.expectResponse();
    this.#sentAt = this.#context.services.clock.monotonic();
    call.sendRequest(this.#context.outgoing, this);
    if (this.#context.outgoing.bodyLength !== 0) this.#sendKept(call);
    else if (!this.#isUpgrade) call.sendRequestEnd(undefined);
    // A failure may have arrived while sending.
    if (this.#call === call) call.flushRequest();
  }

  onCallFailure(fault: Fault): void {
    this.#fail(fault, false);
  }

  #sendKept(call: BackendCall): void {
    const kept = this.#kept.begin(call);
    const more = kept === undefined || this.#forwardBody(call, kept);
    if (this.#requestEnded !== undefined) call.sendRequestEnd(this.#requestEnded.trailers);
    else if (more) this.#exchange.resumeRequest();
  }

  // --- the client's side

  onRequestBody(chunk: Buffer): void {
    if (this.#done) return;
    const call = this.#call;
    if (call === undefined) return this.#keep(chunk);
    if (!this.#responding) this.#kept.addSent(call, chunk);
    if (!this.#forwardBody(call, chunk)) this.#exchange.pauseRequest();
  }

  /**
   * The first piece is worth a backend connection while there are many. Where they are scarce a small body is kept whole, and
   * the beginning of a large one; what has no length goes on all the same, for it may be a conversation. From then on the
   * client is paused until there is a connection.
   */
  #keep(chunk: Buffer): void {
    const { outgoing, backend } = this.#context;
    this.#kept.add(chunk);
    // Its end follows at once.
    if (this.#kept.length === outgoing.bodyLength) return;
    if (backend.isScarce && outgoing.bodyLength !== chunkedBody && !this.#kept.isFull) return;
    this.#exchange.pauseRequest();
    if (this.#attempts === 0) this.#acquire(false);
  }

  #forwardBody(call: BackendCall, chunk: Buffer): boolean {
    if (!this.#responding) this.#deadline.expectResponse();
    // Both talk: it is silence of both that ends a call.
    else if (this.#isGrpc && !this.#isClientSlow) this.#deadline.expectBody();
    return call.sendRequestBody(chunk);
  }

  onRequestEnd(trailers: Fields | undefined): void {
    if (this.#done) return;
    const clean = trailers === undefined ? undefined : this.#cleanTrailers(trailers);
    this.#requestEnded = { trailers: clean };
    if (this.#context.outgoing.bodyLength === 0) return;
    if (this.#attempts === 0) this.#acquire(false);
    else this.#call?.sendRequestEnd(clean);
  }

  /** Not even a trusted proxy says who the client is after the request has been verified and sent. */
  #cleanTrailers(trailers: Fields): Fields {
    const { serving, changes } = this.#context;
    const clean = serving.strip.strip(trailers);
    return changes === undefined ? clean : changes.cleanRequestTrailers(clean);
  }

  onRequestFlush(): void {
    if (this.#done) return;
    // In a call of gRPC it may be the backend that speaks first.
    if (this.#isGrpc && this.#attempts === 0) this.#acquire(false);
    else this.#call?.flushRequest();
  }

  onClientDrain(): void {
    if (this.#done) return;
    this.#isClientSlow = false;
    if (this.#encoded !== undefined) return this.#encoded.resume();
    // After informational answers only, the deadline for the answer itself still runs.
    if (this.#responding) this.#deadline.expectBody();
    this.#call?.resumeResponse();
  }

  onClientFailure(fault: Fault): void {
    if (this.#done) return;
    this.#dropCall();
    if (this.#exchange.canRespond || this.#exchange.takeBack()) this.#refuse(fault);
    else this.#breakOff(fault);
  }

  // --- the backend's side

  onInformational(head: ResponseHead): void {
    if (this.#done) return;
    this.#exchange.sendInformational(this.#context.changes?.changeInformational(head) ?? head);
  }

  /** The backend agreed to another protocol: what follows is none of our business. */
  onSwitch(received: ResponseHead): ResponseSink {
    const call = this.#call;
    if (this.#done || call === undefined) return this;
    this.#headCame(received);
    const head = this.#context.changes?.changeResponse(received) ?? received;
    if (head instanceof Fault || head instanceof Answer) {
      this.#dropCall();
      if (head instanceof Fault) this.#refuse(head);
      else this.#answer(head);
      return this;
    }
    this.#close();
    const tunnel = new Tunnel(this.#context, call);
    tunnel.begin(switchWithId(this.#context, head));
    return tunnel;
  }

  #headCame({ status }: ResponseHead): void {
    const { backend, route, services } = this.#context;
    backend.reportResponse(status);
    route.metrics.of(backend.label).headCame(services.clock.monotonic() - this.#sentAt);
  }

  onHead(head: ResponseHead): void {
    if (this.#done) return;
    this.#headCame(head);
    if (mayBeRefusalPage(head)) {
      this.#held = head;
      return;
    }
    this.#respond(head);
  }

  #respond(received: ResponseHead): void {
    this.#held = undefined;
    const { changes } = this.#context;
    const head = changes === undefined ? received : changes.changeResponse(received);
    if (head instanceof Fault) {
      this.#dropCall();
      return this.#refuse(head);
    }
    if (head instanceof Answer) {
      this.#discard();
      return this.#answer(head);
    }
    if (this.#isUpgrade) {
      // An answer like any other; what the client sent for the other protocol is nobody's.
      this.#exchange.pauseRequest();
      this.#exchange.receive(this, 0);
    }
    this.#responding = true;
    const type = head.fields.find('content-type') ?? '';
    this.#isGrpcAnswer = isGrpcMediaType(type);
    this.#isOpenEnded = this.#isGrpcAnswer || isEventStream(type);
    if (this.#isGrpcAnswer) this.#context.grpcStatus = receivedGrpcStatus(head.fields);
    this.#kept.drop();
    this.#context.status = head.status;
    this.#deadline.expectBody();
    const encoder = changes?.makeEncoder();
    if (encoder !== undefined) {
      this.#encoded = new EncodedBody(encoder, this.#exchange, this);
      this.#isStream = received.bodyLength < 0;
    }
    this.#exchange.sendHead(headWithoutId(this.#context, head), this.#ownFields());
  }

  /** What we add to the answer of a backend. */
  #ownFields(): FieldBlock {
    const { route, backend } = this.#context;
    const fields = route.cluster.answerFields(backend, this.#exchange.head.fields);
    return fields === FieldBlock.empty ? idOfAnswer(this.#context) : fieldsWithId(this.#context, fields);
  }

  onResponseBody(chunk: Buffer): void {
    if (this.#done) return;
    if (this.#held !== undefined && !this.#release(this.#held, chunk)) return;
    if (this.#encoded !== undefined) return this.#encode(this.#encoded, chunk);
    // A scarce backend connection is free sooner where the rest of the answer waits here.
    if (this.#exchange.sendBody(chunk) || (this.#context.backend.isScarce && this.#exchange.holdMore())) {
      this.#deadline.expectBody();
    } else {
      // The client is slow, not the backend: the client connection has its own deadline for that.
      this.#isClientSlow = true;
      this.#deadline.expectNothing();
      this.#call?.pauseResponse();
    }
  }

  /** Passes a held 400 on, unless it is about the connection. */
  #release(head: ResponseHead, body: Buffer): boolean {
    const fault = findRefusal(head, body, this.#context.backend);
    if (fault === undefined) {
      this.#respond(head);
      return !this.#done;
    }
    this.#held = undefined;
    this.#dropCall();
    this.#context.backend.reportRefusal(fault);
    this.#refuse(fault);
    return false;
  }

  onResponseEnd(received: Fields | undefined): void {
    this.#discarded = undefined;
    if (this.#done) return;
    if (this.#held !== undefined) this.#respond(this.#held);
    if (this.#done) return;
    this.#call = undefined;
    const { changes } = this.#context;
    const trailers = received === undefined ? undefined : (changes?.cleanResponseTrailers(received) ?? received);
    if (this.#isGrpcAnswer && received !== undefined) this.#context.grpcStatus = receivedGrpcStatus(received);
    if (this.#encoded !== undefined) {
      this.#deadline.expectNothing();
      return this.#encoded.end(trailers);
    }
    this.#exchange.sendEnd(trailers);
    this.#finish(undefined);
  }

  onResponseFlush(): void {
    this.#discarded?.cancel();
    this.#discarded = undefined;
    if (!this.#responding || this.#done) return;
    this.#exchange.flush();
    if (this.#isStream) this.#encoded?.flush();
  }

  // --- the encoder between the two

  #encode(encoded: EncodedBody, chunk: Buffer): void {
    if (encoded.write(chunk)) return this.#deadline.expectBody();
    this.#deadline.expectNothing();
    this.#call?.pauseResponse();
  }

  onEncoderDrain(): void {
    if (this.#call === undefined) return;
    this.#deadline.expectBody();
    this.#call.resumeResponse();
  }

  onEncodedEnd(): void {
    this.#finish(undefined);
  }

  onEncoderFailure(error: Error): void {
    this.#dropCall();
    this.#context.services.onDefect(error);
    this.#breakOff(new Fault('internal', 'gateway', { detail: 'the answer could not be compressed', cause: error }));
  }

  onBackendDrain(): void {
    if (!this.#done) this.#exchange.resumeRequest();
  }

  onBackendFailure(fault: Fault): void {
    this.#discarded = undefined;
    const reused = this.#call?.reused === true;
    this.#call = undefined;
    this.#fail(fault, reused);
  }

  // --- deadlines and endings

  /** The backend kept us waiting; connecting has its own deadline in the pool. */
  #onLate(): void {
    if (this.#done) return;
    if (this.#deadline.isOver) return this.#endCall();
    if (this.#call === undefined) return;
    if (this.#isOpenEnded) {
      this.#call.verifyLiveness();
      return this.#deadline.expectBody();
    }
    this.#dropCall();
    this.#fail(this.#deadline.fault(this.#context.backend.label, this.#responding), false);
  }

  /** The client has given the call so long and no longer: that is nobody's fault. */
  #endCall(): void {
    this.#dropCall();
    const fault = new Fault('deadline_exceeded', 'gateway', {
      detail: `grpc-timeout of ${this.#context.backend.label}`,
    });
    if (!this.#responding || this.#exchange.takeBack()) this.#refuse(fault);
    else this.#breakOff(fault);
  }

  #fail(fault: Fault, stale: boolean): void {
    if (this.#done) return;
    const { backend, route } = this.#context;
    backend.reportFailure(fault);
    if (this.#responding) {
      const broken =
        fault.code === 'backend_closed'
          ? new Fault('backend_truncated', 'backend', { ...(fault.detail && { detail: fault.detail }), cause: fault })
          : fault;
      // The head and what came with it may wait for the end of this turn: then the client hears the truth instead.
      if (this.#exchange.takeBack()) return this.#refuse(broken);
      this.#breakOff(broken);
    } else if (this.#aimAgain(fault, stale)) {
      this.#held = undefined;
      route.metrics.of(backend.label).retried();
      this.#deadline.expectNothing();
      // What was refused was not stale: another stream on a connection that is open will do.
      this.#acquire(fault.code !== 'stream_refused');
    } else {
      this.#refuse(fault);
    }
  }

  /** True where another attempt may be made; its backend is chosen then. */
  #aimAgain(fault: Fault, stale: boolean): boolean {
    const context = this.#context;
    const { retry } = context.route.config;
    const attempt = { fault, stale, attempts: this.#attempts, retry, context, isBodyGone: this.#kept.isGone };
    const tried = aimAgain(attempt, this.#tried);
    if (tried !== undefined) this.#tried = tried;
    return tried !== undefined;
  }

  /** The answer has begun and has no end: the client must not take it for complete. */
  #breakOff(fault: Fault): void {
    // A call of gRPC ends with trailers in any case, and they say how.
    if (this.#isGrpcAnswer && this.#isGrpc) {
      if (!this.#exchange.isOver) this.#context.grpcStatus = grpcStatusOf(fault);
      this.#exchange.sendEnd(grpcTrailers(fault));
    } else this.#exchange.abort();
    this.#finish(fault);
  }

  #dropCall(): void {
    const call = this.#call;
    this.#call = undefined;
    call?.cancel();
  }

  /**
   * The rest of an answer that nobody gets: what this turn of the event loop brings of it is passed over, so that the connection
   * stays where that is all; for more it is not worth to wait.
   */
  #discard(): void {
    const isSent = this.#requestEnded !== undefined || this.#context.outgoing.bodyLength === 0;
    if (!isSent) return this.#dropCall();
    this.#discarded = this.#call;
    this.#call = undefined;
  }

  /** The client gets this in place of the backend's answer. */
  #answer(answer: Answer): void {
    this.#close();
    answerOf(this.#context, answer);
  }

  #refuse(fault: Fault): void {
    this.#close();
    refuse(this.#context, fault);
  }

  #finish(fault: Fault | undefined): void {
    this.#close();
    this.#context.fault = fault;
    try {
      record(this.#context);
    } catch (error) {
      this.#context.services.onDefect(toFault(error));
    }
  }

  #close(): void {
    this.#done = true;
    this.cancelled = true;
    this.#deadline.stop();
    this.#kept.drop();
    this.#encoded?.destroy();
  }
}
