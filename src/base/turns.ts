// Acts that take turns: none begins before the one before it has ended, well or not.
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Resolves or rejects as `act` does, when it had its turn. */
  async take<T>(act: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(act);
    this.#last = mine.catch(() => {});
    return mine;
  }
}
