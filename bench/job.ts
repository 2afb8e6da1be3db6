// What the load generator is asked for and what it answers, between the two processes.
import { http1Workloads, idleWorkload } from './http1-workloads.ts';
import { http2Workloads } from './http2-workloads.ts';
import type { Workload } from './workload.ts';

/** The workload with so many connections. */
export function withConnections(workload: Workload, connections: number): Workload {
  return { ...workload, connections };
}

export const workloads: readonly Workload[] = [...http1Workloads, idleWorkload, ...http2Workloads];

/** What `--only` names several workloads by. */
export const groups: Readonly<Record<string, readonly string[]>> = {
  h1: http1Workloads.map((workload) => workload.name),
  h2: http2Workloads.map((workload) => workload.name),
  idle: workloads.filter(({ after }) => after === 'idle').map((workload) => workload.name),
};

export const generatorNames = ['own', 'autocannon', 'wrk', 'h2load'] as const;
export type GeneratorName = (typeof generatorNames)[number];

/** Those that have no client certificates: the gateways have to let clients come without one. */
export const withoutCertificate: ReadonlySet<GeneratorName> = new Set(['wrk', 'h2load']);

/**
 * Who makes the load, where `wanted` is asked for: autocannon and wrk do what is kept alive over HTTP/1.1, h2load what is over
 * HTTP/2; what they cannot do, our own does. `rate` counts by certificate, which wrk has none of.
 */
export function chooseGenerator(workload: Workload, wanted: GeneratorName): GeneratorName {
  const { name, after, client, pace } = workload;
  if (after !== 'keep' || wanted === 'own' || pace !== undefined || uploads(workload)) return 'own';
  if (wanted === 'wrk' && name === 'rate') return 'own';
  return (wanted === 'h2load') === (client === 'h2') ? wanted : 'own';
}

/** A POST whose body counts. */
export function uploads({ requestBytes, backend }: Workload): boolean {
  return requestBytes > 0 && backend !== 'grpc';
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
  /** Requests a second; undefined: as fast as answers come. */
  readonly rate: number | undefined;
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
