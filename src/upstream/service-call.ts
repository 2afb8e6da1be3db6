// One question to a server that is no backend of a route: a GET over a pooled connection, and its whole answer, bounded. A
// kept-alive connection that turns out to be stale is replaced once. How long it may take is for who asks.
import { Fault } from '../base/fault.ts';
import type { BackendCall, OutgoingRequest, ResponseHead, ResponseSink } from '../http/exchange.ts';
import { Fields } from '../http/field.ts';
import type { CallWaiter } from './call-waiter.ts';
import type { Pool } from './pool.ts';

export type WholeAnswer = { readonly status: number; readonly fields: Fields; readonly body: Buffer };

export class ServiceCall implements CallWaiter, ResponseSink {
  cancelled = false;
  readonly #pool: Pool;
  readonly #request: OutgoingRequest;
  readonly #maxBytes: number;
  readonly #done: (outcome: WholeAnswer | Fault) => void;
  #call: BackendCall | undefined;
  #again = false;
  #head: { readonly status: number; readonly fields: Fields } | undefined;
  #pieces: Buffer[] = [];
  #bytes = 0;

  /** `maxBytes`: what is longer comes without a body. */
  constructor(pool: Pool, request: OutgoingRequest, maxBytes: number, done: (outcome: WholeAnswer | Fault) => void) {
    this.#pool = pool;
    this.#request = request;
    this.#maxBytes = maxBytes;
    this.#done = done;
  }

  start(): void {
    this.#pool.acquire(this, false);
  }

  /** Nobody wants the answer any more. */
  cancel(): void {
    this.cancelled = true;
    const call = this.#call;
    this.#call = undefined;
    call?.cancel();
  }

  onCall(call: BackendCall): void {
    if (this.cancelled) return call.cancel();
    this.#call = call;
    call.sendRequest(this.#request, this);
    if (this.#call === call) call.sendRequestEnd(undefined);
    if (this.#call === call) call.flushRequest();
  }

  onCallFailure(fault: Fault): void {
    this.#finish(fault);
  }

  onHead({ status, fields }: ResponseHead): void {
    this.#pool.answered();
    const kept = new Fields();
    fields.names.forEach((name, at) => kept.push(name, fields.values[at] ?? ''));
    this.#head = { status, fields: kept };
  }

  onResponseBody(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes <= this.#maxBytes) this.#pieces.push(Buffer.from(chunk));
    else this.#conclude(Buffer.alloc(0));
  }

  onResponseEnd(): void {
    this.#call = undefined;
    this.#conclude(Buffer.concat(this.#pieces));
  }

  onBackendFailure(fault: Fault): void {
    const stale = this.#call?.reused === true && this.#head === undefined;
    this.#call = undefined;
    if (this.cancelled) return;
    if (!this.#again && (fault.code === 'stream_refused' || (stale && fault.code === 'backend_closed'))) {
      this.#again = true;
      this.#pool.acquire(this, true);
    } else this.#finish(fault);
  }

  onInformational(): void {}
  onResponseFlush(): void {}
  onBackendDrain(): void {}

  #conclude(body: Buffer): void {
    const head = this.#head;
    this.#finish(head === undefined ? new Fault('backend_protocol', 'backend') : { ...head, body });
  }

  #finish(outcome: WholeAnswer | Fault): void {
    if (this.cancelled) return;
    this.cancel();
    this.#done(outcome);
  }
}
