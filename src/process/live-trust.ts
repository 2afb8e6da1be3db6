// What the primary finds out beside the generations (decision 0010): CRLs, OCSP responses for our own certificates, the
// record of who was seen, what expires. Each has a publisher of its own; here stands when they have their turn.
import type { Clock } from '../base/clock.ts';
import type { SharedFetches } from '../base/shared-fetch.ts';
import { CrlPublisher } from '../crl/publisher.ts';
import { ExpiryWatch } from '../gateway/expiry-watch.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import type { SourcePublisher } from '../sources/publisher.ts';
import { StaplePublisher } from '../ocsp/staple-publisher.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { ChallengeDesk } from './challenge-desk.ts';
import type { ToWorker } from './messages.ts';
import type { PrimaryMetrics } from './primary-metrics.ts';
import type { WorkerHandle } from './worker-handle.ts';
import type { Workers } from './workers.ts';
import { TrustRecordStore } from '../inventory/record-store.ts';

/** How long a start or a reload waits for responses that a must-staple certificate promises. */
const stapleMs = 10_000;

export type LiveTrustOptions = {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: PrimaryMetrics;
  /** Default: one of its own. */
  readonly crls: CrlPublisher | undefined;
  /** Who asks sources of certificates; undefined: nobody. */
  readonly sources?: SourcePublisher | undefined;
  /** What CAs that validate are to find; undefined: nothing. */
  readonly challenges?: ChallengeDesk | undefined;
  readonly workers: Workers;
  /** Fetches once for all gateways; undefined: this one goes alone. */
  readonly fetches?: SharedFetches | undefined;
};

export class LiveTrust {
  readonly crls: CrlPublisher;
  readonly staples: StaplePublisher;
  readonly sources: SourcePublisher | undefined;
  /** undefined where the configuration keeps no record of clients. */
  record: TrustRecordStore | undefined;
  readonly #options: LiveTrustOptions;
  readonly #expiries: ExpiryWatch;
  #loaded: LoadedConfig | undefined;

  constructor(options: LiveTrustOptions) {
    const { clock, log, metrics, crls, workers, sources, fetches } = options;
    this.sources = sources;
    this.#options = options;
    this.crls = crls ?? new CrlPublisher({ clock });
    this.crls.reportTo({ log, onChange: () => void this.#sendCrls() });
    this.staples = new StaplePublisher({
      clock,
      log,
      random: Math.random,
      onStaple: (sha256, staple) => workers.tell({ kind: 'staple', sha256, staple }),
      onAsked: (result) => metrics.stapleAsked(result),
      fetches,
    });
    this.#expiries = new ExpiryWatch(clock, log, () => [...(this.#loaded?.expiries ?? []), ...this.crls.expiries()]);
  }

  /** Before the first worker starts. */
  async open(loaded: LoadedConfig): Promise<void> {
    const { clock, log, metrics } = this.#options;
    const settings = loaded.config.trustRecord;
    this.record = await TrustRecordStore.open({ settings, clock, log, metrics: metrics.own });
    await this.staples.prepare(loaded.staples, stapleMs);
    await this.crls.adopt(loaded.crls);
  }

  /** What a load found, beside what is active: a worker has what it needs before it is asked to prepare. */
  async prepare(before: LoadedConfig, next: LoadedConfig): Promise<void> {
    await this.crls.adopt(next.crls);
    await this.#sendCrls();
    // A certificate that promises a response should have one from its first handshake on.
    await this.staples.prepare([...before.staples, ...next.staples], stapleMs);
  }

  /** `loaded` is active: what only another configuration asked for is forgotten. */
  async settle(loaded: LoadedConfig): Promise<void> {
    this.#loaded = loaded;
    this.crls.retain(loaded.crls);
    await this.#sendCrls();
    this.sources?.settle(loaded.inputs.delivered, loaded.inputs.pending);
    this.#expiries.markTold(loaded.expiries);
  }

  /** After a reload, taken or not: responses for the active certificates, and for no others. */
  follow(loaded: LoadedConfig): void {
    this.staples.follow(loaded.staples);
  }

  /** From now on what expires is told of. */
  start(loaded: LoadedConfig): void {
    this.#loaded = loaded;
    this.#expiries.markTold(loaded.expiries);
    this.#expiries.start();
    this.sources?.settle(loaded.inputs.delivered, loaded.inputs.pending);
  }

  /** What a worker that comes up has to know before it listens, CRLs apart. */
  initialMessages(): ToWorker[] {
    const staples = this.staples.list().map(({ sha256, staple }): ToWorker => ({ kind: 'staple', sha256, staple }));
    return [...staples, ...(this.#options.challenges?.initialMessages() ?? [])];
  }

  /** Resolves when the active CRLs are on their way to this worker; rejects where it cannot be told. */
  async deliverCrls(worker: WorkerHandle): Promise<void> {
    await worker.crls.deliver(() => this.crls.groups());
  }

  /** To every worker: what is sent to them afterwards comes after. One that cannot be told must not serve by what it was told before. */
  async #sendCrls(): Promise<void> {
    await Promise.all(
      this.#options.workers.list().map(async (worker) => {
        try {
          await this.deliverCrls(worker);
        } catch (error) {
          const about = { worker: worker.slot, pid: worker.pid, err: error };
          this.#options.log.error(about, 'worker cannot be told of CRLs; ended');
          worker.kill();
        }
      }),
    );
  }

  close(): void {
    this.crls.close();
    this.sources?.close();
    this.staples.close();
  }
}
