// When connections to backends begin. Each costs the event loop the better part of a millisecond, at its beginning and again at the end of
// its handshake. A client that asks for two hundred things at once makes as many connections necessary: one begins in a turn of
// the loop, so that what is established is served between two of them.

export class DialTurns {
  /** Calls in the next turn of the event loop. */
  readonly #later: (act: () => void) => void;
  readonly #waiting: (() => void)[] = [];
  #isAwaited = false;

  constructor(later: (act: () => void) => void = setImmediate) {
    this.#later = later;
  }

  /** Begins it now where none has begun in this turn, else when its turn has come. `begin` must not throw. */
  take(begin: () => void): void {
    if (this.#isAwaited) {
      this.#waiting.push(begin);
      return;
    }
    this.#await();
    begin();
  }

  #await(): void {
    this.#isAwaited = true;
    this.#later(this.#onTurn);
  }

  readonly #onTurn = (): void => {
    this.#isAwaited = false;
    const begin = this.#waiting.shift();
    if (begin === undefined) return;
    this.#await();
    begin();
  };
}
