// Every CRL that the configuration active asks for, found out by the primary beside the generations (decision 0012): its
// feeds read themselves anew; whoever asks gets what is active at that moment.
import type { Clock } from '../base/clock.ts';
import type { CrlFeedSpec, CrlSourceReader } from '../crl/source-reader.ts';
import type { LoadedCrlGroup } from '../loading/crls.ts';
import type { Expiry } from '../loading/loaded.ts';
import type { IndexedCrl } from '../crl/crl-set.ts';
import { readFacts } from '../certs/facts-reader.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { MetricCatalogue } from '../telemetry/metrics.ts';
import { CrlFeed, type CrlFeedDependencies } from '../crl/feed.ts';

/** What one policy or route asks for, as it is now. */
export type CrlGroup = { readonly key: string; readonly crls: readonly IndexedCrl[] };

export type CrlPublisherOptions = {
  readonly clock: Clock;
  readonly log: Logger;
  readonly loader: CrlSourceReader;
  readonly random: () => number;
  /** Something else is active: the workers should have it. */
  readonly onChange: () => void;
};

export class CrlPublisher {
  readonly #dependencies: CrlFeedDependencies;
  readonly #feeds = new Map<string, CrlFeed>();
  readonly #groups = new Map<string, readonly string[]>();
  /** Issuers whose expiry is among the metrics. */
  #shown: readonly string[] = [];
  #closed = false;

  constructor(options: CrlPublisherOptions) {
    this.#dependencies = options;
  }

  /** Takes over what a load found, beside what there is: the configuration before may stay active. */
  async adopt(groups: readonly LoadedCrlGroup[]): Promise<void> {
    for (const { key, feeds } of groups) {
      for (const { spec, refreshMs, reading } of feeds) {
        let feed = this.#feeds.get(spec.key);
        if (feed === undefined) {
          feed = new CrlFeed(spec, refreshMs, this.#dependencies, this.#inherited(spec));
          this.#feeds.set(spec.key, feed);
        }
        await feed.adopt(reading, refreshMs);
        // Stopped meanwhile: nothing may watch on.
        if (this.#closed) return this.close();
      }
      this.#groups.set(
        key,
        feeds.map(({ spec }) => spec.key),
      );
    }
  }

  /** A change of the CAs makes another feed of the same source: what their keys have signed is as good as it was. */
  #inherited({ name, source, issuers }: CrlFeedSpec): readonly IndexedCrl[] {
    const same = [...this.#feeds.values()].filter(({ spec }) => spec.name === name && !('pem' in source));
    if (same.length === 0) return [];
    const keys = new Set(issuers.map((der) => readFacts(Buffer.from(der)).spkiSha256));
    return same.flatMap(({ crls }) => crls.filter(({ facts }) => keys.has(facts.issuerSpki)));
  }

  /** Forgets everything that none of these groups asks for. */
  retain(groups: readonly LoadedCrlGroup[]): void {
    const keys = new Set(groups.map(({ key }) => key));
    for (const key of this.#groups.keys()) if (!keys.has(key)) this.#groups.delete(key);
    const used = new Set([...this.#groups.values()].flat());
    for (const [key, feed] of this.#feeds) {
      if (used.has(key)) continue;
      feed.close();
      this.#feeds.delete(key);
    }
  }

  /** What is active now. */
  groups(): CrlGroup[] {
    return [...this.#groups].map(([key, feeds]) => ({
      key,
      crls: feeds.flatMap((feed) => this.#feeds.get(feed)?.crls ?? []),
    }));
  }

  /** The CRLs of one source; undefined where it is not known here. */
  find(feedKey: string): readonly IndexedCrl[] | undefined {
    return this.#feeds.get(feedKey)?.crls;
  }

  /** Fetches every URL now: somebody asked for it. */
  refreshUrls(): void {
    for (const feed of this.#feeds.values()) if ('url' in feed.spec.source) void feed.refresh();
  }

  expiries(): Expiry[] {
    return [...this.#feeds.values()].flatMap((feed) =>
      feed.crls.map(({ facts }) => ({
        role: 'crl' as const,
        subject: facts.issuer,
        notBefore: facts.thisUpdate,
        notAfter: facts.nextUpdate,
      })),
    );
  }

  setMetrics({ crlEntries, crlLastRefresh, crlRefreshFailures, certificateExpiry }: MetricCatalogue): void {
    for (const subject of this.#shown) certificateExpiry.remove({ role: 'crl', subject });
    const nearest = new Map<string, number>();
    for (const { subject, notAfter } of this.expiries())
      nearest.set(subject, Math.min(notAfter, nearest.get(subject) ?? Infinity));
    for (const [subject, atMs] of nearest) certificateExpiry.labels({ role: 'crl', subject }).set(atMs / 1000);
    this.#shown = [...nearest.keys()];
    crlEntries.clear();
    crlLastRefresh.clear();
    const failures = new Map<string, number>();
    for (const { spec, crls, readAt, failures: failed } of this.#feeds.values()) {
      for (const { facts } of crls)
        crlEntries
          .labels({ source: facts.source, issuer: facts.issuer, number: facts.number ?? '' })
          .set(facts.entries);
      if (readAt !== undefined) crlLastRefresh.labels({ source: spec.name }).set(readAt / 1000);
      failures.set(spec.name, (failures.get(spec.name) ?? 0) + failed);
    }
    for (const [source, count] of failures) {
      const counter = crlRefreshFailures.labels({ source });
      // A source that was forgotten and came back begins anew; a counter never goes back.
      if (count > counter.value) counter.inc(count - counter.value);
    }
  }

  close(): void {
    this.#closed = true;
    for (const feed of this.#feeds.values()) feed.close();
    this.#dependencies.loader.close();
  }
}
