// What was found out about credentials, for a while: by a keyed digest, so that nothing of them is kept. Bounded.
import { hash, randomBytes } from 'node:crypto';

type Entry<T> = { readonly value: T; readonly until: number };

export class Remembered<T> {
  /** In front of what is hashed: a third of the time of an HMAC, and nobody ever sees a digest who could lengthen it. */
  readonly #key = randomBytes(33).toString('base64');
  readonly #limit: number;
  readonly #entries = new Map<string, Entry<T>>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  digest(credentials: string): string {
    return hash('sha256', this.#key + credentials, 'base64');
  }

  /** `now`: on the clock that `until` was said by. */
  find(digest: string, now: number): T | undefined {
    const entry = this.#entries.get(digest);
    if (entry === undefined) return undefined;
    if (entry.until > now) return entry.value;
    this.#entries.delete(digest);
    return undefined;
  }

  /** Where there is no room the oldest goes. */
  add(digest: string, value: T, until: number): void {
    this.#entries.delete(digest);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size >= this.#limit && oldest !== undefined) this.#entries.delete(oldest);
    this.#entries.set(digest, { value, until });
  }

  clear(): void {
    this.#entries.clear();
  }
}
