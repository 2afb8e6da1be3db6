/** Answers that go on: how many there are, of everybody and of each user. */
export class OpenStreams {
  readonly #ofUser = new Map<string, number>();
  #all = 0;

  /** Returns what to call when it is over, once; undefined where there are too many. */
  enter(user: string, max: number, maxOfUser: number): (() => void) | undefined {
    const own = this.#ofUser.get(user) ?? 0;
    if (this.#all >= max || own >= maxOfUser) return undefined;
    this.#all += 1;
    this.#ofUser.set(user, own + 1);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#all -= 1;
      const left = (this.#ofUser.get(user) ?? 1) - 1;
      if (left === 0) this.#ofUser.delete(user);
      else this.#ofUser.set(user, left);
    };
  }
}
