// Every source that the active configuration asks for, kept by the primary beside the generations, as CRLs are (decision 0067). A
// load has what it asks for opened here and waits for it, within bounds; then a start or a reload says what is in force
// (`settle`). What another configuration asked for and could not be loaded goes on being asked until the next load: the
// configuration becomes loadable when it delivers.
import type { Clock } from '../base/clock.ts';
import { type SourceConfig, sourceKey } from '../config/source-config.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { MetricCatalogue } from '../telemetry/metrics.ts';
import type { Delivered } from './delivered.ts';
import { SourceFeed, type SourceState } from './feed.ts';
import { makeSource } from './make-source.ts';
import type { ChallengeHost, Source, SourceHost, SourceProblem } from './source.ts';

/** What a load sees of sources. */
export type Deliveries = {
  /** Undefined: nothing was delivered yet. */
  find(config: SourceConfig): Delivered | undefined;
  findProblem(config: SourceConfig): SourceProblem | undefined;
  /** Nothing was delivered yet, and need not have been: it needs our listeners first, and nothing of it was in force before. */
  mayStandIn(config: SourceConfig): boolean;
};

export type SourcePublisherOptions = {
  /** For who only looks: what would need our listeners is not asked, and something stands in for it. */
  readonly looksOnly?: true;
  readonly clock: Clock;
  readonly env: SourceHost['env'];
  /** Default: nobody is served here. */
  readonly challenges?: ChallengeHost;
  /** Between 0 and 1; default Math.random. */
  readonly random?: () => number;
  /** Default: by the kind of the source. */
  readonly make?: (config: SourceConfig, host: SourceHost) => Promise<Source>;
};

export type SourceEvents = {
  readonly log: Logger;
  /** Something in force can be replaced by something newer (`refresh`), or what could not be loaded can be now (`reload`). */
  readonly onChange: (what: 'refresh' | 'reload', label: string) => void;
};

/** By the key of the source. */
export type DeliveredByKey = ReadonlyMap<string, Delivered>;

/** Until what a source kept on this machine is read. */
const keptMs = 1_000;

export class SourcePublisher implements Deliveries {
  readonly #options: SourcePublisherOptions;
  readonly #feeds = new Map<string, SourceFeed>();
  #active: ReadonlySet<string> = new Set();
  /** Of these, what something stands in for. */
  #pending: ReadonlySet<string> = new Set();
  /** Of the last load, whatever came of it. */
  #wanted: ReadonlySet<string> = new Set();
  #events: SourceEvents | undefined;
  /** Loads that wait for deliveries: they see them anyway. */
  #waiting = 0;
  #isSettled = false;

  constructor(options: SourcePublisherOptions) {
    this.#options = options;
  }

  /** Whom it tells from now on. */
  reportTo(events: SourceEvents): void {
    this.#events = events;
  }

  /**
   * Opens what is asked for and is not open; resolves when all have delivered something, or after `waitMs`. With `orProblem` it
   * does not wait on for one that failed.
   */
  async prepare(configs: readonly SourceConfig[], waitMs: number, orProblem = false): Promise<void> {
    this.#wanted = new Set(configs.map(sourceKey));
    this.#forget();
    this.#waiting += 1;
    // A start has nothing else to wait for, and timers of a Clock keep no process alive.
    const keepAlive = setInterval(() => {}, 1 << 30);
    try {
      const asked = this.#options.looksOnly ? configs.filter((one) => !one.mayStartWithout) : configs;
      await Promise.all(asked.map(async (one) => this.#open(one).first(this.#waitFor(one, waitMs), orProblem)));
    } finally {
      clearInterval(keepAlive);
      this.#waiting -= 1;
    }
  }

  find(config: SourceConfig): Delivered | undefined {
    return this.#feeds.get(sourceKey(config))?.newest;
  }

  findProblem(config: SourceConfig): SourceProblem | undefined {
    return this.#feeds.get(sourceKey(config))?.problem;
  }

  mayStandIn(config: SourceConfig): boolean {
    return config.mayStartWithout && (!this.#isSettled || this.#pending.has(sourceKey(config)));
  }

  /** What needs our listeners has before they are there what it kept, if anything; that comes at once. */
  #waitFor(config: SourceConfig, waitMs: number): number {
    return this.mayStandIn(config) ? Math.min(waitMs, keptMs) : waitMs;
  }

  /** A configuration that was built with these is in force; something stands in for those that are `pending` (keys). */
  settle(delivered: DeliveredByKey, pending: ReadonlySet<string> = new Set()): void {
    this.#isSettled = true;
    this.#pending = pending;
    this.#active = new Set([...delivered.keys(), ...pending]);
    this.#wanted = this.#active;
    this.#forget();
    for (const [key, one] of delivered) this.#feeds.get(key)?.settle(one);
    // What came while it was built.
    for (const key of pending) if (this.#feeds.get(key)?.newest !== undefined) this.#changed(key);
  }

  /** What is newer than what is in force cannot be used. */
  refuse(why: string): void {
    for (const key of this.#active) this.#feeds.get(key)?.refuse(why);
  }

  states(): SourceState[] {
    return [...this.#feeds.values()].map((feed) => feed.state);
  }

  /** By the key of the source. */
  statesByKey(): ReadonlyMap<string, SourceState> {
    return new Map([...this.#feeds].map(([key, feed]) => [key, feed.state]));
  }

  setMetrics({ sourceUp, sourceFailures, sourceNextRenewal, sourceNotAfter }: MetricCatalogue): void {
    sourceUp.clear();
    sourceNextRenewal.clear();
    sourceNotAfter.clear();
    for (const { label: source, kind, problem, current, nextAt, failures } of this.states()) {
      sourceUp.labels({ source, kind }).set(problem === undefined && current !== undefined ? 1 : 0);
      if (nextAt !== undefined) sourceNextRenewal.labels({ source, kind }).set(nextAt / 1000);
      if (current !== undefined) sourceNotAfter.labels({ source, kind }).set(current.notAfter / 1000);
      const counter = sourceFailures.labels({ source, kind });
      // A source that was forgotten and came back begins anew; a counter never goes back.
      if (failures > counter.value) counter.inc(failures - counter.value);
    }
  }

  close(): void {
    for (const feed of this.#feeds.values()) feed.close();
    this.#feeds.clear();
  }

  #open(config: SourceConfig): SourceFeed {
    const key = sourceKey(config);
    let feed = this.#feeds.get(key);
    if (feed !== undefined) return feed;
    const { clock, env, challenges, random = Math.random, make = makeSource } = this.#options;
    feed = new SourceFeed(config, {
      clock,
      random,
      make: async (one) => make(one, { clock, env, random, challenges }),
      log: () => this.#events?.log,
      onChange: (changed) => this.#changed(changed.key),
    });
    this.#feeds.set(key, feed);
    return feed;
  }

  #changed(key: string): void {
    // What comes before anything is in force is seen when it is.
    if (!this.#isSettled) return;
    const label = this.#feeds.get(key)?.config.label ?? '';
    if (this.#active.has(key)) this.#events?.onChange('refresh', label);
    else if (this.#wanted.has(key) && this.#waiting === 0) this.#events?.onChange('reload', label);
  }

  #forget(): void {
    for (const [key, feed] of this.#feeds) {
      if (this.#active.has(key) || this.#wanted.has(key)) continue;
      feed.close();
      this.#feeds.delete(key);
    }
  }
}
