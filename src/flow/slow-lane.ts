// Requests over HTTP/2 of clients that flooded a moment ago. What they ask for is served, but one request after the other, with a pause
// between two: one that they take back meanwhile, as they did before, costs no backend anything.
import type { Clock } from '../base/clock.ts';

/** Between two requests of one client. */
const pauseMs = 20;
/** Of one client. */
const mostWaiting = 256;

/** `exchange.isOver`: it is not wanted any more. */
type Waiting = { readonly exchange: { readonly isOver: boolean }; readonly goOn: () => void };

export class SlowLane {
  readonly #clock: Pick<Clock, 'after'>;
  readonly #most: number;
  readonly #lines = new Map<string, Waiting[]>();

  constructor(clock: Pick<Clock, 'after'>, most = mostWaiting) {
    this.#clock = clock;
    this.#most = most;
  }

  /** Clients that wait. */
  get size(): number {
    return this.#lines.size;
  }

  /** Has it wait behind the others of its client; `goOn` must not throw. False: too many of them wait already. */
  take(client: string, exchange: Waiting['exchange'], goOn: () => void): boolean {
    const line = this.#lines.get(client);
    if (line === undefined) {
      this.#lines.set(client, [{ exchange, goOn }]);
      this.#await(client);
      return true;
    }
    if (line.length >= this.#most) line.splice(0, line.length, ...line.filter((one) => !one.exchange.isOver));
    if (line.length >= this.#most) return false;
    line.push({ exchange, goOn });
    return true;
  }

  #await(client: string): void {
    this.#clock.after(pauseMs, () => this.#onTurn(client));
  }

  #onTurn(client: string): void {
    const line = this.#lines.get(client) ?? [];
    let next = line.shift();
    while (next?.exchange.isOver === true) next = line.shift();
    if (next === undefined) {
      this.#lines.delete(client);
      return;
    }
    // Also behind the last: the next one that comes has its pause, too.
    this.#await(client);
    next.goOn();
  }
}
