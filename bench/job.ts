// What the load generator is asked for and what it answers, between the two processes.

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
  | Http2WorkloadName;
/** Client's protocol, then the backend's. */
export type Http2WorkloadName = 'h2-h1' | 'h2-h2' | 'h1-h2' | 'h2-grpc' | 'h2-h1-body' | 'h2-h2-body' | 'h2-idle';

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
  /** POST with a message of gRPC in so many bytes; GET where there are none. */
  readonly requestBytes: number;
  readonly bodyBytes: number;
  /** Requests carry a token that the gateway verifies. */
  readonly withToken?: true;
  /** Those that can do it as they are installed; the others are left out of the row. Default: all. */
  readonly peers?: readonly string[];
};

const http1 = { unit: 'request', client: 'h1', backend: 'h1', streams: 1, requestBytes: 0 } as const;
const http2 = { ...http1, client: 'h2', connections: 16, after: 'keep' } as const;
const small = { path: '/', streams: 8, bodyBytes: 107 } as const;
const large = { unit: 'MiB', path: '/1m', streams: 1, bodyBytes: 1 << 20 } as const;

const http1Workloads: readonly Workload[] = [
  {
    ...http1,
    name: 'small',
    title: 'HTTP/1.1 keep-alive, 107 bytes, 64 connections',
    path: '/',
    connections: 64,
    after: 'keep',
    bodyBytes: 107,
  },
  {
    ...http1,
    name: 'filters',
    title: 'the same with five changes of fields, two on the way back',
    path: '/filters',
    connections: 64,
    after: 'keep',
    bodyBytes: 107,
  },
  {
    ...http1,
    name: 'jwt',
    title: 'the same with a token (ES256) that is verified with each request',
    path: '/jwt',
    connections: 64,
    after: 'keep',
    bodyBytes: 107,
    withToken: true,
    peers: ['countersign', 'haproxy', 'envoy'],
  },
  {
    ...http1,
    name: 'rate',
    title: 'the same with a limit of requests, counted by the certificate of the client',
    path: '/rate',
    connections: 64,
    after: 'keep',
    bodyBytes: 107,
    peers: ['countersign', 'nginx', 'haproxy'],
  },
  {
    ...http1,
    name: 'body',
    title: '1 MiB answers, 16 connections',
    unit: 'MiB',
    path: '/1m',
    connections: 16,
    after: 'keep',
    bodyBytes: 1 << 20,
  },
  {
    ...http1,
    name: 'handshake',
    title: 'full handshake and one request, 8 at a time',
    unit: 'connection',
    path: '/',
    connections: 8,
    after: 'reconnect',
    bodyBytes: 107,
  },
  {
    ...http1,
    name: 'resume',
    title: 'a connection that resumes where the gateway lets it, each ticket once, and one request, 8 at a time',
    unit: 'connection',
    path: '/',
    connections: 8,
    after: 'resume',
    bodyBytes: 107,
  },
];

/** Not in a group: it takes a fresh process for each round, and long. */
const idleWorkload: Workload = {
  ...http1,
  name: 'h1-idle',
  title: 'idle connections of HTTP/1.1, one request each',
  unit: 'connection',
  path: '/',
  connections: 2000,
  after: 'idle',
  bodyBytes: 107,
};

const http2Workloads: readonly Workload[] = [
  { ...http2, ...small, name: 'h2-h1', title: 'HTTP/2 to HTTP/1.1, 107 bytes, 16 × 8 streams' },
  { ...http2, ...small, name: 'h2-h2', title: 'HTTP/2 to HTTP/2, 107 bytes, 16 × 8 streams', backend: 'h2' },
  {
    ...http1,
    name: 'h1-h2',
    title: 'HTTP/1.1 to HTTP/2, 107 bytes, 64 connections',
    backend: 'h2',
    path: '/',
    connections: 64,
    after: 'keep',
    bodyBytes: 107,
  },
  {
    ...http2,
    name: 'h2-grpc',
    title: 'gRPC-like calls, 100 bytes each way and trailers, 16 × 8 streams',
    unit: 'call',
    backend: 'grpc',
    path: GRPC_PATH,
    streams: 8,
    requestBytes: GRPC_BYTES,
    bodyBytes: GRPC_BYTES,
  },
  { ...http2, ...large, name: 'h2-h1-body', title: 'HTTP/2 to HTTP/1.1, 1 MiB answers, 16 connections' },
  { ...http2, ...large, name: 'h2-h2-body', title: 'HTTP/2 to HTTP/2, 1 MiB answers, 16 connections', backend: 'h2' },
  {
    ...http2,
    ...small,
    name: 'h2-idle',
    title: 'idle connections of HTTP/2, one request each',
    unit: 'connection',
    connections: 2000,
    streams: 1,
    after: 'idle',
  },
];

/** The workload with so many connections. */
export function withConnections(workload: Workload, connections: number): Workload {
  return { ...workload, connections };
}

export const workloads: readonly Workload[] = [...http1Workloads, idleWorkload, ...http2Workloads];

/** What `--only` names several workloads by. */
export const groups: Readonly<Record<string, readonly string[]>> = {
  h1: http1Workloads.map((workload) => workload.name),
  h2: http2Workloads.map((workload) => workload.name),
};

export const generatorNames = ['own', 'autocannon', 'wrk', 'h2load'] as const;
export type GeneratorName = (typeof generatorNames)[number];

/** Those that have no client certificates: the gateways have to let clients come without one. */
export const withoutCertificate: ReadonlySet<GeneratorName> = new Set(['wrk', 'h2load']);

/**
 * Who makes the load, where `wanted` is asked for: autocannon and wrk do what is kept alive over HTTP/1.1, h2load what is over
 * HTTP/2; what they cannot do, our own does. `rate` counts by certificate, which wrk has none of.
 */
export function chooseGenerator({ name, after, client }: Workload, wanted: GeneratorName): GeneratorName {
  if (after !== 'keep' || wanted === 'own') return 'own';
  if (wanted === 'wrk' && name === 'rate') return 'own';
  return (wanted === 'h2load') === (client === 'h2') ? wanted : 'own';
}

export type Job = {
  readonly workload: Workload;
  /** Who makes the load: see `chooseGenerator`. */
  readonly generator: GeneratorName;
  readonly port: number;
  /** PEM. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** What `Authorization` says; undefined: nothing. */
  readonly authorization: string | undefined;
  readonly warmMs: number;
  readonly measureMs: number;
};

export type JobResult = {
  readonly done: number;
  readonly seconds: number;
  /** Milliseconds; NaN where the generator does not say. */
  readonly p50: number;
  readonly p99: number;
  /** Failures with how often they happened; empty in a measurement that counts. */
  readonly failures: Readonly<Record<string, number>>;
  /** Share of the connections whose session was resumed, 0 to 1. */
  readonly resumed: number;
};

/** The measured window begins, and ends: the moments at which CPU time is read. */
export type Report = { readonly kind: 'begin' } | { readonly kind: 'end'; readonly result: JobResult };
