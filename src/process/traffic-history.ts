// How many requests and refusals there were in each minute of the last hour, by reason: differences of the counters that the
// metrics have anyway. Counters never go back, so neither does this.
import type { Clock } from '../base/clock.ts';
import type { TrafficMinute } from '../control/traffic.ts';
import type { MetricsSnapshot } from '../telemetry/metrics.ts';
import type { WorkerHandle } from './worker-handle.ts';

const minuteMs = 60_000;
const minutes = 60;
/** A look costs each worker what a scrape of its metrics does: whoever asks often sees the last one. */
const restMs = 2_000;
/** Reasons that are told apart within a minute; the rest is `other`. */
const maxReasons = 32;

export type TrafficSources = {
  readonly clock: Pick<Clock, 'now' | 'monotonic' | 'after'>;
  readonly workers: { list(): readonly Pick<WorkerHandle, 'snapshot'>[] };
  /** Of the workers that ended. */
  readonly buried: () => MetricsSnapshot;
};

/** Cumulated, by kind and reason. */
type Counts = ReadonlyMap<string, number>;

export class TrafficHistory {
  readonly #sources: TrafficSources;
  readonly #minutes = new Map<number, Map<string, number>>();
  readonly #since: number;
  #before: Counts | undefined;
  #looking: Promise<void> | undefined;
  #restUntil = -Infinity;

  constructor(sources: TrafficSources) {
    this.#sources = sources;
    this.#since = sources.clock.now();
  }

  start(): void {
    const { clock } = this.#sources;
    // At the end of each minute, so that it is one.
    void this.#look().then(() => clock.after(minuteMs - (clock.now() % minuteMs), () => this.start()));
  }

  /** Oldest first, the minute that runs last; minutes before the start are not there. */
  async read(): Promise<readonly TrafficMinute[]> {
    await this.#look();
    const now = this.#minuteOf(this.#sources.clock.now());
    const first = Math.max(now - (minutes - 1) * minuteMs, this.#minuteOf(this.#since));
    const shown: TrafficMinute[] = [];
    for (let at = first; at <= now; at += minuteMs) shown.push(showMinute(at, this.#minutes.get(at) ?? new Map()));
    return shown;
  }

  /** One at a time: two would count the same difference twice. */
  async #look(): Promise<void> {
    const now = this.#sources.clock.monotonic();
    if (this.#looking === undefined && now < this.#restUntil) return;
    this.#looking ??= this.#count().finally(() => {
      this.#looking = undefined;
      this.#restUntil = this.#sources.clock.monotonic() + restMs;
    });
    return this.#looking;
  }

  async #count(): Promise<void> {
    const { clock, workers, buried } = this.#sources;
    // A worker that ends while we ask must not count twice.
    const ended = buried();
    const alive = await Promise.all(workers.list().map(async (worker) => worker.snapshot()));
    const now = countAll([ended, ...alive]);
    const before = this.#before;
    this.#before = now;
    if (before === undefined) return;
    // What came until the end of a minute is of that minute.
    const at = this.#minuteOf(clock.now() - 1);
    const minute = this.#minutes.get(at) ?? new Map<string, number>();
    this.#minutes.set(at, minute);
    for (const [key, value] of now) {
      const more = value - (before.get(key) ?? 0);
      if (more > 0) addTo(minute, key, more);
    }
    for (const known of this.#minutes.keys()) if (known <= at - minutes * minuteMs) this.#minutes.delete(known);
  }

  #minuteOf(ms: number): number {
    return ms - (ms % minuteMs);
  }
}

function addTo(minute: Map<string, number>, key: string, more: number): void {
  const [kind] = key.split(' ', 1);
  const room = minute.has(key) || minute.size < maxReasons || kind === 'requests';
  const own = room ? key : `${kind} other`;
  minute.set(own, (minute.get(own) ?? 0) + more);
}

function showMinute(at: number, counts: ReadonlyMap<string, number>): TrafficMinute {
  const of = (kind: string): Record<string, number> =>
    Object.fromEntries(
      [...counts].flatMap(([key, count]) => (key.startsWith(`${kind} `) ? [[key.slice(kind.length + 1), count]] : [])),
    );
  return { at, requests: of('requests'), faults: of('faults'), handshakes: of('handshakes') };
}

/** `requests 2xx`, `faults no_route`, `handshakes expired`; those that succeeded are `handshakes ok`. */
function countAll(snapshots: readonly (MetricsSnapshot | undefined)[]): Counts {
  const counts = new Map<string, number>();
  const add = (key: string, value: number): void => void counts.set(key, (counts.get(key) ?? 0) + value);
  for (const snapshot of snapshots)
    for (const { name, values } of snapshot ?? []) {
      if (name === 'countersign_requests_total')
        for (const one of values) add(`requests ${one.labels['status']}`, one.value);
      else if (name === 'countersign_faults_total')
        for (const one of values) add(`faults ${one.labels['code']}`, one.value);
      else if (name === 'countersign_tls_handshakes_total')
        for (const one of values)
          if (one.labels['leg'] === 'client') add(`handshakes ${one.labels['result']}`, one.value);
    }
  return counts;
}
