// What the load generator is asked for and what it answers, between the two processes.

export type WorkloadName = 'small' | 'body' | 'handshake' | 'resume';

export type Workload = {
  readonly name: WorkloadName;
  readonly title: string;
  /** What one completed piece of work is. */
  readonly unit: string;
  readonly path: string;
  readonly connections: number;
  /** What happens to a connection after its answer. */
  readonly after: 'keep' | 'reconnect' | 'resume';
  readonly bodyBytes: number;
};

export const workloads: readonly Workload[] = [
  {
    name: 'small',
    title: 'HTTP/1.1 keep-alive, 107 bytes, 64 connections',
    unit: 'request',
    path: '/',
    connections: 64,
    after: 'keep',
    bodyBytes: 107,
  },
  {
    name: 'body',
    title: '1 MiB answers, 16 connections',
    unit: 'MiB',
    path: '/1m',
    connections: 16,
    after: 'keep',
    bodyBytes: 1 << 20,
  },
  {
    name: 'handshake',
    title: 'full handshake and one request, 8 at a time',
    unit: 'connection',
    path: '/',
    connections: 8,
    after: 'reconnect',
    bodyBytes: 107,
  },
  {
    name: 'resume',
    title: 'resumed handshake and one request, 8 at a time',
    unit: 'connection',
    path: '/',
    connections: 8,
    after: 'resume',
    bodyBytes: 107,
  },
];

export type Job = {
  readonly workload: Workload;
  readonly generator: 'own' | 'autocannon';
  readonly port: number;
  /** PEM. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly warmMs: number;
  readonly measureMs: number;
};

export type JobResult = {
  readonly done: number;
  readonly seconds: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Failures with how often they happened; empty in a measurement that counts. */
  readonly failures: Readonly<Record<string, number>>;
  /** Share of the connections whose session was resumed, 0 to 1. */
  readonly resumed: number;
};

/** The measured window begins, and ends: the moments at which CPU time is read. */
export type Report = { readonly kind: 'begin' } | { readonly kind: 'end'; readonly result: JobResult };
