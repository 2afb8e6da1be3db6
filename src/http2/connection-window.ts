// The window that we give the peer for DATA on all streams of a connection (RFC 9113 section 5.2). It does not wait for slow takers,
// but for what they hold beyond what they may: so one slow stream stops no other, and memory has an end.

/** Bytes of bodies that a connection may hold for whoever will take them; what is above takes its own window. */
const maxHeldBytes = 1_048_576;
/** The least that is worth an update while the window is short. */
const leastCredit = 16_384;

export class ConnectionWindow {
  readonly #size: number;
  readonly #send: (bytes: number) => void;
  /** What the peer may still send. */
  #left: number;
  /** Received and not yet given back. */
  #owed = 0;
  #held = 0;

  /** `send`: tells the peer that it has so much more. */
  constructor(size: number, send: (bytes: number) => void) {
    this.#size = size;
    this.#left = size;
    this.#send = send;
  }

  /** DATA came. False: more than there was room for. */
  take(bytes: number): boolean {
    this.#left -= bytes;
    this.#owed += bytes;
    return this.#left >= 0;
  }

  /** `bytes` more, or fewer, are held. */
  hold(bytes: number): void {
    this.#held += bytes;
  }

  /** Gives back what is worth an update. */
  credit(): void {
    const excess = Math.max(0, this.#held - maxHeldBytes);
    const owed = this.#owed - excess;
    if (owed < (excess > 0 ? leastCredit : this.#size >> 1)) return;
    this.#owed = excess;
    this.#left += owed;
    this.#send(owed);
  }
}
