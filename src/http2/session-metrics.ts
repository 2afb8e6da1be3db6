// What all HTTP/2 connections of one side count: connections, streams, resets, GOAWAY. Labels are looked up once.
import type { MetricCatalogue } from '../telemetry/metrics.ts';
import { isKnownErrorCode, nameOfErrorCode } from './frame.ts';

export type Direction = 'sent' | 'received';

export class SessionMetrics {
  readonly connections;
  readonly streams;
  readonly opened;
  readonly resets;
  readonly #metrics: MetricCatalogue;
  readonly #leg: 'client' | 'backend';

  constructor(metrics: MetricCatalogue, leg: 'client' | 'backend') {
    this.#metrics = metrics;
    this.#leg = leg;
    this.connections = metrics.http2Connections.labels({ leg });
    this.streams = metrics.http2StreamsActive.labels({ leg });
    this.opened = metrics.http2Streams.labels({ leg });
    this.resets = {
      sent: metrics.http2Resets.labels({ leg, direction: 'sent' }),
      received: metrics.http2Resets.labels({ leg, direction: 'received' }),
    };
  }

  /** `code`: what the peer sends may be one that nobody knows. */
  countGoAway(direction: Direction, code: number): void {
    const name = isKnownErrorCode(code) ? nameOfErrorCode(code) : 'other';
    this.#metrics.http2GoAways.labels({ leg: this.#leg, direction, code: name }).inc();
  }
}
