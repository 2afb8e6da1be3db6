// A request that has switched protocols: bytes both ways between a client and a backend that nobody reads, with back-pressure,
// each direction with an end of its own. Nothing is ever put in between. Lasts until both directions have ended, one side is
// gone or not trusted any more, the gateway stops, or nobody says anything for too long.
import type { Late } from '../base/deadline.ts';
import { Fault, toFault } from '../base/fault.ts';
import type { BackendCall, Exchange, RequestSink, ResponseHead, ResponseSink } from '../http/exchange.ts';
import { Fields } from '../http/field.ts';
import { acceptField, webSocket } from '../http/websocket.ts';
import type { Prepared } from './prepare.ts';
import { record } from './record.ts';

/** Where one direction has ended, a silence of the other: a client that was killed may look like one that only listens. */
const halfClosedMs = 60_000;

export class Tunnel implements RequestSink, ResponseSink, Late {
  deadline = Infinity;
  readonly #context: Prepared;
  readonly #exchange: Exchange;
  /** Undefined once the backend takes nothing any more. */
  #call: BackendCall | undefined;
  #clientEnded = false;
  #backendEnded = false;
  #done = false;

  constructor(context: Prepared, call: BackendCall) {
    this.#context = context;
    this.#exchange = context.exchange;
    this.#call = call;
    context.isTunnel = true;
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
    this.#finish(fault);
  }

  // --- from the backend

  onResponseBody(chunk: Buffer): void {
    if (this.#done) return;
    this.#touch();
    if (!this.#exchange.sendBody(chunk)) this.#call?.pauseResponse();
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
    this.#exchange.abort();
    this.#finish(fault);
  }

  onHead(): void {}
  onInformational(): void {}

  onSwitch(): ResponseSink {
    return this;
  }

  // --- endings

  onLate(): void {
    if (this.#done) return;
    const isHalfClosed = this.#clientEnded || this.#backendEnded;
    const side = this.#clientEnded ? 'the client' : 'the backend';
    const detail = isHalfClosed
      ? `${side} had ended its side, and the other said nothing more`
      : 'neither side said anything';
    this.#call?.cancel();
    this.#exchange.abort();
    this.#finish(new Fault('tunnel_idle', 'client', { detail }));
  }

  #settle(): void {
    if (this.#clientEnded && this.#backendEnded) this.#finish(undefined);
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
