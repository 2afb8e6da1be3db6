// What is measured: a row of the table, and what it asks of the gateway, the backend and the load.

/** What gateways are told to speak with the backend. `grpc`: HTTP/2, with the backend that answers with trailers. */
export type Backend = 'h1' | 'h2' | 'grpc';

/** The call that `bench/grpc-backend.ts` answers: a message of so many bytes each way. */
export const GRPC_PATH = '/bench.Echo/Unary';
export const GRPC_BYTES = 100;

export type WorkloadName =
  | 'small'
  | 'filters'
  | 'jwt'
  | 'rate'
  | 'body'
  | 'handshake'
  | 'resume'
  | 'h1-idle'
  | 'h1-upload'
  | 'log'
  | 'pace-25'
  | 'pace-50'
  | Http2WorkloadName;
/** Client's protocol, then the backend's. */
export type Http2WorkloadName =
  | 'h2-upload'
  | 'h2-h1'
  | 'h2-h2'
  | 'h1-h2'
  | 'h2-grpc'
  | 'h2-h1-body'
  | 'h2-h2-body'
  | 'h2-idle';

export type Workload = {
  readonly name: WorkloadName;
  readonly title: string;
  /** What one completed piece of work is. */
  readonly unit: string;
  readonly client: 'h1' | 'h2';
  readonly backend: Backend;
  readonly path: string;
  readonly connections: number;
  /** Requests at a time on one connection. */
  readonly streams: number;
  /** What happens to a connection after its answer. `idle`: nothing any more, and its memory is what is measured, not CPU. */
  readonly after: 'keep' | 'reconnect' | 'resume' | 'idle';
  /** POST with so many bytes, of gRPC a message; GET where there are none. */
  readonly requestBytes: number;
  readonly bodyBytes: number;
  /** Requests carry a token that the gateway verifies. */
  readonly withToken?: true;
  /** A fixed rate: this share of what goes through us at saturation; what is judged is p99, not CPU. */
  readonly pace?: number;
  /** Each gateway is measured twice, by turns: as always, and with its access log on. */
  readonly withLog?: true;
  /** Those that can do it as they are installed; the others are left out of the row. Default: all. */
  readonly peers?: readonly string[];
};

/** What most rows have in common. */
export const http1 = { unit: 'request', client: 'h1', backend: 'h1', streams: 1, requestBytes: 0 } as const;
