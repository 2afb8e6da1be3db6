// One source of CRLs while the gateway runs: read again when its file changes or its URL is due, and what of it is active.
// A reading that fails keeps the last good CRL, loudly; one that is older than what is active is refused.
import type { Clock } from '../base/clock.ts';
import type { Validators } from './fetch.ts';
import type { CrlSourceReader, CrlReading } from './source-reader.ts';
import type { CrlSourceSpec } from './wanted.ts';
import { Watch } from '../base/file-watch.ts';
import { describeCrl, type IndexedCrl } from './crl-set.ts';
import { succeed } from './succession.ts';
import { escapeForLog } from '../base/log-text.ts';
import type { Logger } from '../telemetry/logger.ts';

const firstRetryMs = 1_000;
/** However near its nextUpdate is. */
const minFetchMs = 1_000;
/** So that many gateways do not ask at once. */
const jitter = 0.1;
const maxShown = 200;

export type CrlFeedDependencies = {
  readonly clock: Clock;
  readonly log: Logger;
  readonly reader: CrlSourceReader;
  readonly random: () => number;
  readonly onChange: () => void;
};

export class CrlFeed {
  readonly spec: CrlSourceSpec;
  /** How often reading it failed. */
  failures = 0;
  /** When it was last read in full, milliseconds since the epoch; undefined: never. */
  readAt: number | undefined;
  /** When another gateway fetched what is in use, by its clock; undefined: it was fetched here. */
  #sharedAt: number | undefined;
  #crls: readonly IndexedCrl[];
  readonly #dependencies: CrlFeedDependencies;
  #refreshMs: number;
  #validators: Validators | undefined;
  #failedInARow = 0;
  /** The source has an older CRL than what is active. */
  #rolledBack = false;
  #watch: Watch | undefined;
  #cancel: (() => void) | undefined;
  #reading = false;
  #again = false;
  #closed = false;

  /** `inherited`: what of it is active, signed by CAs that the feed has as well. */
  constructor(
    spec: CrlSourceSpec,
    refreshMs: number,
    dependencies: CrlFeedDependencies,
    inherited: readonly IndexedCrl[] = [],
  ) {
    this.spec = spec;
    this.#crls = inherited;
    this.#refreshMs = refreshMs;
    this.#dependencies = dependencies;
  }

  get crls(): readonly IndexedCrl[] {
    return this.#crls;
  }

  /** The last reading failed, or gave an older CRL than what is active. */
  get isFailing(): boolean {
    return this.#failedInARow > 0 || this.#rolledBack;
  }

  /** What was read for a configuration, whose problems tell of failures. The first time it begins to watch. */
  async adopt(reading: CrlReading, refreshMs: number): Promise<void> {
    // A reload must not put the next fetch off: with one every hour there would be none.
    const isDue = this.#cancel === undefined || refreshMs < this.#refreshMs;
    this.#refreshMs = refreshMs;
    if (reading.unchanged !== true) this.#take(reading, true);
    const { source } = this.spec;
    if ('url' in source && isDue) this.#schedule();
    if ('url' in source) return;
    if ('path' in source && this.#watch === undefined) {
      this.#watch = new Watch(this.#dependencies.clock, async () => this.refresh());
      await this.#watch.set([source.path]);
      // What changed since the load read it is no change for a watch that begins now.
      await this.refresh();
    }
  }

  /** Reads the source now. Never rejects; a call while one runs makes it run once more. `direct`: nothing that others fetched will do. */
  async refresh(direct = false): Promise<void> {
    if (this.#closed) return;
    if (this.#reading) {
      this.#again = true;
      return;
    }
    this.#reading = true;
    this.#cancel?.();
    try {
      const reading = await this.#read(direct);
      if (!this.#closed && this.#take(reading)) this.#dependencies.onChange();
    } catch (error) {
      // A defect of ours must not take the primary, and all workers with it, along.
      this.failures += 1;
      const source = escapeForLog(this.spec.name, maxShown);
      this.#dependencies.log.error(
        { source, err: error },
        'internal error while a CRL was read; the last good one stays',
      );
    } finally {
      this.#reading = false;
      if (this.#again) {
        this.#again = false;
        void this.refresh();
      } else if ('url' in this.spec.source) this.#schedule();
    }
  }

  async #read(direct: boolean): Promise<CrlReading> {
    const { reader, clock } = this.#dependencies;
    const wish = { now: clock.now(), after: this.#sharedAt ?? this.readAt ?? 0, maxAgeMs: this.#refreshMs };
    const reading = await reader.read(this.spec, this.#validators, { ...wish, direct });
    if (reading.shared === undefined || succeed(this.#crls, reading.crls).rollbacks.length === 0) return reading;
    // Somebody's server gave him an older one, or he was given it: ours is asked before anybody is alarmed.
    reading.shared.refuse('it is older than the CRL in force here');
    return reader.read(this.spec, this.#validators, { ...wish, direct: true });
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
    this.#watch?.close();
  }

  /** True where something else is active now. `told`: failures have been reported as problems of the configuration. */
  #take(reading: CrlReading, told = false): boolean {
    const { log, clock } = this.#dependencies;
    for (const { source, refusal } of reading.failures) {
      const about = {
        source: escapeForLog(source, maxShown),
        code: refusal.code,
        why: refusal.message,
        hint: refusal.hint,
      };
      if (!told) log.error(about, 'a CRL cannot be taken in; the last good one stays until it is out of date');
    }
    this.failures += reading.failures.length;
    if (reading.failures.length === 0) {
      this.#sharedAt = reading.shared?.fetchedAt;
      // By a clock that is ahead of ours it would be fetched again too late.
      this.readAt = Math.min(clock.now(), reading.shared?.fetchedAt ?? Infinity);
    }
    this.#rolledBack &&= reading.unchanged === true;
    const changed = reading.unchanged !== true && this.#replace(reading);
    // Out of date, and there is nothing newer yet: to be asked again as soon as after a failure.
    const isStale = this.#crls.some(({ facts }) => facts.nextUpdate <= clock.now());
    this.#failedInARow = reading.failures.length > 0 || this.#rolledBack || isStale ? this.#failedInARow + 1 : 0;
    return changed;
  }

  #replace(reading: CrlReading): boolean {
    const { log } = this.#dependencies;
    const before = this.#crls;
    const failed = new Set(reading.failures.map(({ source }) => source));
    const kept = before.filter(({ facts }) => failed.has(facts.source) || failed.has(this.spec.name));
    const { crls, rollbacks } = succeed(before, [...reading.crls, ...kept]);
    for (const { refused, kept: newer } of rollbacks) {
      this.failures += 1;
      log.error(
        {
          source: escapeForLog(refused.facts.source, maxShown),
          code: 'crl_rollback',
          active: describeCrl(newer.facts),
          hint: 'It may be a replay. If the CA really went back, restart the gateway.',
        },
        `an older CRL than the one in force is refused: number ${refused.facts.number ?? 'none'}`,
      );
    }
    this.#rolledBack = rollbacks.length > 0;
    if (reading.validators !== undefined) this.#validators = rollbacks.length === 0 ? reading.validators : undefined;
    this.#crls = crls;
    const known = new Set(before.map(({ facts }) => facts.digest));
    for (const crl of crls) if (!known.has(crl.facts.digest)) this.#logTaken(crl);
    const now = new Set(crls.map(({ facts }) => facts.digest));
    for (const { facts } of before) {
      if (!now.has(facts.digest) && !crls.some((crl) => crl.facts.issuerKey === facts.issuerKey))
        log.warn({ source: escapeForLog(facts.source, maxShown) }, `${describeCrl(facts)} was taken away`);
    }
    return known.size !== now.size || [...now].some((digest) => !known.has(digest));
  }

  #logTaken({ facts }: IndexedCrl): void {
    const { source, issuer, number, entries, nextUpdate } = facts;
    this.#dependencies.log.info(
      {
        source: escapeForLog(source, maxShown),
        issuer: escapeForLog(issuer, maxShown),
        number,
        entries,
        nextUpdate: new Date(nextUpdate).toISOString(),
      },
      'CRL taken in',
    );
  }

  #schedule(): void {
    this.#cancel?.();
    if (this.#closed) return;
    this.#cancel = this.#dependencies.clock.after(this.#delayMs(), () => void this.refresh());
  }

  #delayMs(): number {
    const { clock, random } = this.#dependencies;
    const vary = (ms: number): number => ms * (1 - jitter * random());
    const leftMs = Math.min(...this.#crls.map(({ facts }) => facts.nextUpdate - clock.now()));
    if (this.#failedInARow > 0)
      return vary(Math.min(this.#refreshMs, firstRetryMs * 2 ** Math.min(this.#failedInARow - 1, 20)));
    const ageMs = this.#sharedAt === undefined ? 0 : clock.now() - (this.readAt ?? clock.now());
    return Math.max(minFetchMs, vary(Math.max(minFetchMs, Math.min(this.#refreshMs, (leftMs * 2) / 3))) - ageMs);
  }
}
