// The connections of one pool that can carry another call: taken last in, first out, an array pop on the hot path. Those
// that carry no call at all are idle, and counted in the budget that all pools of a worker share.
import type { IdleBudget } from './idle-budget.ts';
import type { PooledConnection } from './pooled-connection.ts';

export class AvailableConnections {
  /** Connections that carry no call. */
  idle = 0;
  readonly #kept: PooledConnection[] = [];
  readonly #budget: IdleBudget;

  constructor(budget: IdleBudget) {
    this.#budget = budget;
  }

  get size(): number {
    return this.#kept.length;
  }

  /** True where all pools together hold more idle ones than they may. */
  get isOverBudget(): boolean {
    return this.#budget.isExceeded;
  }

  /** The one that `takeNewest` would take. */
  get newest(): PooledConnection | undefined {
    for (;;) {
      const newest = this.#kept[this.#kept.length - 1];
      if (newest === undefined || newest.room > 0) return newest;
      this.#remove(this.#kept.length - 1, newest);
    }
  }

  /** Takes note of a connection that has room for a call; known ones keep their place. */
  add(connection: PooledConnection): void {
    if (!connection.available) {
      connection.available = true;
      this.#kept.push(connection);
    }
    if (!connection.idle && connection.connection.activeCalls === 0) {
      connection.idle = true;
      this.idle += 1;
      this.#budget.idle += 1;
    }
  }

  /** The one that came last, for one call: it stays where it has room for another. */
  takeNewest(): PooledConnection | undefined {
    for (;;) {
      const newest = this.#kept[this.#kept.length - 1];
      if (newest === undefined) return undefined;
      const { room } = newest;
      if (room > 1) {
        this.#notIdle(newest);
        return newest;
      }
      this.#kept.pop();
      newest.available = false;
      this.#notIdle(newest);
      if (room === 1) return newest;
    }
  }

  /** Takes out the idle one that came first. */
  takeOldestIdle(): PooledConnection | undefined {
    const at = this.idle === 0 ? -1 : this.#kept.findIndex(({ idle }) => idle);
    const oldest = this.#kept[at];
    if (oldest !== undefined) this.#remove(at, oldest);
    return oldest;
  }

  /** Takes this one out; false where it is not among them. */
  delete(connection: PooledConnection): boolean {
    if (!connection.available) return false;
    this.#remove(this.#kept.indexOf(connection), connection);
    return true;
  }

  #remove(at: number, connection: PooledConnection): void {
    this.#kept.splice(at, 1);
    connection.available = false;
    this.#notIdle(connection);
  }

  #notIdle(connection: PooledConnection): void {
    if (!connection.idle) return;
    connection.idle = false;
    connection.deadline = Infinity;
    this.idle -= 1;
    this.#budget.idle -= 1;
  }
}
