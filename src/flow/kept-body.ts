// The body of a request that may still be needed: what came before there was a backend connection, and what has to be sent again
// where a backend hands the call back as not begun. Within the limits for all requests of a worker.
import type { BackendCall } from '../http/exchange.ts';
import { BodyBuffer, type BodyBudget } from './body-buffer.ts';

export class KeptBody {
  /** Bytes went to a backend and are kept nowhere: the request cannot be sent again. */
  isGone = false;
  readonly #budget: BodyBudget;
  #buffer: BodyBuffer | undefined;

  constructor(budget: BodyBudget) {
    this.#budget = budget;
  }

  get length(): number {
    return this.#buffer?.length ?? 0;
  }

  get isFull(): boolean {
    return this.#buffer?.isFull === true;
  }

  /** Of a body that has no connection yet. */
  add(chunk: Buffer): void {
    this.#buffer ??= new BodyBuffer(this.#budget);
    this.#buffer.add(chunk);
  }

  /** `chunk` is about to be sent by `call`: kept for another attempt where that may be needed, unless it is too much. */
  addSent(call: BackendCall, chunk: Buffer): void {
    if (this.isGone) return;
    if (call.mayBeRefused) {
      this.add(chunk);
      if (!this.isFull) return;
    }
    this.drop();
    this.isGone = true;
  }

  /** What `call` has to send first. */
  begin(call: BackendCall): Buffer | undefined {
    if (call.mayBeRefused) return this.#buffer?.content;
    const kept = this.#buffer?.take();
    if (kept !== undefined) this.isGone = true;
    return kept;
  }

  /** It is not needed any more. */
  drop(): void {
    this.#buffer?.take();
  }
}
