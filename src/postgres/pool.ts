// The few connections of one process: each is used by one at a time, what failed is dropped, and where the database cannot be had whoever comes
// next is told at once instead of waiting for the same.
import type { Clock } from '../base/clock.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { Connection } from './connection.ts';

export type PoolOptions = {
  readonly open: () => Promise<Connection>;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** At the same time. */
  readonly size: number;
  /** How long to wait for one that somebody else uses. */
  readonly waitMs: number;
};

/** Where the last attempt failed, nobody tries again before that. */
const pauseMs = 500;
/** Unused for so long it is closed: a server that many gateways share has few. */
const idleMs = 15_000;

type Waiter = { readonly take: (connection: Connection) => void; readonly fail: (problem: unknown) => void };

export class Pool {
  readonly #options: PoolOptions;
  readonly #idle: { readonly connection: Connection; readonly timer: NodeJS.Timeout }[] = [];
  readonly #used = new Set<Connection>();
  readonly #waiters: Waiter[] = [];
  #opening = 0;
  #closed = false;
  #failed: { readonly at: number; readonly problem: StoreProblem } | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Rejects with a StoreProblem, or with what `act` rejects with. */
  async use<Result>(act: (connection: Connection) => Promise<Result>): Promise<Result> {
    const connection = await this.#take();
    try {
      return await act(connection);
    } finally {
      this.#giveBack(connection);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { fail } of this.#waiters.splice(0)) fail(closed());
    const idle = this.#idle.splice(0);
    for (const { timer } of idle) clearTimeout(timer);
    // What is not confirmed did not happen.
    for (const connection of this.#used) connection.destroy();
    await Promise.all(idle.map(async ({ connection }) => connection.end()));
  }

  async #take(): Promise<Connection> {
    if (this.#closed) throw closed();
    for (let kept = this.#idle.pop(); kept !== undefined; kept = this.#idle.pop()) {
      clearTimeout(kept.timer);
      if (!kept.connection.isUsable) continue;
      this.#used.add(kept.connection);
      return kept.connection;
    }
    const { clock, size } = this.#options;
    if (this.#failed !== undefined && clock.monotonic() - this.#failed.at < pauseMs) throw this.#failed.problem;
    if (this.#used.size + this.#opening >= size) return this.#wait();
    return this.#open();
  }

  async #open(): Promise<Connection> {
    this.#opening += 1;
    try {
      const connection = await this.#options.open();
      this.#failed = undefined;
      if (this.#closed) {
        connection.destroy();
        throw closed();
      }
      this.#used.add(connection);
      return connection;
    } catch (error) {
      if (error instanceof StoreProblem && !this.#closed) {
        this.#failed = { at: this.#options.clock.monotonic(), problem: error };
        for (const { fail } of this.#waiters.splice(0)) fail(error);
      }
      throw error;
    } finally {
      this.#opening -= 1;
    }
  }

  #wait(): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const forget = (): void => {
        clearTimeout(timer);
        const at = this.#waiters.indexOf(waiter);
        if (at !== -1) this.#waiters.splice(at, 1);
      };
      const timer = setTimeout(() => {
        forget();
        reject(new StoreProblem('timed_out', 'all connections to the database are in use'));
      }, this.#options.waitMs);
      const waiter: Waiter = {
        take: (connection) => {
          forget();
          resolve(connection);
        },
        fail: (problem) => {
          forget();
          reject(problem);
        },
      };
      this.#waiters.push(waiter);
    });
  }

  #giveBack(connection: Connection): void {
    this.#used.delete(connection);
    if (this.#closed) return connection.destroy();
    const next = this.#waiters[0];
    if (!connection.isUsable) {
      // Its place is free: whoever waits gets another.
      if (next !== undefined) void this.#open().then((opened) => this.#hand(opened), next.fail);
      return undefined;
    }
    this.#hand(connection);
  }

  #hand(connection: Connection): void {
    const next = this.#waiters.shift();
    if (next !== undefined) {
      this.#used.add(connection);
      return next.take(connection);
    }
    this.#used.delete(connection);
    const timer = setTimeout(() => {
      const at = this.#idle.findIndex((one) => one.connection === connection);
      if (at !== -1) this.#idle.splice(at, 1);
      void connection.end();
    }, idleMs).unref();
    this.#idle.push({ connection, timer });
  }
}

function closed(): StoreProblem {
  return new StoreProblem('closed', 'the store is closed');
}
