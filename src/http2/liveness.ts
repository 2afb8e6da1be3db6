// Whether a backend is still there that says nothing: asked by PING (RFC 9113 section 6.7), when somebody has reason to ask, and no more
// often than backends forgive.
import type { Clock } from '../base/clock.ts';

/** For a backend that may be gone to say that it is there. */
const pingMs = 5_000;
/** A connection on which nothing came for so long may be dead without anybody knowing: its next call asks. */
const quietMs = 10_000;
/**
 * Between two PINGs where the backend has answered no call meanwhile: servers of gRPC take more than one in five minutes for abuse, forgive
 * two, and end the connection (GOAWAY, too_many_pings) with all that it carries.
 */
const pingGapMs = 330_000;
const maxEarlyPings = 2;

/** The connection that is asked about. */
export interface Questioned {
  sendPing(): void;
  /** No answer came within `ms`. */
  onSilence(ms: number): void;
}

export class Liveness {
  /** Nothing was heard where something was due: no further call is risked until the backend has answered. */
  isDoubtful = false;
  readonly #clock: Clock;
  readonly #questioned: Questioned;
  #cancel: (() => void) | undefined;
  #heardAt: number;
  /** Monotonic time from which a PING may be sent although nothing was answered since the last. */
  #pingsFrom = 0;
  #earlyPings = 0;

  constructor(clock: Clock, questioned: Questioned) {
    this.#clock = clock;
    this.#questioned = questioned;
    this.#heardAt = clock.monotonic();
  }

  /** A call begins. */
  onCall(): void {
    if (this.#clock.monotonic() - this.#heardAt >= quietMs) this.onQuiet();
  }

  /** Nothing comes, which may well be. */
  onQuiet(): void {
    if (this.#isDue) this.#ask();
  }

  /** A call was given up before anything came: was it that, or is nobody there any more? */
  onUnanswered(): void {
    // For want of an answer this is worth a PING that comes too early; where there were too many, the deadlines of calls have to do.
    if (this.#cancel === undefined && !this.#isDue && this.#earlyPings >= maxEarlyPings) return;
    this.isDoubtful = true;
    this.#ask();
  }

  /** The head of an answer came. */
  onAnswer(): void {
    this.#pingsFrom = 0;
    this.#earlyPings = 0;
  }

  /** Anything came. True where that ends a doubt. */
  onRead(): boolean {
    this.#heardAt = this.#clock.monotonic();
    this.stop();
    const wasDoubtful = this.isDoubtful;
    this.isDoubtful = false;
    return wasDoubtful;
  }

  /** Nobody asks any more. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  get #isDue(): boolean {
    return this.#pingsFrom <= this.#clock.monotonic();
  }

  #ask(): void {
    if (this.#cancel !== undefined) return;
    this.#earlyPings = this.#isDue ? 0 : this.#earlyPings + 1;
    this.#pingsFrom = this.#clock.monotonic() + pingGapMs;
    this.#questioned.sendPing();
    this.#cancel = this.#clock.after(pingMs, () => this.#questioned.onSilence(pingMs));
  }
}
