// Spans of all workers on their way to a collector: OTLP over HTTP in JSON (opentelemetry.io/docs/specs/otlp, OTLP/HTTP). One batch at
// a time; one that could not be sent is tried again as the specification says, and what finds no room meanwhile is counted.
import { hostname } from 'node:os';
import type { Logger } from '../telemetry/logger.ts';
import { type BoundedFetch, fetchBounded, type FetchOutcome } from '../base/bounded-fetch.ts';
import type { Clock } from '../base/clock.ts';
import { version } from '../base/version.ts';
import type { GatewayConfig } from '../config/gateway-config.ts';
import { readSourcePem } from '../sources/source-material.ts';
import { SpanAttributes } from '../telemetry/span-text.ts';
import type { SpanBatch } from '../telemetry/tracer.ts';

const maxQueued = 8_192;
const maxBatch = 1_024;
const firstPauseMs = 1_000;
const maxPauseMs = 30_000;
const maxAnswerBytes = 64 * 1024;
/** OTLP/HTTP, "Retryable Response Codes". */
const again = new Set([429, 502, 503, 504]);

export type SpanExporterOptions = {
  readonly clock: Clock;
  readonly log: Logger;
  readonly tracing: NonNullable<GatewayConfig['tracing']>;
  /** PEM; undefined: public CAs. */
  readonly ca: string | undefined;
  readonly onResult: (result: 'exported' | 'dropped', count: number) => void;
};

/** Rejects with a SourceFailure where the CA that is to verify the collector cannot be read: nothing is sent to whoever is there. */
export async function openSpanExporter(options: Omit<SpanExporterOptions, 'ca'>): Promise<SpanExporter> {
  const { ca } = options.tracing;
  return new SpanExporter({ ...options, ca: ca && (await readSourcePem(ca, 'the collector of spans')) });
}

export class SpanExporter {
  readonly #options: SpanExporterOptions;
  readonly #head: string;
  #queue: string[] = [];
  #isBusy = false;
  #pauseMs = firstPauseMs;
  /** The last batch could not be sent: told once. */
  #isDown = false;
  #onIdle: (() => void) | undefined;

  constructor(options: SpanExporterOptions) {
    this.#options = options;
    const { tracing } = options;
    const resource = new SpanAttributes()
      .string('service.name', tracing.serviceName)
      .string('service.version', version)
      .string('host.name', hostname());
    this.#head =
      `{"resourceSpans":[{"resource":{"attributes":[${resource.text}]},"scopeSpans":[` +
      `{"scope":{"name":"countersign","version":"${version}"},"spans":[`;
  }

  take({ spans, dropped }: SpanBatch): void {
    const room = Math.max(0, maxQueued - this.#queue.length);
    this.#queue.push(...spans.slice(0, room));
    this.#drop(dropped + Math.max(0, spans.length - room));
    this.#send();
  }

  /** Resolves when what is queued is sent, or after `withinMs`. */
  async close(withinMs: number): Promise<void> {
    if (!this.#isBusy && this.#queue.length === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
      this.#options.clock.after(withinMs, resolve);
      this.#send();
    });
  }

  #send(): void {
    if (this.#isBusy) return;
    if (this.#queue.length === 0) return this.#onIdle?.();
    this.#isBusy = true;
    const batch = this.#queue.splice(0, maxBatch);
    const { tracing, clock, ca } = this.#options;
    const request: BoundedFetch = {
      url: new URL(tracing.endpoint),
      method: 'POST',
      headers: {
        ...Object.fromEntries(tracing.headers),
        'content-type': 'application/json',
        'user-agent': `countersign/${version}`,
      },
      body: Buffer.from(`${this.#head}${batch.join(',')}]}]}]}`),
      timeoutMs: tracing.timeoutMs,
      maxBytes: maxAnswerBytes,
      anyStatus: true,
      clock,
      ca,
    };
    fetchBounded(request, (outcome) => this.#sent(batch, outcome));
  }

  #sent(batch: readonly string[], outcome: FetchOutcome): void {
    const status = outcome.ok ? outcome.status : undefined;
    if (status !== undefined && status >= 200 && status < 300) {
      this.#pauseMs = firstPauseMs;
      if (this.#isDown) this.#options.log.info('the collector takes spans again');
      this.#isDown = false;
      this.#options.onResult('exported', batch.length);
      return this.#next(0);
    }
    const problem = outcome.ok
      ? `status ${outcome.status}`
      : 'cause' in outcome
        ? outcome.cause || outcome.problem
        : outcome.problem;
    if (!this.#isDown)
      this.#options.log.warn(
        { problem, hint: 'Look whether the collector runs and takes OTLP over HTTP at tracing.endpoint.' },
        'the collector did not take spans: they are kept for a while, then dropped',
      );
    this.#isDown = true;
    if (status === undefined || again.has(status)) {
      const room = Math.max(0, maxQueued - this.#queue.length);
      this.#queue.unshift(...batch.slice(0, room));
      this.#drop(batch.length - Math.min(room, batch.length));
    } else this.#drop(batch.length);
    this.#next(this.#pauseMs);
    this.#pauseMs = Math.min(maxPauseMs, 2 * this.#pauseMs);
  }

  #next(afterMs: number): void {
    this.#options.clock.after(afterMs, () => {
      this.#isBusy = false;
      this.#send();
    });
  }

  #drop(count: number): void {
    if (count > 0) this.#options.onResult('dropped', count);
  }
}
