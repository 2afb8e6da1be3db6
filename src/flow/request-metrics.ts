// The numbers that requests add to. Handles are resolved on first use and kept, so that a request costs a few additions;
// what never happens has no series. The names and meanings are telemetry/metrics.ts's.
import type { Fault, FaultCode, FaultSource } from '../base/fault.ts';
import type { MetricCatalogue } from '../telemetry/metrics.ts';
import type { Counter, Gauge, Histogram } from '../telemetry/registry.ts';

/** One backend as one route uses it; `''` stands for requests that reached none. */
export class BackendMetrics {
  readonly #metrics: MetricCatalogue;
  readonly #route: string;
  readonly #backend: string;
  /** Answers by the hundreds of their status. */
  readonly #answers: (Counter | undefined)[] = [];
  #firstByte: Histogram | undefined;

  constructor(metrics: MetricCatalogue, route: string, backend: string) {
    this.#metrics = metrics;
    this.#route = route;
    this.#backend = backend;
  }

  /** A request is over; `status` is what its client got. */
  answered(status: number): void {
    const hundreds = (status / 100) | 0;
    (this.#answers[hundreds] ??= this.#answersOf(`${hundreds}xx`)).inc();
  }

  /** The head of an answer came, `ms` after the request was on its way. */
  headCame(ms: number): void {
    this.#firstByte ??= this.#metrics.upstreamFirstByteSeconds.labels({ backend: this.#backend });
    this.#firstByte.observe(ms / 1000);
  }

  retried(): void {
    this.#metrics.upstreamRetries.labels({ backend: this.#backend }).inc();
  }

  #answersOf(status: string): Counter {
    return this.#metrics.requests.labels({ route: this.#route, status, backend: this.#backend });
  }
}

/** One route; `''` stands for requests that reached none. */
export class RouteMetrics {
  readonly #metrics: MetricCatalogue;
  readonly #route: string;
  readonly #backends = new Map<string, BackendMetrics>();
  #seconds: Histogram | undefined;

  constructor(metrics: MetricCatalogue, route: string) {
    this.#metrics = metrics;
    this.#route = route;
  }

  /** `backend`: its `host:port`, of which a route has few. */
  of(backend: string): BackendMetrics {
    let own = this.#backends.get(backend);
    if (own === undefined) {
      own = new BackendMetrics(this.#metrics, this.#route, backend);
      this.#backends.set(backend, own);
    }
    return own;
  }

  /** A request took so long, from its head to the end of its answer. */
  took(ms: number): void {
    this.#seconds ??= this.#metrics.requestSeconds.labels({ route: this.#route });
    this.#seconds.observe(ms / 1000);
  }
}

/** What belongs to no route. One per worker. */
export class RequestMetrics {
  /** Requests in progress. */
  readonly active: Gauge;
  /** Requests that have switched protocols, of those in progress. */
  readonly tunnels: Gauge;
  /** Requests that reached no route. */
  readonly unrouted: RouteMetrics;
  readonly #metrics: MetricCatalogue;
  readonly #faults: Readonly<Record<FaultSource, Map<FaultCode, Counter>>> = {
    client: new Map(),
    gateway: new Map(),
    backend: new Map(),
  };

  constructor(metrics: MetricCatalogue) {
    this.#metrics = metrics;
    this.active = metrics.requestsActive.labels({});
    this.tunnels = metrics.tunnelsActive.labels({});
    this.unrouted = new RouteMetrics(metrics, '');
  }

  /** A connection's chain was to be forwarded and is not known. */
  countChainUnknown(): void {
    this.#metrics.identityChainUnknown.labels({}).inc();
  }

  countFault({ code, source }: Fault): void {
    let counter = this.#faults[source].get(code);
    if (counter === undefined) {
      counter = this.#metrics.faults.labels({ code, source });
      this.#faults[source].set(code, counter);
    }
    counter.inc();
  }
}
