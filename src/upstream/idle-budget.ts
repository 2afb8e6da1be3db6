// How many idle backend connections there may be over all pools of a worker (networking.transport.maxIdleConns).

export class IdleBudget {
  idle = 0;
  readonly limit: number;

  /** `limit` 0 = none. */
  constructor(limit: number) {
    this.limit = limit === 0 ? Infinity : limit;
  }

  get isExceeded(): boolean {
    return this.idle > this.limit;
  }
}
