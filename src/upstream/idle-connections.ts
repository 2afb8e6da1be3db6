// The idle connections of one pool: taken last in, first out, an array pop on the hot path; counted in the budget that all
// pools of a worker share.
import type { IdleBudget } from './idle-budget.ts';
import type { PooledConnection } from './pooled-connection.ts';

export class IdleConnections {
  readonly #kept: PooledConnection[] = [];
  readonly #budget: IdleBudget;

  constructor(budget: IdleBudget) {
    this.#budget = budget;
  }

  get size(): number {
    return this.#kept.length;
  }

  /** True where all pools together hold as many as they may. */
  get budgetExhausted(): boolean {
    return this.#budget.exhausted;
  }

  add(connection: PooledConnection): void {
    this.#kept.push(connection);
    this.#budget.idle += 1;
  }

  takeNewest(): PooledConnection | undefined {
    return this.#counted(this.#kept.pop());
  }

  takeOldest(): PooledConnection | undefined {
    return this.#counted(this.#kept.shift());
  }

  /** Takes this one out; false where it is not among them. */
  delete(connection: PooledConnection): boolean {
    const at = this.#kept.indexOf(connection);
    if (at === -1) return false;
    this.#kept.splice(at, 1);
    this.#budget.idle -= 1;
    return true;
  }

  #counted(taken: PooledConnection | undefined): PooledConnection | undefined {
    if (taken !== undefined) this.#budget.idle -= 1;
    return taken;
  }
}
