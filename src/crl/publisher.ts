// Every CRL that the active configuration asks for, kept by the primary beside the generations (decision 0012). A load has what
// it asks for read here (`prepare`) and is told what is wrong; a start or a reload then has it followed (`adopt`), and forgets
// the rest (`retain`). What is followed reads itself anew; whoever asks gets what is active at that moment. Commands that serve
// nobody use the same `prepare`, and look up what it found.
import type { Clock } from '../base/clock.ts';
import type { SharedFetches } from '../base/shared-fetch.ts';
import type { Expiry } from '../certs/expiry.ts';
import { readFacts } from '../certs/facts-reader.ts';
import type { Problem } from '../yaml/problem.ts';
import type { MetricCatalogue } from '../telemetry/metrics.ts';
import { CrlBuilder } from './builder.ts';
import type { IndexedCrl } from './crl-set.ts';
import { CrlFeed, type CrlFeedDependencies } from './feed.ts';
import { gapProblems, readingProblems } from './problems.ts';
import { type CrlReading, CrlSourceReader } from './source-reader.ts';
import type { CrlLookup } from './subscriber.ts';
import type { CrlGroupSpec, CrlSourceSpec } from './wanted.ts';

/** What one policy or route asks for, as it is now. */
export type CrlGroup = { readonly key: string; readonly crls: readonly IndexedCrl[] };

/** A source that is followed. Times in milliseconds since the epoch. */
export type CrlSourceState = {
  readonly name: string;
  /** When it was last read in full; undefined: never. */
  readonly readAt: number | undefined;
  readonly failing: boolean;
  readonly lists: readonly { readonly issuer: string; readonly thisUpdate: number; readonly nextUpdate: number }[];
};

export type CrlPublisherOptions = {
  readonly clock: Clock;
  /** Default: one with a thread of its own. */
  readonly reader?: CrlSourceReader;
  /** Between 0 and 1; default Math.random. */
  readonly random?: () => number;
};

export class CrlPublisher {
  readonly #clock: Clock;
  readonly #reader: CrlSourceReader;
  readonly #random: () => number;
  #feedDependencies: CrlFeedDependencies | undefined;
  readonly #feeds = new Map<string, CrlFeed>();
  /** Keys of feeds, by the key of the group. */
  readonly #groups = new Map<string, readonly string[]>();
  /** By the key of the source: what was read and is not adopted yet. */
  #prepared: ReadonlyMap<string, CrlReading> = new Map();
  /** Issuers whose expiry is among the metrics. */
  #shown: readonly string[] = [];
  #closed = false;

  constructor({ clock, reader, random }: CrlPublisherOptions) {
    this.#clock = clock;
    this.#reader = reader ?? new CrlSourceReader(new CrlBuilder({ clock }));
    this.#random = random ?? Math.random;
  }

  /** From now on URLs are fetched once for all gateways. */
  shareBy(fetches: SharedFetches): void {
    this.#reader.shareBy(fetches);
  }

  /** Whom it tells what it finds; to be said before anything is adopted. `onChange`: something else is active, for the workers to have. */
  reportTo(events: Pick<CrlFeedDependencies, 'log' | 'onChange'>): void {
    this.#feedDependencies = { clock: this.#clock, reader: this.#reader, random: this.#random, ...events };
  }

  /**
   * Reads what a configuration asks for, each source once, and says what is wrong with it. Changes nothing that is active. A URL
   * that is followed already is not fetched: it has a schedule of its own, and no reload waits for a server.
   */
  async prepare(groups: readonly CrlGroupSpec[]): Promise<Problem[]> {
    const now = this.#clock.now();
    const readings = new Map(
      await Promise.all(
        distinctSources(groups).map(
          async ({ spec, refreshMs }) => [spec.key, await this.#read(spec, refreshMs)] as const,
        ),
      ),
    );
    if (!this.#closed) this.#prepared = readings;
    const problems: Problem[] = [];
    const known = new Map(groups.map((group) => [group, this.#findCrls(group, readings)]));
    for (const [group, crls] of known) {
      for (const spec of group.sources)
        problems.push(...readingProblems(spec, readings.get(spec.key) ?? nothing, { group, known: crls }, now));
    }
    for (const [group, crls] of known) problems.push(...gapProblems(group, crls));
    return problems;
  }

  /** What `prepare` found for these groups. */
  lookUpPrepared(groups: readonly CrlGroupSpec[]): CrlLookup {
    const found = new Map(groups.map((group) => [group.key, this.#findCrls(group, this.#prepared)]));
    return { find: (key) => found.get(key) ?? [] };
  }

  /** Follows these groups from now on, beside those that it follows: the configuration before may stay active. */
  async adopt(groups: readonly CrlGroupSpec[]): Promise<void> {
    const prepared = this.#prepared;
    this.#prepared = new Map();
    for (const { spec, refreshMs } of distinctSources(groups)) {
      const reading = prepared.get(spec.key) ?? (await this.#read(spec, refreshMs));
      await this.#feedOf(spec, refreshMs).adopt(reading, refreshMs);
      // Stopped meanwhile: nothing may watch on.
      if (this.#closed) return this.close();
    }
    for (const { key, sources } of groups) this.#groups.set(key, [...new Set(sources.map((spec) => spec.key))]);
  }

  /** Forgets everything that none of these groups asks for, and what was prepared and not adopted. */
  retain(groups: readonly CrlGroupSpec[]): void {
    this.#prepared = new Map();
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

  /** Fetches every URL now: somebody asked for it. */
  refreshUrls(): void {
    for (const feed of this.#feeds.values()) if ('url' in feed.spec.source) void feed.refresh(true);
  }

  /** As if every URL were due: what others have fetched will do. */
  async refreshDue(): Promise<void> {
    const due = [...this.#feeds.values()].filter(({ spec }) => 'url' in spec.source);
    await Promise.all(due.map(async (feed) => feed.refresh()));
  }

  /** How the source with this key is; undefined where it is not followed. */
  stateOf(key: string): CrlSourceState | undefined {
    const feed = this.#feeds.get(key);
    if (feed === undefined) return undefined;
    const lists = feed.crls.map(({ facts: { issuer, thisUpdate, nextUpdate } }) => ({
      issuer,
      thisUpdate,
      nextUpdate,
    }));
    return { name: feed.spec.name, readAt: feed.readAt, failing: feed.isFailing, lists };
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
    this.#prepared = new Map();
    for (const feed of this.#feeds.values()) feed.close();
    this.#reader.close();
  }

  async #read(spec: CrlSourceSpec, refreshMs: number): Promise<CrlReading> {
    if ('url' in spec.source && this.#feeds.has(spec.key)) return unchanged;
    return this.#reader.read(spec, undefined, { now: this.#clock.now(), after: 0, maxAgeMs: refreshMs });
  }

  #findCrls({ sources }: CrlGroupSpec, readings: ReadonlyMap<string, CrlReading>): IndexedCrl[] {
    return sources.flatMap(({ key }) => {
      const reading = readings.get(key) ?? nothing;
      return reading.unchanged === true ? (this.#feeds.get(key)?.crls ?? []) : reading.crls;
    });
  }

  #feedOf(spec: CrlSourceSpec, refreshMs: number): CrlFeed {
    let feed = this.#feeds.get(spec.key);
    if (feed !== undefined) return feed;
    if (this.#feedDependencies === undefined)
      throw new RangeError('a publisher that reports to nobody follows nothing');
    feed = new CrlFeed(spec, refreshMs, this.#feedDependencies, this.#inherited(spec));
    this.#feeds.set(spec.key, feed);
    return feed;
  }

  /** A change of the CAs makes another feed of the same source: what their keys have signed is as good as it was. */
  #inherited({ name, source, issuers }: CrlSourceSpec): readonly IndexedCrl[] {
    const same = [...this.#feeds.values()].filter(({ spec }) => spec.name === name && !('pem' in source));
    if (same.length === 0) return [];
    const keys = new Set(issuers.map((der) => readFacts(Buffer.from(der)).spkiSha256));
    return same.flatMap(({ crls }) => crls.filter(({ facts }) => keys.has(facts.issuerSpki)));
  }
}

const nothing: CrlReading = { crls: [], failures: [] };
const unchanged: CrlReading = { ...nothing, unchanged: true };

/** Each source once; where it is asked for under several intervals, the shortest one holds. */
function distinctSources(groups: readonly CrlGroupSpec[]): { spec: CrlSourceSpec; refreshMs: number }[] {
  const distinct = new Map<string, { spec: CrlSourceSpec; refreshMs: number }>();
  for (const { sources, refreshMs } of groups)
    for (const spec of sources) {
      const same = distinct.get(spec.key);
      if (same === undefined || refreshMs < same.refreshMs) distinct.set(spec.key, { spec, refreshMs });
    }
  return [...distinct.values()];
}
