// What drifts at this moment, whoever found it: said in the log when it begins and when it ends, counted in the metric, shown by the
// admin entry point and in the status that the control process asks for. Works without a store.
import type { Clock } from '../base/clock.ts';
import { type Drift, driftKinds, type DriftReport } from '../gateway/drift.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { MetricCatalogue } from '../telemetry/metrics.ts';

export type DriftBoardOptions = {
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Logger;
  readonly metrics: Pick<MetricCatalogue, 'configDrift'>;
  /** Name of this gateway. */
  readonly gateway: string;
};

/** Of one report; a thousand listeners that do the same are one cause. */
const maxFindings = 100;

export class DriftBoard {
  readonly #options: DriftBoardOptions;
  /** By kind and source, then by key. */
  readonly #found = new Map<string, ReadonlyMap<string, Drift>>();

  constructor(options: DriftBoardOptions) {
    this.#options = options;
    this.#setMetric();
  }

  /** Oldest first. */
  get list(): readonly Drift[] {
    return [...this.#found.values()].flatMap((found) => [...found.values()]).toSorted((a, b) => a.since - b.since);
  }

  /** What the source found before and does not find now has ended. */
  report({ of: kind, source, findings }: DriftReport): void {
    const { clock, log, gateway } = this.#options;
    const at = `${kind} ${source}`;
    const before = this.#found.get(at) ?? new Map<string, Drift>();
    const now = new Map<string, Drift>();
    for (const { key, code, sentence, help } of findings.slice(0, maxFindings)) {
      const known = before.get(key);
      const drift: Drift = { key, code, sentence, help, kind, gateway, since: known?.since ?? clock.now() };
      now.set(key, drift);
      if (known === undefined || known.code !== code) log.error(aboutDrift(drift), `drift: ${sentence}`);
    }
    for (const [key, drift] of before)
      if (!now.has(key)) {
        const lastedMs = Math.max(0, clock.now() - drift.since);
        log.warn({ ...aboutDrift(drift), lastedMs }, `drift ended: ${drift.sentence}`);
      }
    this.#found.set(at, now);
    this.#setMetric();
  }

  #setMetric(): void {
    const { metrics, gateway } = this.#options;
    const all = this.list;
    for (const kind of driftKinds)
      metrics.configDrift.labels({ kind, gateway }).set(all.some((drift) => drift.kind === kind) ? 1 : 0);
  }
}

function aboutDrift({ kind, gateway, key, code, help }: Drift): object {
  return { drift: kind, gateway, key, code, help };
}
