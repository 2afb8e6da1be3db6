// Keeps the record of seen clients in the primary: takes the workers' reports, writes the file now and then and at the
// end, hands it to the admin listener. A file that cannot be read or written is told, and never stops anything.
import type { Clock } from '../base/clock.ts';
import type { GatewayConfig } from '../config/gateway-config.ts';
import type { SeenReport } from './seen-clients.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { MetricCatalogue } from '../telemetry/metrics.ts';
import { TrustRecord } from './trust-record.ts';
import { codeOf, loadRecordFile, saveRecordFile } from './record-file.ts';
import type { TrustRecordContents } from './record-format.ts';
import { trustRecordVersion } from './record-version.ts';
import { writeTrustRecord } from './write-record.ts';

/** Between two writes of the file. */
const saveEveryMs = 60_000;
/** After the first change: the reports of several workers come together. */
const saveAfterMs = 1_000;

export type RecordSource = {
  tellSeen(): Promise<void>;
  send(message: { readonly kind: 'forgetSeen'; readonly keys: readonly string[] }): void;
};

export type TrustRecordStoreOptions = {
  readonly settings: GatewayConfig['trustRecord'];
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: MetricCatalogue;
};

export class TrustRecordStore {
  readonly #options: TrustRecordStoreOptions;
  readonly #record: TrustRecord;
  /** undefined: kept in memory only. */
  readonly #path: string | undefined;
  #changed = false;
  #failing = false;
  #lastSaved = -Infinity;
  #cancelSave: (() => void) | undefined;
  /** One write at a time. */
  #saving: Promise<void> = Promise.resolve();

  private constructor(
    options: TrustRecordStoreOptions,
    path: string | undefined,
    contents: TrustRecordContents | undefined,
  ) {
    const { settings, clock } = options;
    this.#options = options;
    this.#path = path;
    this.#record = new TrustRecord(settings, clock.now(), contents);
  }

  /** With what an earlier run left in the file; undefined where no record is kept. Never rejects. */
  static async open(options: TrustRecordStoreOptions): Promise<TrustRecordStore | undefined> {
    const { settings, clock, log } = options;
    const { enabled, path } = settings;
    if (!enabled) return undefined;
    if (path === undefined) return new TrustRecordStore(options, undefined, undefined);
    const found = await loadRecordFile(path, clock.now());
    if (found.kind === 'broken') {
      log.warn({ path, reason: found.reason, aside: found.aside }, 'the trust record was put aside; a new one begins');
    } else if (found.kind === 'unreadable') {
      const why = 'the trust record cannot be used; it is left as it is, and this run keeps its own in memory only';
      log.error({ path, reason: found.reason }, why);
    }
    const contents = found.kind === 'loaded' ? found.contents : undefined;
    const store = new TrustRecordStore(options, found.kind === 'unreadable' ? undefined : path, contents);
    store.#count();
    return store;
  }

  /** What a worker saw. Never throws. */
  take(report: SeenReport, from: RecordSource): void {
    try {
      const unknown = this.#record.merge(report);
      if (unknown.length > 0) from.send({ kind: 'forgetSeen', keys: unknown });
    } catch (error) {
      // The primary must not end because of a certificate.
      this.#options.log.error({ err: error }, 'internal error in the trust record');
    }
    this.#count();
    this.#changed = true;
    this.#schedule();
  }

  /** The record as JSON, with what the workers saw until now. */
  async read(workers: readonly RecordSource[]): Promise<Iterable<string>> {
    await Promise.all(workers.map(async (worker) => worker.tellSeen()));
    const now = this.#options.clock.now();
    this.#record.prune(now);
    this.#count();
    return writeTrustRecord(this.#record.contents(), now);
  }

  /** The same as values, for who verifies them by other rules; `workers` as read() takes them. */
  async contents(workers: readonly RecordSource[]): Promise<TrustRecordContents> {
    await Promise.all(workers.map(async (worker) => worker.tellSeen()));
    const now = this.#options.clock.now();
    this.#record.prune(now);
    const { since, anchors, anonymous, intermediates, identities } = this.#record.contents();
    return {
      version: trustRecordVersion,
      since,
      written: now,
      anchors: [...anchors],
      anonymous: [...anonymous],
      intermediates: Object.fromEntries(intermediates),
      identities: [...identities],
    };
  }

  /** Resolves when no write is under way. */
  async settled(): Promise<void> {
    await this.#saving;
  }

  /** Writes what is not written yet. Never rejects. */
  async close(): Promise<void> {
    this.#cancelSave?.();
    await this.#saving;
    if (this.#changed) await this.#save();
  }

  #schedule(): void {
    if (this.#path === undefined || this.#cancelSave !== undefined) return;
    const { clock } = this.#options;
    const delayMs = Math.max(saveAfterMs, this.#lastSaved + saveEveryMs - clock.monotonic());
    this.#cancelSave = clock.after(delayMs, () => {
      this.#saving = this.#save().then(() => {
        this.#cancelSave = undefined;
        if (this.#changed) this.#schedule();
      });
    });
  }

  async #save(): Promise<void> {
    const path = this.#path;
    if (path === undefined) return;
    const { clock, log, metrics } = this.#options;
    const now = clock.now();
    this.#changed = false;
    this.#lastSaved = clock.monotonic();
    this.#record.prune(now);
    this.#count();
    try {
      await saveRecordFile(path, writeTrustRecord(this.#record.contents(), now));
      if (this.#failing) log.info({ path }, 'the trust record is written again');
      this.#failing = false;
    } catch (error) {
      // What was seen stays in memory and is written with the next change.
      this.#changed = true;
      metrics.trustRecordFailures.labels({}).inc();
      if (!this.#failing) log.error({ path, reason: codeOf(error) }, 'the trust record cannot be written');
      this.#failing = true;
    }
  }

  #count(): void {
    const { trustRecordIdentities } = this.#options.metrics;
    trustRecordIdentities.labels({ kind: 'accepted' }).set(this.#record.accepted);
    trustRecordIdentities.labels({ kind: 'refused' }).set(this.#record.refused);
  }
}
