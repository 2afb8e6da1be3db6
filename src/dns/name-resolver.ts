// Names to addresses for one worker. A look-up runs once per name, whoever waits for it; what it found is kept for its time to
// live, renewed in the background while somebody watches the name, and used on where a renewal fails.
import { isIP } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { LookUpFailure } from './answer.ts';
import { LookUp, type LookUpDependencies } from './look-up.ts';
import { type Found, NameEntry } from './name-entry.ts';
import { NameServers } from './name-servers.ts';
import { SystemFiles } from './system-files.ts';
import { SystemLookup } from './system-lookup.ts';

export type { LookUpFailure } from './answer.ts';
export type { Found } from './name-entry.ts';

export type ResolverSettings = {
  /** IP addresses, with a port where it is not 53; empty: those of /etc/resolv.conf, and the system's resolver behind them. */
  readonly servers: readonly string[];
  /** For a look-up with all its names and tries. */
  readonly timeoutMs: number;
  /** Bounds of the time to live. */
  readonly minTtlMs: number;
  readonly maxTtlMs: number;
  /** How long a failure holds, and when a renewal that failed is tried again. */
  readonly negativeTtlMs: number;
};

/** Must not throw, must be quick. */
export interface ResolverEvents {
  /** A look-up is over. */
  onLookUp(result: 'ok' | LookUpFailure['code']): void;
  /** A watched name has other addresses than before. */
  onAddresses(name: string, addresses: readonly string[]): void;
  /** A look-up failed; `kept` are the addresses that stay in use. */
  onLookUpFailure(name: string, failure: LookUpFailure, kept: readonly string[]): void;
}

export type ResolverOptions = {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly events: ResolverEvents;
  readonly settings: ResolverSettings;
  readonly files?: SystemFiles;
  readonly system?: SystemLookup;
};

/** Names that nobody watches and that are kept all the same; those of backends are bounded by the configuration. */
const maxUnwatched = 1_000;
/** Share of the time to live by which a renewal may come early, so that workers and names do not ask in step. */
const jitter = 0.1;

export class NameResolver {
  readonly #options: ResolverOptions;
  readonly #files: SystemFiles;
  readonly #system: SystemLookup;
  readonly #entries = new Map<string, NameEntry>();
  #settings: ResolverSettings;
  #servers: NameServers | undefined;
  /** What `#servers` was made for. */
  #askedOf: readonly string[] = [];
  #closed = false;

  constructor(options: ResolverOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#system = options.system ?? new SystemLookup();
    this.#files = options.files ?? new SystemFiles(options.clock);
  }

  /** Names that something is known of. */
  get size(): number {
    return this.#entries.size;
  }

  /** Names that live on addresses whose renewal failed. */
  get stale(): number {
    let count = 0;
    for (const { stale } of this.#entries.values()) if (stale) count += 1;
    return count;
  }

  /** Other settings from now on; names that are watched are looked up again where they differ. */
  configure(settings: ResolverSettings): void {
    if (JSON.stringify(settings) === JSON.stringify(this.#settings)) return;
    this.#settings = settings;
    this.#askedOf = [];
    for (const entry of this.#entries.values()) {
      entry.expiresAt = -Infinity;
      if (entry.watchers.size > 0) this.#refresh(entry);
    }
  }

  /** Keeps a name renewed, and calls back when its addresses change, until the result is called. */
  watch(name: string, onChange: () => void): () => void {
    if (isIP(name) !== 0) return () => undefined;
    const entry = this.#entry(name);
    // What is known at once is no change.
    let began = false;
    const watcher = (): void => {
      if (began) onChange();
    };
    entry.watchers.add(watcher);
    if (entry.waiting === undefined && entry.cancelRefresh === undefined) this.#renew(entry);
    began = true;
    return () => {
      entry.watchers.delete(watcher);
      if (entry.watchers.size > 0) return;
      entry.cancelRefresh?.();
      entry.cancelRefresh = undefined;
      this.#trim();
    };
  }

  /** Calls `done` once, at once where it is known, unless the result is called first. An IP address is its own. */
  find(name: string, done: (found: Found) => void): () => void {
    if (isIP(name) !== 0) {
      done({ addresses: [name] });
      return () => undefined;
    }
    const entry = this.#entry(name);
    // Who is watched is renewed in the background: what is known now is good until it is known better.
    const usable = this.#isFresh(entry) || (entry.watchers.size > 0 && entry.addresses.length > 0);
    const known = usable ? entry.found : undefined;
    if (known !== undefined) {
      done(known);
      return () => undefined;
    }
    let cancelled = false;
    const wait = (found: Found): void => {
      if (!cancelled) done(found);
    };
    if (entry.waiting === undefined) this.#refresh(entry, wait);
    else entry.waiting.add(wait);
    return () => {
      cancelled = true;
      entry.waiting?.delete(wait);
    };
  }

  close(): void {
    this.#closed = true;
    for (const entry of this.#entries.values()) entry.cancelRefresh?.();
    this.#servers?.close();
  }

  #entry(name: string): NameEntry {
    const known = this.#entries.get(name);
    if (known !== undefined) return known;
    this.#trim();
    const entry = new NameEntry(name);
    this.#entries.set(name, entry);
    return entry;
  }

  /** Drops the oldest of those that nobody needs, where there are too many. */
  #trim(): void {
    if (this.#entries.size <= maxUnwatched) return;
    const idle = [...this.#entries.values()].filter(({ watchers, waiting }) => watchers.size === 0 && !waiting);
    for (const { name } of idle.slice(0, Math.max(0, idle.length - maxUnwatched + 1))) this.#entries.delete(name);
  }

  #isFresh({ expiresAt }: NameEntry): boolean {
    return this.#options.clock.monotonic() < expiresAt;
  }

  #renew(entry: NameEntry): void {
    if (!this.#isFresh(entry)) this.#refresh(entry);
    else this.#schedule(entry, entry.expiresAt - this.#options.clock.monotonic());
  }

  #refresh(entry: NameEntry, wait?: (found: Found) => void): void {
    if (this.#closed || entry.waiting !== undefined) return;
    entry.cancelRefresh?.();
    entry.cancelRefresh = undefined;
    entry.waiting = new Set(wait === undefined ? [] : [wait]);
    const { clock } = this.#options;
    const { timeoutMs, servers } = this.#settings;
    const system = servers.length === 0 ? this.#system : undefined;
    const setup: LookUpDependencies = { clock, files: this.#files, servers: this.#findServers(), system, timeoutMs };
    new LookUp(entry.name, setup, (answer) => {
      if (this.#closed) return;
      const { events } = this.#options;
      const before = entry.addresses;
      const { changed, failure, ttlMs } = entry.take(answer);
      events.onLookUp(failure?.code ?? 'ok');
      if (failure !== undefined) events.onLookUpFailure(entry.name, failure, entry.addresses);
      this.#settle(entry, ttlMs);
      if (changed) this.#tell(entry, before.length > 0);
    }).start();
  }

  #settle(entry: NameEntry, ttlMs: number | undefined): void {
    const { minTtlMs, maxTtlMs, negativeTtlMs } = this.#settings;
    const keepMs = ttlMs === undefined ? negativeTtlMs : Math.min(maxTtlMs, Math.max(minTtlMs, ttlMs));
    entry.expiresAt = this.#options.clock.monotonic() + keepMs;
    const waiting = entry.waiting ?? [];
    entry.waiting = undefined;
    if (entry.watchers.size > 0) this.#schedule(entry, keepMs);
    const { found } = entry;
    if (found !== undefined) for (const done of waiting) done(found);
  }

  #schedule(entry: NameEntry, inMs: number): void {
    const { clock, random } = this.#options;
    entry.cancelRefresh = clock.after(inMs * (1 - jitter * random()), () => {
      entry.cancelRefresh = undefined;
      this.#refresh(entry);
    });
  }

  #tell(entry: NameEntry, before: boolean): void {
    if (entry.watchers.size === 0) return;
    if (before) this.#options.events.onAddresses(entry.name, entry.addresses);
    for (const watcher of entry.watchers) watcher();
  }

  /** Those of now: resolv.conf may have changed. What the ones before were asked ends by itself. */
  #findServers(): NameServers {
    const servers = this.#settings.servers.length === 0 ? this.#files.resolvConf.servers : this.#settings.servers;
    if (this.#servers !== undefined && servers === this.#askedOf) return this.#servers;
    this.#askedOf = servers;
    this.#servers = new NameServers(this.#options.clock, servers, this.#settings.timeoutMs);
    return this.#servers;
  }
}
