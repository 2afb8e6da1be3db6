// The backends of one route: which one takes a request (balance.ts) and how a connection to it is had (pool.ts).
import type { Fault } from '../base/fault.ts';
import type { Fields } from '../http/field.ts';
import type { AcquireOptions, CallWaiter } from './call-waiter.ts';

export type PickInput = {
  readonly fields: Fields;
  /** Origin form with query. */
  readonly target: string;
  /** Client address as the `ip` source of a match rule sees it. */
  readonly remoteAddress: string;
};

export interface Backend {
  /** `host:port`, for metrics and logs only. */
  readonly label: string;
  /** Value of Host where the client's is not forwarded: no port where it is the scheme's default. */
  readonly authority: string;
  /** Path prefix of the endpoint without trailing slash; '' for none. */
  readonly basePath: string;
  readonly secure: boolean;
  acquire(waiter: CallWaiter, options?: AcquireOptions): void;
  reportResponse(status: number): void;
  reportFailure(fault: Fault): void;
}

export interface Cluster {
  /** A backend for this request; undefined where none is healthy. */
  pick(input: PickInput): Backend | undefined;
  close(): void;
}
