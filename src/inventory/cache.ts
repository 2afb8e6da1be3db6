// A bounded place for one kind of clients that were seen: by count and by bytes of certificates, least recently seen out.
// Who was let in and who was refused stand on two of them, so that fresh certificates of a hostile client, which cost it
// nothing, push out no client that counts.

export type CacheLimits = { readonly maxEntries: number; readonly maxBytes: number };

/** What stands on a cache: how many bytes it holds, as put there or resized. */
export type Cached = { bytes: number };

export class SeenCache<T extends Cached> {
  /** Least recently seen first. */
  readonly #entries = new Map<string, T>();
  readonly #limits: CacheLimits;
  readonly #onOut: (entry: T) => void;
  #bytes = 0;

  constructor(limits: CacheLimits, onOut: (entry: T) => void = () => {}) {
    this.#limits = limits;
    this.#onOut = onOut;
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  find(key: string): T | undefined {
    return this.#entries.get(key);
  }

  /** Puts it where the most recently seen stand, new or not; others may have to go, the newest never. */
  put(key: string, entry: T): void {
    if (this.#entries.delete(key)) this.#entries.set(key, entry);
    else {
      this.#entries.set(key, entry);
      this.#bytes += entry.bytes;
      this.#shrink(entry);
    }
  }

  /** Takes it off, because it belongs elsewhere. */
  take(key: string): T | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
    return entry;
  }

  resize(entry: T, bytes: number): void {
    this.#bytes += bytes - entry.bytes;
    entry.bytes = bytes;
    this.#shrink(entry);
  }

  entries(): MapIterator<[string, T]> {
    return this.#entries.entries();
  }

  values(): MapIterator<T> {
    return this.#entries.values();
  }

  #shrink(keep: T): void {
    const { maxEntries, maxBytes } = this.#limits;
    for (const [key, oldest] of this.#entries) {
      if (this.#entries.size <= maxEntries && this.#bytes <= maxBytes) return;
      if (oldest === keep) continue;
      this.take(key);
      this.#onOut(oldest);
    }
  }
}

/** Shares of one limit: most for clients that were let in. */
export function shareLimits(limits: CacheLimits): { readonly accepted: CacheLimits; readonly refused: CacheLimits } {
  const refused = { maxEntries: Math.ceil(limits.maxEntries / 5), maxBytes: Math.ceil(limits.maxBytes / 5) };
  return {
    accepted: {
      maxEntries: Math.max(1, limits.maxEntries - refused.maxEntries),
      maxBytes: Math.max(1, limits.maxBytes - refused.maxBytes),
    },
    refused,
  };
}
