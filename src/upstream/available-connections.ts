// The connections of one pool that can carry another call: taken last in, first out, an array pop on the hot path, from the
// addresses of the backend in turn. Those that carry no call at all are idle, and counted in the budget that all pools of a
// worker share.
import type { IdleBudget } from './idle-budget.ts';
import type { PooledConnection } from './pooled-connection.ts';

/** Those of one address, in the order in which they came. */
type Lane = { readonly address: string; readonly kept: PooledConnection[] };

/** Empty lanes are kept for the next connection up to here, then forgotten: addresses come and go. */
const maxLanes = 128;

export class AvailableConnections {
  size = 0;
  /** Connections that carry no call. */
  idle = 0;
  #lanes: Lane[] = [];
  /** The lane that comes next. */
  #turn = 0;
  #lastOrder = 0;
  readonly #budget: IdleBudget;

  constructor(budget: IdleBudget) {
    this.#budget = budget;
  }

  /** True where all pools together hold more idle ones than they may. */
  get isOverBudget(): boolean {
    return this.#budget.isExceeded;
  }

  /** The one that `takeNewest` would take. */
  get newest(): PooledConnection | undefined {
    return this.#nextLane()?.kept.at(-1);
  }

  /** Takes note of a connection that has room for a call; known ones keep their place. */
  add(connection: PooledConnection): void {
    if (!connection.available) {
      connection.available = true;
      connection.order = this.#lastOrder += 1;
      this.#findLane(connection.address).kept.push(connection);
      this.size += 1;
    }
    if (!connection.idle && connection.connection.activeCalls === 0) {
      connection.idle = true;
      this.idle += 1;
      this.#budget.idle += 1;
    }
  }

  /** The one of the next address that came last, for one call: it stays where it has room for another. */
  takeNewest(): PooledConnection | undefined {
    const lane = this.#nextLane();
    const newest = lane?.kept.at(-1);
    if (lane === undefined || newest === undefined) return undefined;
    this.#turn += 1;
    if (newest.room > 1) this.#notIdle(newest);
    else {
      lane.kept.pop();
      this.#left(newest);
    }
    return newest;
  }

  /** Takes out the idle one that came first. */
  takeOldestIdle(): PooledConnection | undefined {
    if (this.idle === 0) return undefined;
    let oldest: PooledConnection | undefined;
    for (const { kept } of this.#lanes) {
      const first = kept.find(({ idle }) => idle);
      if (first !== undefined && (oldest === undefined || first.order < oldest.order)) oldest = first;
    }
    if (oldest !== undefined) this.delete(oldest);
    return oldest;
  }

  /** Takes this one out; false where it is not among them. */
  delete(connection: PooledConnection): boolean {
    if (!connection.available) return false;
    const { kept } = this.#findLane(connection.address);
    kept.splice(kept.indexOf(connection), 1);
    this.#left(connection);
    return true;
  }

  /** The lane whose turn it is, of those with a connection that has room. */
  #nextLane(): Lane | undefined {
    const lanes = this.#lanes;
    for (let left = lanes.length; left > 0; left -= 1) {
      if (this.#turn >= lanes.length) this.#turn = 0;
      const lane = lanes[this.#turn];
      if (lane !== undefined && this.#dropFull(lane)) return lane;
      this.#turn += 1;
    }
    return undefined;
  }

  /** Takes out those at the end that have no room any more; true where one is left. */
  #dropFull({ kept }: Lane): boolean {
    for (let last = kept.at(-1); last !== undefined; last = kept.at(-1)) {
      if (last.room > 0) return true;
      kept.pop();
      this.#left(last);
    }
    return false;
  }

  #findLane(address: string): Lane {
    for (const lane of this.#lanes) if (lane.address === address) return lane;
    if (this.#lanes.length >= maxLanes) this.#lanes = this.#lanes.filter(({ kept }) => kept.length > 0);
    const lane: Lane = { address, kept: [] };
    this.#lanes.push(lane);
    return lane;
  }

  #left(connection: PooledConnection): void {
    connection.available = false;
    this.size -= 1;
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
