// How long one client may still take: for a head, a body, the next request, to take our bytes, to close. What becomes of
// one who takes longer is for the connection (server.ts) to say. Setting a time is an assignment or two.
import type { Deadlines, Late } from '../base/deadline.ts';
import { noSlot } from '../base/slot-set.ts';
import type { ServerTimeouts } from './limits.ts';

/** For an answer to begin after a plain TCP client has ended its side. */
const halfCloseMs = 5_000;

export class ConnectionTimers implements Late {
  deadline = Infinity;
  slot = noSlot;
  readonly #deadlines: Deadlines;
  readonly #timeouts: ServerTimeouts;
  readonly #late: () => void;
  #headStartedAt: number;
  /** When the whole request must have come. */
  #requestBy = Infinity;
  #readBy = Infinity;
  #stallBy = Infinity;
  #writeBy = Infinity;
  /** What waits for the client must be taken by then, however it gets on. */
  #allTakenBy = Infinity;
  /** When some of it must be. */
  #someTakenBy = Infinity;
  /** By when the body must have made progress, measured from #rateFrom bytes. */
  #rateBy = Infinity;
  #rateFrom = 0;

  /** Begins to wait for a first head. `onLate` is called when the time set last is over; must not throw. */
  constructor(deadlines: Deadlines, timeouts: ServerTimeouts, onLate: () => void) {
    this.#deadlines = deadlines;
    this.#timeouts = timeouts;
    this.#late = onLate;
    this.#headStartedAt = deadlines.now;
    this.#read(after(deadlines.now, timeouts.headMs));
    deadlines.add(this);
  }

  onLate(): void {
    this.#late();
  }

  /** Nothing is waited for any more. */
  stop(): void {
    this.#deadlines.delete(this);
  }

  /** The client has not taken our bytes in time. */
  get isWriteLate(): boolean {
    return this.#writeBy <= this.#deadlines.now;
  }

  /** The whole request has not come in time. */
  get isRequestLate(): boolean {
    return this.#requestBy <= this.#deadlines.now;
  }

  /** Something came after the last request. */
  headStarts(): void {
    this.#headStartedAt = this.#deadlines.now;
  }

  /** The rest of a head, counted from its first byte. */
  awaitHead(): void {
    this.#read(after(this.#headStartedAt, this.#timeouts.headMs));
  }

  /** A request with a body began; the flow has not asked for the body yet. */
  awaitRequest(): void {
    this.#requestBy = after(this.#headStartedAt, this.#timeouts.requestMs);
    this.#read(this.#requestBy);
  }

  /** It is the flow that does not take the body: only the whole request has a deadline. */
  awaitFlow(): void {
    this.#rateBy = Infinity;
    this.#read(this.#requestBy);
  }

  /** The body is read from now on, `received` bytes of it are there. */
  bodyStarts(received: number): void {
    this.#rateFrom = received;
    this.#rateBy = this.#timeouts.minRequestRate === 0 ? Infinity : after(this.#deadlines.now, this.#timeouts.rateMs);
    this.awaitBody();
  }

  /** The next piece of a body. */
  awaitBody(): void {
    const stallBy = after(this.#deadlines.now, this.#timeouts.stallMs);
    this.#read(Math.min(stallBy, this.#requestBy, this.#rateBy));
    this.#stallBy = stallBy;
  }

  /**
   * Only the measure of the rate was due, and `received` bytes keep it, or need not: on to the next. Where an answer has begun
   * (`answered`), client and backend talk to each other, and the client may have nothing to say for a while.
   */
  keepsRate(received: number, answered: boolean): boolean {
    const { now } = this.#deadlines;
    if (this.#rateBy > now || this.#stallBy <= now || this.isRequestLate) return false;
    const { minRequestRate, rateMs } = this.#timeouts;
    if (!answered && (received - this.#rateFrom) * 1000 < minRequestRate * rateMs) return false;
    this.#rateFrom = received;
    this.#rateBy = now + rateMs;
    this.#read(Math.min(this.#stallBy, this.#requestBy, this.#rateBy));
    return true;
  }

  /** Between requests. */
  awaitNext(): void {
    this.#read(after(this.#deadlines.now, this.#timeouts.idleMs));
  }

  /** `printf … | nc` wants its answer, a client that gave up does not: who knows which has this long. */
  awaitHalfClosed(): void {
    this.#read(after(this.#deadlines.now, halfCloseMs));
  }

  /** The client owes us nothing. */
  awaitNothing(): void {
    this.#read(Infinity);
  }

  /** `waiting` of our bytes wait for the client; the time runs from the first of these calls, and again from `someTaken`. */
  awaitTaking(waiting: number): void {
    if (this.#writeBy === Infinity) this.awaitMore(waiting);
  }

  /** `more` of our bytes wait, besides those that the time runs for already. */
  awaitMore(more: number): void {
    const { minResponseRate, rateMs } = this.#timeouts;
    const { now } = this.#deadlines;
    const isFirst = this.#writeBy === Infinity;
    if (isFirst) this.#someTakenBy = after(now, this.#timeouts.stallMs);
    if (minResponseRate > 0)
      this.#allTakenBy = (isFirst ? now + rateMs : this.#allTakenBy) + (more * 1000) / minResponseRate;
    this.#write(Math.min(this.#someTakenBy, this.#allTakenBy));
  }

  /** The client took some of our bytes, others wait. */
  someTaken(): void {
    if (this.#writeBy === Infinity) return;
    this.#someTakenBy = after(this.#deadlines.now, this.#timeouts.stallMs);
    this.#write(Math.min(this.#someTakenBy, this.#allTakenBy));
  }

  taken(): void {
    this.#allTakenBy = Infinity;
    this.#write(Infinity);
  }

  /** Our last bytes are on their way. */
  awaitEnd(): void {
    this.#writeBy = Infinity;
    this.#read(after(this.#deadlines.now, this.#timeouts.stallMs));
  }

  /** Our last bytes are out: for the client to close. */
  awaitClose(): void {
    this.#read(after(this.#deadlines.now, this.#timeouts.lingerMs));
  }

  #read(by: number): void {
    this.#readBy = by;
    this.deadline = Math.min(by, this.#writeBy);
  }

  #write(by: number): void {
    this.#writeBy = by;
    this.deadline = Math.min(this.#readBy, by);
  }
}

/** `ms` from `now`; 0 means no limit. */
function after(now: number, ms: number): number {
  return ms === 0 ? Infinity : now + ms;
}
