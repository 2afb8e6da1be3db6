// What all HTTP/2 connections of a worker have in common, on both sides: the memory that frames are written into, and the tables
// that header blocks are read with.
import type { FieldNames } from '../http/field.ts';
import { type MetricCatalogue, Metrics } from '../telemetry/metrics.ts';
import { HpackContext } from './hpack-context.ts';
import { BlockMemory } from './hpack-encoder.ts';
import { PagePool } from './page-pool.ts';
import { SessionMetrics } from './session-metrics.ts';

export class Http2Shared {
  readonly pages = new PagePool();
  readonly hpack: HpackContext;
  /** Of every connection's encoder: what it wrote is copied into a page at once. */
  readonly blocks = new BlockMemory();

  /** By the role that we have. */
  readonly metrics: { readonly server: SessionMetrics; readonly client: SessionMetrics };

  constructor(names: FieldNames, metrics: MetricCatalogue = new Metrics().of) {
    this.hpack = new HpackContext(names);
    this.metrics = { server: new SessionMetrics(metrics, 'client'), client: new SessionMetrics(metrics, 'backend') };
  }
}
