// A reload of the running gateway: load, guard trust, roll out, compare who may enter, say what came of it. Where it cannot,
// the last good configuration stays; where nobody said no, it is tried again, later each time.
import { compareAccess } from '../access/changes.ts';
import { accessLogFields } from '../access/print-changes.ts';
import { compareTrust, viewTrust } from '../access/reload-guard.ts';
import type { Clock } from '../base/clock.ts';
import { showPlace } from '../yaml/place.ts';
import type { Problem } from '../yaml/problem.ts';
import type { LoadedResult } from '../loading/load.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { ActiveConfig } from './active-config.ts';
import type { LiveTrust } from './live-trust.ts';
import type { PrimaryMetrics } from './primary-metrics.ts';
import { findRestartKeys } from './restart-keys.ts';
import type { Rollout } from './rollout.ts';
import type { Turns } from '../base/turns.ts';
import { WorkerFailure } from './worker-handle.ts';

/** The configuration as it is now, from its source. */
export type Load = () => Promise<Pick<LoadedResult, 'loaded' | 'problems'>>;

/** What a reload failed for: it cannot be had as it is written, workers did not answer in time, or a mistake of ours. */
export type Blame = 'configuration' | 'moment' | 'defect';

/** What came of a reload, for who asked for it. */
export type ReloadOutcome =
  | {
      readonly ok: true;
      readonly generation: number;
      readonly routes: number;
      /** As the log says it: who may enter that could not before, or the other way round. */
      readonly changes: object;
      /** Settings that take effect at the next start only. */
      readonly needsRestart: readonly string[];
      readonly problems: readonly Problem[];
    }
  | {
      readonly ok: false;
      /** That stays in force. */
      readonly generation: number;
      readonly why: string;
      readonly blame: Blame;
      readonly problems: readonly Problem[];
    };

/** What is in force, with what sources of certificates have delivered since. */
export type Refresh = (active: LoadedConfig) => Promise<Pick<LoadedResult, 'loaded' | 'problems'>>;

/** A configuration that was not taken, while no later one was. */
export type RefusedReload = {
  readonly at: number;
  readonly why: string;
  readonly blame: Blame;
  readonly problems: readonly Problem[];
  /** Of the store, that was loaded; undefined: nothing of it comes from there. */
  readonly revision: number | undefined;
};

export type ReloaderOptions = {
  readonly load: Load;
  readonly refresh: Refresh;
  /** What was said of the configuration at the start. */
  readonly told: readonly Problem[];
  readonly clock: Clock;
  readonly log: Logger;
  readonly active: ActiveConfig;
  readonly trust: LiveTrust;
  readonly rollout: Rollout;
  readonly metrics: PrimaryMetrics;
  /** Called when what `load` gave last is in force. Must not throw. */
  readonly onCommitted?: (() => void) | undefined;
  /** Called after each reload, whatever came of it. Must not throw. */
  readonly onSettled?: (() => void) | undefined;
  /** What was not taken at the start, where something older stands in for it. */
  readonly refused?: RefusedReload | undefined;
  /** The revision of the store that was loaded last; undefined: there is none. */
  readonly tried?: (() => number | undefined) | undefined;
  /** Called when workers serve by other rules than before, also where only certificates were renewed. Must not throw. */
  readonly onInForce?: (() => void) | undefined;
  /** Shared with the start: none sees half of the other. */
  readonly turns: Turns;
};

/** `isRefresh`: newer deliveries of sources for the configuration in force. */
type Act = { readonly reason: string; readonly isRefresh: boolean };

/** When a reload that failed by silence is tried again: later each time. */
const firstRetryMs = 5_000;
const maxRetryMs = 300_000;

export class Reloader {
  readonly #options: ReloaderOptions;
  /** Of the last load. */
  #warned: ReadonlySet<string>;
  #refused: RefusedReload | undefined;
  #closed = false;
  /** The reload that waits for its turn. */
  #next: Promise<ReloadOutcome> | undefined;
  /** Likewise. */
  #nextRefresh: Promise<ReloadOutcome> | undefined;
  #retryMs = firstRetryMs;
  #cancelRetry: () => void = () => {};

  constructor(options: ReloaderOptions) {
    this.#options = options;
    this.#warned = warningsOf(options.told);
    this.#refused = options.refused;
  }

  /** The newest configuration is not the active one. */
  get failed(): boolean {
    return this.#refused !== undefined;
  }

  /** Why, since when. */
  get refused(): RefusedReload | undefined {
    return this.#refused;
  }

  /**
   * Builds a new generation from the configuration as it is now and swaps it in; keeps the last good one where it cannot. Never
   * rejects. However often it is asked while one runs, one more follows: it will see everything that was written before.
   */
  async reload(reason: string): Promise<ReloadOutcome> {
    this.#next ??= this.#options.turns.take(async () => {
      this.#next = undefined;
      return this.#run({ reason, isRefresh: false });
    });
    return this.#next;
  }

  /**
   * Builds the configuration in force anew with what sources of certificates have delivered since, whatever the files are now. As
   * `reload`.
   */
  async refresh(reason: string): Promise<ReloadOutcome> {
    this.#nextRefresh ??= this.#options.turns.take(async () => {
      this.#nextRefresh = undefined;
      return this.#run({ reason, isRefresh: true });
    });
    return this.#nextRefresh;
  }

  async #run(act: Act): Promise<ReloadOutcome> {
    if (this.#closed) return this.#failure('the gateway is stopping', 'moment');
    const { trust, active } = this.#options;
    if (!act.isRefresh) this.#cancelRetry();
    const outcome = await this.#reload(act).catch((error: unknown) =>
      // A defect of ours in reading files must not take the primary, and all workers with it, along.
      this.#reject(act, `internal error: ${String(error)}`, 'defect'),
    );
    if (!this.#closed) trust.follow(active.loaded);
    this.#options.onSettled?.();
    return outcome;
  }

  /** From now on nothing is reloaded. */
  close(): void {
    this.#closed = true;
  }

  async #reload(act: Act): Promise<ReloadOutcome> {
    const { log, load, refresh, active, trust, rollout, metrics } = this.#options;
    const { loaded, problems } = act.isRefresh ? await refresh(active.loaded) : await load();
    const repeated = this.#tell(problems);
    if (loaded === undefined) {
      const [first] = problems.filter(({ severity }) => severity === 'error');
      const saysItself = act.isRefresh || first?.code === 'not_approved';
      const why = saysItself && first !== undefined ? first.message : 'the configuration has errors';
      return this.#reject(act, why, 'configuration', problems);
    }
    const { refused, dropped } = compareTrust(viewTrust(active.loaded), viewTrust(loaded));
    if (refused[0] !== undefined) {
      for (const problem of refused) logProblem(log, problem);
      return this.#reject(act, refused[0].message, 'configuration', refused);
    }
    const generation = active.generation + 1;
    await trust.prepare(active.loaded, loaded);
    const before = active.loaded;
    const agreement = await rollout.agree(loaded, generation);
    if ('refusal' in agreement) return this.#abandon(act, agreement.refusal);
    const keys = findRestartKeys(active.startedWith, loaded.config);
    if (keys.length > 0) log.warn({ keys }, 'these settings take effect at the next start only');
    if (!act.isRefresh) this.#refused = undefined;
    this.#retryMs = firstRetryMs;
    await rollout.commit(agreement.able, generation);
    await trust.settle(active.loaded);
    // What was read last may be another configuration, which was refused.
    if (!act.isRefresh) this.#options.onCommitted?.();
    this.#options.onInForce?.();
    metrics.loaded(loaded, generation);
    // It is told, and decides nothing: with many routes nobody should wait for it.
    const access = this.#compareAccess(before, loaded);
    const said = {
      ...(dropped.length === 0 ? {} : { clientAuthDropped: dropped }),
      ...(repeated === 0 ? {} : { warningsAsBefore: repeated }),
    };
    const { reason } = act;
    const what = act.isRefresh ? 'certificates renewed' : 'configuration reloaded';
    log.info({ generation, reason, ...said, ...access }, what);
    const changes = { ...(dropped.length === 0 ? {} : { clientAuthDropped: dropped }), ...access };
    return { ok: true, generation, routes: loaded.config.routes.length, changes, needsRestart: keys, problems };
  }

  /** Errors always; warnings that the load before had are only counted: they were told when they came. */
  #tell(problems: readonly Problem[]): number {
    const before = this.#warned;
    this.#warned = warningsOf(problems);
    const news = problems.filter((problem) => problem.severity === 'error' || !before.has(keyOf(problem)));
    for (const problem of news) logProblem(this.#options.log, problem);
    return problems.length - news.length;
  }

  /** Who may enter that could not before, or the other way round. A defect in telling it must not undo the reload. */
  #compareAccess(before: LoadedConfig, loaded: LoadedConfig): object {
    const { log } = this.#options;
    try {
      return accessLogFields(compareAccess(before, loaded));
    } catch (error) {
      log.error({ err: error }, 'internal error: please report this');
      return {};
    }
  }

  #abandon(act: Act, why: unknown): ReloadOutcome {
    const { clock, log } = this.#options;
    const isVeto = why instanceof WorkerFailure && !why.silent;
    const outcome = this.#reject(act, String(why), isVeto ? 'configuration' : 'moment');
    if (isVeto) return outcome;
    // Nobody said no: it was too much for them at this moment.
    const retryInMs = this.#retryMs;
    this.#retryMs = Math.min(maxRetryMs, retryInMs * 2);
    log.warn({ retryInMs }, 'no worker refused the configuration: it will be tried again');
    this.#cancelRetry = clock.after(retryInMs, () => {
      void (act.isRefresh ? this.refresh('tried again') : this.reload('tried again'));
    });
    return outcome;
  }

  #reject(act: Act, why: string, blame: Blame, problems: readonly Problem[] = []): ReloadOutcome {
    const { reason } = act;
    const { log, active, metrics, trust, clock } = this.#options;
    trust.crls.retain(active.loaded.crls);
    if (act.isRefresh && blame !== 'moment') trust.sources?.refuse(why);
    if (!act.isRefresh) this.#refused = { at: clock.now(), why, blame, problems, revision: this.#options.tried?.() };
    metrics.reloadFailed();
    log.error(
      { generation: active.generation, reason, why },
      'reload rejected: the last good configuration stays in force',
    );
    return this.#failure(why, blame, problems);
  }

  #failure(why: string, blame: Blame, problems: readonly Problem[] = []): ReloadOutcome {
    return { ok: false, generation: this.#options.active.generation, why, blame, problems };
  }
}

/** A line that moved is no news. */
function keyOf({ code, message, place }: Problem): string {
  return `${code}\n${place.file}\n${message}`;
}

function warningsOf(problems: readonly Problem[]): ReadonlySet<string> {
  return new Set(problems.filter(({ severity }) => severity === 'warning').map(keyOf));
}

/** A problem of the configuration as a line of the log. */
export function logProblem(log: Logger, { place, code, hint, severity, message }: Problem): void {
  const at = { code, at: showPlace(place), hint };
  if (severity === 'error') log.error(at, message);
  else log.warn(at, message);
}
