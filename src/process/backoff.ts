// How long to wait before a worker that died is started again: not at all, unless it keeps dying young; then longer each time.

const firstMs = 200;
const maxMs = 30_000;
/** A worker that lived this long was healthy: its death is news, not a loop. */
const healthyMs = 10_000;

export class Backoff {
  #nextMs = 0;

  /** The delay before the next start of a worker that lived `livedMs`; 0 for one that never came up. */
  delayAfter(livedMs: number): number {
    if (livedMs >= healthyMs) this.#nextMs = 0;
    const delay = this.#nextMs;
    this.#nextMs = Math.min(maxMs, Math.max(firstMs, this.#nextMs * 2));
    return delay;
  }
}
