// Values by key, shared inside a generation and taken over by the next one while their key is the same, so that a reload
// keeps warm connections and health states. A value whose last user is gone is closed.

type Kept<T> = { readonly value: T; users: number };

export class SharedCache<T extends { close(): void }> {
  readonly #own = new Map<string, Kept<T>>();
  #previous: SharedCache<T> | undefined;

  /** `previous`: the cache of the generation that still serves; it may be closed before or after this one. */
  constructor(previous?: SharedCache<T>) {
    this.#previous = previous;
  }

  get size(): number {
    return this.#own.size;
  }

  /** The value of this key: our own, the previous generation's, or a new one. */
  take(key: string, make: () => T): T {
    const known = this.#own.get(key);
    if (known !== undefined) return known.value;
    const kept = (this.#previous === undefined ? undefined : this.#previous.#own.get(key)) ?? {
      value: make(),
      users: 0,
    };
    kept.users += 1;
    this.#own.set(key, kept);
    return kept.value;
  }

  values(): T[] {
    return Array.from(this.#own.values(), (kept) => kept.value);
  }

  /** Gives up every value; closes those that no other generation uses. Safe to call twice. */
  close(): void {
    this.#previous = undefined;
    const own = Array.from(this.#own.values());
    this.#own.clear();
    for (const kept of own) {
      kept.users -= 1;
      if (kept.users === 0) kept.value.close();
    }
  }
}
