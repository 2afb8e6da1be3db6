// A request that has switched protocols: bytes both ways between a client and a backend that nobody reads, with back-pressure,
// each direction with an end of its own. Lasts until both directions have ended, one side is gone or not trusted any more, the
// gateway stops, or nobody says anything for too long. Nothing is put in between but the end of a WebSocket: its client gets a
// close frame where it has to go.
import type { Late } from '../base/deadline.ts';
import { noSlot } from '../base/slot-set.ts';
import { Fault, toFault } from '../base/fault.ts';
import type { BackendCall, Exchange, RequestSink, ResponseHead, ResponseSink } from '../http/exchange.ts';
import { Fields } from '../http/field.ts';
import { acceptField, webSocket } from '../http/websocket.ts';
import { closeFrame, WebSocketFrames } from '../http/websocket-frames.ts';
import type { Prepared } from './prepare.ts';
import { record } from './record.ts';

/** Where one direction has ended, a silence of the other: a client that was killed may look like one that only listens. */
const halfClosedMs = 60_000;
/** For a client that got a close frame to answer, and for its backend to have that answer and to end the connection. */
const closingMs = 5_000;
/** RFC 6455 section 7.4.1. */
const goingAway = 1001;
const policyViolation = 1008;

export class Tunnel implements RequestSink, ResponseSink, Late {
  deadline = Infinity;
  slot = noSlot;
  readonly #context: Prepared;
  readonly #exchange: Exchange;
  /** Undefined once the backend takes nothing any more. */
  #call: BackendCall | undefined;
  #clientEnded = false;
  #backendEnded = false;
  #done = false;
  /** Those towards the client, of a WebSocket. */
  readonly #frames: WebSocketFrames | undefined;
  /** Why it has to end. */
  #leaving: Fault | undefined;
  /** The client has been told so: of the backend it gets nothing more. */
  #isClosed = false;

  constructor(context: Prepared, call: BackendCall) {
    this.#context = context;
    this.#exchange = context.exchange;
    this.#call = call;
    context.isTunnel = true;
    this.#frames = context.upgrade === webSocket ? new WebSocketFrames() : undefined;
    context.status = context.exchange.head.version === 20 ? 200 : 101;
    const { services } = context;
    services.metrics.tunnels.inc();
    services.deadlines.add(this);
    this.#touch();
  }

  /** `head`: of the backend's answer, as the client is to have it. */
  begin(head: ResponseHead): void {
    const { upgrade } = this.#context;
    this.#exchange.switchProtocols(upgrade, upgrade === webSocket ? withoutAccept(head) : head, this);
  }

  /** Something was said. */
  #touch(): void {
    if (this.#isClosed) return;
    const { tunnelMs } = this.#context.route.config.timeouts;
    const { now } = this.#context.services.deadlines;
    const ms = tunnelMs === 0 ? Infinity : tunnelMs;
    this.deadline = now + (this.#clientEnded || this.#backendEnded ? Math.min(ms, halfClosedMs) : ms);
  }

  // --- from the client

  onRequestBody(chunk: Buffer): void {
    if (this.#done || this.#call === undefined) return;
    this.#touch();
    if (!this.#call.sendRequestBody(chunk)) this.#exchange.pauseRequest();
  }

  onRequestFlush(): void {
    if (!this.#done) this.#call?.flushRequest();
  }

  onBackendDrain(): void {
    if (!this.#done) this.#exchange.resumeRequest();
  }

  onRequestEnd(): void {
    if (this.#done) return;
    this.#clientEnded = true;
    this.#touch();
    this.#call?.sendRequestEnd(undefined);
    this.#settle();
  }

  onClientFailure(fault: Fault): void {
    if (this.#done) return;
    this.#call?.cancel();
    this.#finish(this.#isClosed ? this.#leaving : fault);
  }

  // --- from the backend

  onResponseBody(chunk: Buffer): void {
    if (this.#done || this.#isClosed) return;
    this.#touch();
    const length = this.#frames?.pass(chunk, this.#leaving !== undefined) ?? chunk.length;
    const taken = this.#exchange.sendBody(length === chunk.length ? chunk : chunk.subarray(0, length));
    if (this.#leaving !== undefined) this.#close(this.#leaving);
    if (!taken && !this.#isClosed) this.#call?.pauseResponse();
  }

  onResponseFlush(): void {
    if (!this.#done) this.#exchange.flush();
  }

  onClientDrain(): void {
    if (!this.#done) this.#call?.resumeResponse();
  }

  onResponseEnd(): void {
    if (this.#done) return;
    this.#backendEnded = true;
    this.#touch();
    this.#exchange.sendEnd(undefined);
    this.#settle();
  }

  onBackendFailure(fault: Fault): void {
    if (this.#done) return;
    this.#call = undefined;
    // All that it had to say is on its way to the client, who may still say something: nobody listens to that.
    if (this.#backendEnded) return this.#exchange.resumeRequest();
    if (this.#isClosed) {
      this.onResponseEnd();
      return this.#exchange.resumeRequest();
    }
    this.#exchange.abort();
    this.#finish(fault);
  }

  onHead(): void {}
  onInformational(): void {}

  onSwitch(): ResponseSink {
    return this;
  }

  // --- endings

  /** The connection of the client is to end: the gateway stops, or the client is not trusted any more. */
  onLeaving(): void {
    if (this.#done || this.#leaving !== undefined) return;
    const stops = new Fault('draining', 'gateway', { detail: `a WebSocket was closed with ${goingAway}` });
    this.#leaving = this.#context.client.distrust ?? stops;
    this.#close(this.#leaving);
  }

  /** Sends a close frame as soon as one may stand there; where the backend has sent its own, that one counts. */
  #close({ source }: Fault): void {
    if (this.#frames?.isBetween !== true || this.#frames.isClosing || this.#isClosed || this.#backendEnded) return;
    this.#isClosed = true;
    this.deadline = Math.min(this.deadline, this.#context.services.deadlines.now + closingMs);
    this.#exchange.sendBody(closeFrame(source === 'gateway' ? goingAway : policyViolation));
    this.#exchange.flush();
    // What it still says is thrown away; its answer to the client's close frame is the end that is waited for.
    this.#call?.resumeResponse();
  }

  onLate(): void {
    if (this.#done) return;
    if (this.#isClosed) return this.#cut(this.#leaving);
    const isHalfClosed = this.#clientEnded || this.#backendEnded;
    const side = this.#clientEnded ? 'the client' : 'the backend';
    const detail = isHalfClosed
      ? `${side} had ended its side, and the other said nothing more`
      : 'neither side said anything';
    this.#cut(new Fault('tunnel_idle', 'client', { detail }));
  }

  #cut(fault: Fault | undefined): void {
    this.#call?.cancel();
    this.#exchange.abort();
    this.#finish(fault);
  }

  #settle(): void {
    if (this.#clientEnded && this.#backendEnded) this.#finish(this.#isClosed ? this.#leaving : undefined);
  }

  #finish(fault: Fault | undefined): void {
    if (this.#done) return;
    this.#done = true;
    this.#call = undefined;
    const { services } = this.#context;
    services.deadlines.delete(this);
    services.metrics.tunnels.dec();
    this.#context.fault = fault;
    try {
      record(this.#context);
    } catch (error) {
      services.onDefect(toFault(error));
    }
  }
}

/** What the backend answered to a key of ours; the client's codec answers to the client's. */
function withoutAccept(head: ResponseHead): ResponseHead {
  const fields = new Fields();
  for (let i = 0; i < head.fields.length; i++) {
    const name = head.fields.names[i];
    if (name !== undefined && name.folded !== acceptField) fields.push(name, head.fields.values[i] ?? '');
  }
  return { ...head, fields };
}
