// How long a backend may take for one request: to begin its answer, between two pieces of it, and, for a call of gRPC, for all of
// it. Setting a time is an assignment or two.
import type { Deadlines, Late } from '../base/deadline.ts';
import { noSlot } from '../base/slot-set.ts';
import { Fault } from '../base/fault.ts';
import type { RouteConfig } from '../config/gateway-config.ts';

export class CallDeadline implements Late {
  deadline = Infinity;
  slot = noSlot;
  readonly #deadlines: Deadlines;
  readonly #timeouts: RouteConfig['timeouts'];
  readonly #late: () => void;
  /** The whole call. */
  readonly #endsAt: number;

  /** `endsAt`: monotonic time by which the whole call must be over, however it gets on; Infinity: no such limit. `onLate` must not throw. */
  constructor(deadlines: Deadlines, timeouts: RouteConfig['timeouts'], endsAt: number, onLate: () => void) {
    this.#deadlines = deadlines;
    this.#timeouts = timeouts;
    this.#late = onLate;
    this.#endsAt = endsAt;
    this.deadline = endsAt;
    deadlines.add(this);
  }

  /** The call as a whole has taken too long. */
  get isOver(): boolean {
    return this.#endsAt <= this.#deadlines.now;
  }

  expectResponse(): void {
    this.#within(this.#timeouts.responseMs);
  }

  expectBody(): void {
    this.#within(this.#timeouts.idleMs);
  }

  /** What it means that the time for an answer, or for a further piece of one that has begun, is over. */
  fault(backend: string, hasBegun: boolean): Fault {
    const { responseMs, idleMs } = this.#timeouts;
    const [code, what] = hasBegun
      ? (['backend_truncated', `sent nothing for ${idleMs} ms in the middle of its answer`] as const)
      : (['response_timeout', `did not answer within ${responseMs} ms`] as const);
    return new Fault(code, 'backend', { detail: `${backend} ${what}`, raw: 'deadline' });
  }

  /** It is not the backend that is waited for. */
  expectNothing(): void {
    this.deadline = this.#endsAt;
  }

  stop(): void {
    this.deadline = Infinity;
    this.#deadlines.delete(this);
  }

  onLate(): void {
    this.#late();
  }

  /** 0 means no limit. */
  #within(ms: number): void {
    this.deadline = ms === 0 ? this.#endsAt : Math.min(this.#endsAt, this.#deadlines.now + ms);
  }
}
