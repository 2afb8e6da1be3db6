// The spans of one worker: which requests are traced, and what is told of them in batches. Bounded: while a batch is under way at
// most another two are kept, and what comes besides is counted, not kept.
import type { Clock } from '../base/clock.ts';
import { joinTraceState, parseTraceParent, randomId, type TraceParent, traceParentText } from './trace-context.ts';
import { type Span, spanText } from './span-text.ts';

export type SpanBatch = { readonly spans: readonly string[]; readonly dropped: number };

/** What one request knows of its trace. */
export class RequestTrace {
  readonly #parent: TraceParent | undefined;
  readonly traceId: string;
  readonly traceState: string;
  readonly isSampled: boolean;
  /** Of what the gateway does for the client, and of what it asks of a backend. */
  readonly serverId: string;
  readonly clientId: string;
  /** Monotonic time at which a backend was chosen; undefined: none was. */
  dispatchedAt: number | undefined = undefined;

  constructor(parent: TraceParent | undefined, traceState: string, isSampled: boolean) {
    this.#parent = parent;
    this.traceId = parent?.traceId ?? randomId(16);
    this.traceState = traceState;
    this.isSampled = isSampled;
    this.serverId = isSampled || parent === undefined ? randomId(8) : parent.parentId;
    this.clientId = isSampled ? randomId(8) : this.serverId;
  }

  get parentId(): string {
    return this.#parent?.parentId ?? '';
  }

  /** `traceparent` for the backend. One that is not sampled goes on as it came: we have no span in it. */
  get header(): string {
    return traceParentText({ traceId: this.traceId, parentId: this.clientId, isSampled: this.isSampled });
  }
}

const maxBatch = 512;
const maxKept = 3 * maxBatch;
const flushAfterMs = 1_000;

export type TracerOptions = {
  readonly clock: Pick<Clock, 'after'>;
  /** Share of the traces that begin here, 0 to 1. */
  readonly sample: number;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  /** Tells a batch; calls `done` when it is on its way, or lost. */
  readonly send: (batch: SpanBatch, done: () => void) => void;
};

export class Tracer {
  readonly #options: TracerOptions;
  #spans: string[] = [];
  #dropped = 0;
  #isUnderWay = false;
  #cancel: (() => void) | undefined;

  constructor(options: TracerOptions) {
    this.#options = options;
  }

  /** `parents`, `states`: the fields of the request, where whoever sent it is followed; else none. */
  begin(parents: readonly string[], states: readonly string[]): RequestTrace {
    // More than one is none (W3C Trace Context, 3.2).
    const parent = parents.length === 1 ? parseTraceParent(parents[0] ?? '') : undefined;
    if (parent !== undefined) return new RequestTrace(parent, joinTraceState(states), parent.isSampled);
    return new RequestTrace(undefined, '', this.#options.random() < this.#options.sample);
  }

  add(span: Span): void {
    if (this.#spans.length >= maxKept) {
      this.#dropped += 1;
      return;
    }
    this.#spans.push(spanText(span));
    if (this.#spans.length >= maxBatch) this.flush();
    else this.#cancel ??= this.#options.clock.after(flushAfterMs, () => this.flush());
  }

  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#isUnderWay || (this.#spans.length === 0 && this.#dropped === 0)) return;
    const batch = { spans: this.#spans.splice(0, maxBatch), dropped: this.#dropped };
    this.#dropped = 0;
    this.#isUnderWay = true;
    this.#options.send(batch, () => {
      this.#isUnderWay = false;
      if (this.#spans.length > 0) this.flush();
    });
  }
}
