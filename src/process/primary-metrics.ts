// What the primary adds to the workers' metrics, and the sum of all. A worker's last numbers stay when it dies, so that
// counters never go back; its gauges go with it.
import type { FiringCount } from '../control/messages.ts';
import type { CrlPublisher } from '../crl/publisher.ts';
import type { Clock } from '../base/clock.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import type { StoreState } from '../loading/store-source.ts';
import type { SourcePublisher } from '../sources/publisher.ts';
import type { StaplePublisher } from '../ocsp/staple-publisher.ts';
import { type Exposition, writeExposition } from '../telemetry/exposition.ts';
import { type MetricCatalogue, Metrics, type MetricsSnapshot } from '../telemetry/metrics.ts';
import { ProcessMetrics } from '../telemetry/process-metrics.ts';
import type { MetricSample, Sample } from '../telemetry/registry.ts';
import type { WorkerHandle } from './worker-handle.ts';

export class PrimaryMetrics {
  readonly #own = new Metrics();
  readonly #process = new ProcessMetrics('primary');
  /** Counters of the workers that ended, as one sum. */
  #buried: MetricsSnapshot = [];

  #storeState: (() => StoreState) | undefined;
  #clock: Pick<Clock, 'now'> | undefined;
  #isControlUp: (() => boolean) | undefined;

  /** From now on it says how late the primary comes to what is due. */
  watchDelay(clock: Clock): void {
    this.#process.watch(this.own, clock);
  }

  /** From now on it says how the store is; without one it says nothing of it. */
  watchStore(state: (() => StoreState) | undefined, clock: Pick<Clock, 'now'>): void {
    this.#storeState = state;
    this.#clock = clock;
  }

  /** Counters of the workers that ended, as one sum. */
  get buried(): MetricsSnapshot {
    return this.#buried;
  }

  /** What the primary itself counts. */
  get own(): MetricCatalogue {
    return this.#own.of;
  }

  loaded(loaded: LoadedConfig, generation: number): void {
    const { of } = this.#own;
    of.configGeneration.labels({}).set(generation);
    of.certificateExpiry.clear();
    for (const { role, subject, notAfter } of loaded.expiries) {
      of.certificateExpiry.labels({ role, subject }).set(notAfter / 1000);
    }
    of.verificationDisabled.clear();
    for (const { config } of loaded.routes) {
      if (config.tls.insecureSkipVerify) of.verificationDisabled.labels({ route: config.name }).set(1);
    }
  }

  /** Of this gateway, as its control process says; whatever was said before is gone. */
  alertsFiring(firing: readonly FiringCount[]): void {
    const { alertsFiring } = this.#own.of;
    alertsFiring.clear();
    for (const { kind, code, severity, count } of firing) alertsFiring.labels({ kind, code, severity }).set(count);
  }

  alertDelivery(receiver: string, result: string): void {
    this.#own.of.alertDeliveries.labels({ receiver, result }).inc();
  }

  controlEnded(): void {
    this.#own.of.controlEnds.labels({}).inc();
  }

  /** From now on it says whether there is one. */
  watchControl(isUp: () => boolean): void {
    this.#isControlUp = isUp;
  }

  reloadFailed(): void {
    this.#own.of.configReloadFailures.labels({}).inc();
  }

  workerRestarted(): void {
    this.#own.of.workerRestarts.labels({}).inc();
  }

  workerHung(): void {
    this.#own.of.workerHangs.labels({}).inc();
  }

  stapleAsked(result: string): void {
    this.#own.of.ocspRequests.labels({ use: 'staple', policy: '', result }).inc();
  }

  /** Keeps the counters of a worker that ended. */
  bury(worker: WorkerHandle): void {
    const counters = worker.lastSnapshot?.filter((metric) => metric.type !== 'gauge');
    if (counters !== undefined) this.#buried = addCounters(this.#buried, counters);
  }

  /** Prometheus text over the primary, the workers and those that were. */
  async render(
    workers: readonly WorkerHandle[],
    reloadFailed: boolean,
    crls: CrlPublisher,
    staples: StaplePublisher,
    sources?: SourcePublisher,
  ): Promise<Exposition> {
    // A worker that ends while we ask is still among the living of this page: its counters must not count twice.
    const buried = this.#buried;
    const snapshots = await Promise.all(workers.map(async (worker) => worker.snapshot()));
    const { of } = this.#own;
    crls.setMetrics(of);
    staples.setMetrics(of);
    sources?.setMetrics(of);
    of.workers.labels({}).set(workers.filter((worker) => worker.serving).length);
    of.configReloadFailed.labels({}).set(reloadFailed ? 1 : 0);
    this.#setStore();
    if (this.#isControlUp !== undefined) of.controlUp.labels({}).set(this.#isControlUp() ? 1 : 0);
    this.#process.set(of);
    const alive = snapshots.filter((snapshot) => snapshot !== undefined);
    return writeExposition([this.#own.snapshot(), buried, ...alive]);
  }

  #setStore(): void {
    const state = this.#storeState?.();
    if (state === undefined || this.#clock === undefined) return;
    const { of } = this.#own;
    of.configStoreUp.labels({}).set(state.up ? 1 : 0);
    of.configStoreRevision.labels({}).set(state.revision);
    if (state.readAt !== undefined)
      of.configStoreAge.labels({}).set(state.up ? 0 : Math.max(0, this.#clock.now() - state.readAt) / 1000);
  }
}

/** The sum of two snapshots that hold no gauges. */
function addCounters(a: MetricsSnapshot, b: MetricsSnapshot): MetricsSnapshot {
  const sums = new Map<string, { sample: MetricSample; values: Map<string, Sample> }>();
  for (const sample of [...a, ...b]) {
    let sum = sums.get(sample.name);
    if (sum === undefined) sums.set(sample.name, (sum = { sample, values: new Map() }));
    for (const value of sample.values) {
      const key = JSON.stringify([value.metricName, value.labels]);
      const before = sum.values.get(key);
      sum.values.set(key, before === undefined ? value : { ...value, value: before.value + value.value });
    }
  }
  return [...sums.values()].map(({ sample, values }) => ({ ...sample, values: [...values.values()] }));
}
