// Streams that were reset by us lately: what the peer had sent before it knew is no fault of its (RFC 9113 section 5.1).

const mostRemembered = 256;

export class RecentResets {
  /** Oldest first. */
  #ids: Set<number> | undefined = undefined;
  /** The highest of those that are remembered no more. */
  #forgotten = 0;

  add(streamId: number): void {
    // Most connections have none.
    this.#ids ??= new Set();
    const ids = this.#ids;
    ids.add(streamId);
    if (ids.size <= mostRemembered) return;
    for (const oldest of ids) {
      ids.delete(oldest);
      this.#forgotten = Math.max(this.#forgotten, oldest);
      break;
    }
  }

  /** Whether a stream that is closed was one of them; `perhaps` where that is too long ago. */
  find(streamId: number): 'yes' | 'perhaps' | 'no' {
    if (this.#ids?.has(streamId) === true) return 'yes';
    return streamId > this.#forgotten ? 'no' : 'perhaps';
  }
}
