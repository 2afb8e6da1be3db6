// How much of answers may wait for slow clients beyond what every connection may have: a backend that has told all is then
// free for others, although its client still reads. Bounded for one connection and for all of a worker.

/** Taken at a time. */
const stepBytes = 131_072;

export class WriteBudget {
  /** Bytes that connections may use at this moment. */
  used = 0;
  /** Of all connections of the worker. */
  readonly limit: number;
  readonly perConnection: number;

  constructor(limit: number, perConnection: number) {
    this.limit = limit;
    this.perConnection = perConnection;
  }

  /** Bytes that a connection which has `taken` may have besides; 0 where there are no more. */
  take(taken: number): number {
    if (taken + stepBytes > this.perConnection || this.used + stepBytes > this.limit) return 0;
    this.used += stepBytes;
    return stepBytes;
  }

  give(taken: number): void {
    this.used -= taken;
  }
}
