// The snapshots of several processes as one Prometheus text (exposition format 0.0.4). Written in slices with a pause for the
// event loop in between: with hundreds of routes there are tens of thousands of samples, and health must not wait for them.
import type { Aggregator, MetricSample, Sample } from './registry.ts';

/** Samples between two pauses: some milliseconds. */
const sliceSamples = 2_000;

/** Time that other work of the process had to wait for this, and the text. */
export type Exposition = { readonly text: string; readonly costMs: number };

type Merged = { readonly head: string; readonly aggregator: Aggregator; readonly values: Map<string, number> };

/** Metrics and label sets in the order in which they come first. Metrics without a value are left out. */
export async function writeExposition(snapshots: readonly (readonly MetricSample[])[]): Promise<Exposition> {
  const metrics = new Map<string, Merged>();
  const slices = new Slices();
  for (const snapshot of snapshots) {
    for (const metric of snapshot) {
      const merged = metrics.get(metric.name) ?? begin(metric);
      if (metric.values.length > 0) metrics.set(metric.name, merged);
      for (const sample of metric.values) {
        add(merged, metric.name, sample);
        if (slices.count()) await slices.pause();
      }
    }
  }
  const parts: string[] = [];
  for (const { head, values } of metrics.values()) {
    parts.push(head);
    for (const [series, value] of values) {
      parts.push(series, ' ', numberText(value), '\n');
      if (slices.count()) await slices.pause();
    }
  }
  return { text: parts.join(''), costMs: slices.end() };
}

class Slices {
  #left = sliceSamples;
  #startedAt = performance.now();
  #costMs = 0;

  /** True where it is time for a pause. */
  count(): boolean {
    return --this.#left <= 0;
  }

  async pause(): Promise<void> {
    this.end();
    await new Promise((resolve) => setImmediate(resolve));
    this.#left = sliceSamples;
    this.#startedAt = performance.now();
  }

  end(): number {
    this.#costMs += performance.now() - this.#startedAt;
    return this.#costMs;
  }
}

function begin({ name, help, type, aggregator }: MetricSample): Merged {
  const text = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return { head: `# HELP ${name} ${text}\n# TYPE ${name} ${type}\n`, aggregator, values: new Map() };
}

function add({ aggregator, values }: Merged, name: string, sample: Sample): void {
  const series = seriesText(sample.metricName ?? name, sample.labels);
  const before = values.get(series);
  values.set(series, before === undefined ? sample.value : merge[aggregator](before, sample.value));
}

const merge: Readonly<Record<Aggregator, (a: number, b: number) => number>> = {
  sum: (a, b) => a + b,
  min: Math.min,
  max: Math.max,
  first: (a) => a,
};

function seriesText(name: string, labels: Sample['labels']): string {
  let text = '';
  for (const label in labels) {
    if (text !== '') text += ',';
    text += `${label}="${labelText(String(labels[label]))}"`;
  }
  return text === '' ? name : `${name}{${text}}`;
}

/** Most have nothing to escape. */
function labelText(value: string): string {
  return /[\\"\n]/.test(value) ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n') : value;
}

function numberText(value: number): string {
  if (value === Infinity) return '+Inf';
  return value === -Infinity ? '-Inf' : String(value);
}
