// How long to wait before a worker that died is started again: longer each time, short again once one has lived a while.

const firstMs = 200;
const maxMs = 30_000;
/** A worker that lived this long was healthy: its death is news, not a loop. */
const healthyMs = 60_000;

export class Backoff {
  #nextMs = firstMs;

  /** The delay before the next start of a worker that lived `livedMs`. The first restart comes almost at once. */
  delayAfter(livedMs: number): number {
    if (livedMs >= healthyMs) this.#nextMs = firstMs;
    const delay = this.#nextMs;
    this.#nextMs = Math.min(maxMs, this.#nextMs * 2);
    return delay;
  }
}
