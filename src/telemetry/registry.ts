// Counters, gauges and histograms as plain numbers. A handle is resolved ahead (`labels`), so that counting on the hot path
// is one addition. A process gives its numbers as a snapshot; exposition.ts merges snapshots and writes the text.

/** How the snapshots of several processes become one number. */
export type Aggregator = 'sum' | 'min' | 'max' | 'first';

export type Sample = {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  /** Histograms only: name with `_bucket`, `_sum` or `_count`. */
  readonly metricName?: string;
};

/** One metric of a snapshot: plain data. */
export type MetricSample = {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly aggregator: Aggregator;
  readonly values: readonly Sample[];
};

export class Counter {
  value = 0;
  inc(by = 1): void {
    this.value += by;
  }
}

export class Gauge {
  value = 0;
  set(value: number): void {
    this.value = value;
  }
  inc(): void {
    this.value += 1;
  }
  dec(): void {
    this.value -= 1;
  }
}

/** Upper bounds in seconds: half a millisecond to a minute. */
const secondsBuckets: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];

export class Histogram {
  sum = 0;
  /** Observations per bucket, not cumulated; the last is everything beyond the bounds. */
  readonly counts: Float64Array;
  readonly #bounds: readonly number[];

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let i = 0;
    while (i < bounds.length && value > (bounds[i] ?? Infinity)) i++;
    this.counts[i] = (this.counts[i] ?? 0) + 1;
    this.sum += value;
  }
}

/** Label sets that one metric may have; what comes later is counted under `other`, so that nobody can fill memory. */
const maxSeries = 20_000;
const overflow = 'other';

export type FamilySpec<L extends string> = {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly L[];
  readonly aggregator?: Aggregator;
  readonly maxSeries?: number;
};

type Series<H> = { readonly labels: Readonly<Record<string, string>>; readonly handle: H };

/** One metric with its label sets. */
export class Family<L extends string, H extends Counter | Gauge | Histogram> {
  readonly spec: FamilySpec<L>;
  readonly type: MetricSample['type'];
  readonly #create: () => H;
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, Series<H>>();

  constructor(spec: FamilySpec<L>, type: MetricSample['type'], create: () => H, bounds: readonly number[] = []) {
    this.spec = spec;
    this.type = type;
    this.#create = create;
    this.#bounds = bounds;
    if (spec.labels.length === 0) this.labels({} as Record<L, string>);
  }

  get size(): number {
    return this.#series.size;
  }

  /** The handle of a label set: keep it. */
  labels(values: Readonly<Record<L, string>>): H {
    const known = this.#series.get(this.#key(values));
    if (known !== undefined) return known.handle;
    const full = this.#series.size >= (this.spec.maxSeries ?? maxSeries);
    return full ? this.#open(this.#everyLabel(() => overflow)) : this.#open(this.#everyLabel((name) => values[name]));
  }

  /** Forgets a label set (a backend that is gone); its handles count into nothing. */
  remove(values: Readonly<Record<L, string>>): void {
    this.#series.delete(this.#key(values));
  }

  /** Forgets all label sets: for gauges that are set anew with each configuration. */
  clear(): void {
    this.#series.clear();
  }

  #everyLabel(value: (name: L) => string): Record<L, string> {
    return Object.fromEntries(this.spec.labels.map((name) => [name, value(name)])) as Record<L, string>;
  }

  #key(values: Readonly<Record<L, string>>): string {
    return this.spec.labels.map((name) => values[name]).join('\u0000');
  }

  #open(labels: Record<L, string>): H {
    const key = this.#key(labels);
    const known = this.#series.get(key);
    if (known !== undefined) return known.handle;
    const handle = this.#create();
    this.#series.set(key, { labels, handle });
    return handle;
  }

  snapshot(): MetricSample {
    const { name, help, aggregator = 'sum' } = this.spec;
    const values: Sample[] = [];
    for (const { labels, handle } of this.#series.values()) {
      if (handle instanceof Histogram) values.push(...histogramSamples(name, labels, handle, this.#bounds));
      else values.push({ labels, value: handle.value });
    }
    return { name, help, type: this.type, aggregator, values };
  }
}

function histogramSamples(
  name: string,
  labels: Readonly<Record<string, string>>,
  histogram: Histogram,
  bounds: readonly number[],
): Sample[] {
  const samples: Sample[] = [];
  let count = 0;
  histogram.counts.forEach((own, i) => {
    count += own;
    samples.push({ labels: { ...labels, le: bounds[i] ?? '+Inf' }, value: count, metricName: `${name}_bucket` });
  });
  samples.push({ labels, value: histogram.sum, metricName: `${name}_sum` });
  samples.push({ labels, value: count, metricName: `${name}_count` });
  return samples;
}

export function counters<L extends string>(spec: FamilySpec<L>): Family<L, Counter> {
  return new Family(spec, 'counter', () => new Counter());
}

export function gauges<L extends string>(spec: FamilySpec<L>): Family<L, Gauge> {
  return new Family(spec, 'gauge', () => new Gauge());
}

export function histograms<L extends string>(spec: FamilySpec<L>, bounds = secondsBuckets): Family<L, Histogram> {
  return new Family(spec, 'histogram', () => new Histogram(bounds), bounds);
}
