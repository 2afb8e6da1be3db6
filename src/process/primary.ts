// The primary process: holds no traffic. It owns the configuration, supervises the workers, and answers the admin
// listener. A reload is built by every worker before any uses it; where one cannot, none does and the last good stays.
import { AdminServer } from '../admin/admin-server.ts';
import { SharedPage } from '../admin/shared-page.ts';
import { compareAccess } from '../access/changes.ts';
import { accessLogFields } from '../access/print-changes.ts';
import type { Clock } from '../base/clock.ts';
import type { GatewayConfig } from '../config/gateway-config.ts';
import type { Problem } from '../yaml/problem.ts';
import type { CrlSourceReader } from '../crl/source-reader.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import { compareTrust, viewTrust } from '../access/reload-guard.ts';
import type { IndexedCrl } from '../crl/crl-set.ts';
import type { Logger } from '../telemetry/logger.ts';
import { Supervisor } from './supervisor.ts';
import { LiveTrust } from './live-trust.ts';
import type { Ports } from './messages.ts';
import { addressText, explainListenError, holdPort, reservePort } from './ports.ts';
import { PrimaryMetrics } from './primary-metrics.ts';
import { findRestartKeys } from './restart-keys.ts';
import { packFor, withoutReadings } from './payload.ts';
import { TicketSecrets } from './ticket-secrets.ts';
import { type PrepareOrder, WorkerFailure, type WorkerHandle } from './worker-handle.ts';

export type LoadResult = {
  readonly loaded: LoadedConfig | undefined;
  readonly problems: readonly Problem[];
  /** Files that this configuration depends on, whether it is good or not. */
  readonly watch: readonly string[];
};

export type PrimaryOptions = {
  readonly load: () => Promise<LoadResult>;
  readonly clock: Clock;
  readonly log: Logger;
  /** URL path of the worker's entry module. */
  readonly workerEntry: string;
  readonly cores: number;
  /** Who reads CRLs again while we run. */
  readonly crlLoader?: CrlSourceReader;
};

/** Addresses that are served, for the `listening` lines. */
export type Listening = { readonly entryPoint: 'web' | 'webSecure' | 'admin'; readonly address: string };

/** When a reload that failed by silence is tried again: later each time. */
const firstRetryMs = 5_000;
const maxRetryMs = 300_000;

export class Primary {
  readonly #options: PrimaryOptions;
  readonly #metrics: PrimaryMetrics;
  readonly #tickets: TicketSecrets;
  readonly #trust: LiveTrust;
  readonly #supervisor: Supervisor;
  #loaded: LoadedConfig;
  /** What settings that need a start were taken from. */
  readonly #startedWith: GatewayConfig;
  #generation = 1;
  #ports: Ports = { web: undefined, webSecure: undefined };
  #admin: AdminServer | undefined;
  #stopping = false;
  /** Whether the newest configuration on disk is the active one. */
  #reloadFailed = false;
  /** The reload that waits for its turn. */
  #nextReload: Promise<void> | undefined;
  #retryMs = firstRetryMs;
  #cancelRetry: () => void = () => {};
  /** The start and reloads take turns: none sees half of the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(loaded: LoadedConfig, options: PrimaryOptions) {
    this.#loaded = loaded;
    this.#startedWith = loaded.config;
    this.#options = options;
    this.#metrics = new PrimaryMetrics();
    this.#tickets = new TicketSecrets(options.clock);
    const { clock, log, workerEntry, crlLoader } = options;
    this.#trust = new LiveTrust({ clock, log, metrics: this.#metrics, crlLoader, supervisor: () => this.#supervisor });
    this.#supervisor = new Supervisor({
      clock,
      log,
      workerEntry,
      orders: () => this.#orderFor(this.#loaded, this.#generation),
      generation: () => this.#generation,
      ports: () => this.#ports,
      crls: () => this.#trust.crls.groups(),
      initialMessages: () => this.#trust.initialMessages(),
      onEnded: (worker) => this.#metrics.bury(worker),
      onRestarted: () => this.#metrics.workerRestarted(),
      onHung: () => this.#metrics.workerHung(),
      onSeen: (report, worker) => this.#trust.record?.take(report, worker),
    });
  }

  /** Starts everything; rejects with one sentence where an address cannot be had or a worker does not come up. */
  async start(): Promise<Listening[]> {
    // A reload that comes meanwhile waits: workers must not be asked for two generations before they have one.
    return this.#exclusive(async () => {
      try {
        return await this.#startAll();
      } catch (error) {
        // Nothing is restarted any more: the process has to end.
        this.stopNow();
        throw error;
      }
    });
  }

  async #startAll(): Promise<Listening[]> {
    const { config } = this.#loaded;
    const { web, webSecure, admin } = config.entryPoints;
    this.#ports = {
      web: web.enabled ? await reservePort(web) : undefined,
      webSecure: webSecure.enabled ? await reservePort(webSecure) : undefined,
    };
    const holds = [await holdPort(web, this.#ports.web), await holdPort(webSecure, this.#ports.webSecure)];
    try {
      await this.#trust.open(this.#loaded);
      this.#loaded = withoutReadings(this.#loaded);
      await this.#supervisor.start(config.workers === 'auto' ? this.#options.cores : config.workers);
    } finally {
      for (const letGo of holds) letGo();
    }
    const listening: Listening[] = [];
    if (this.#ports.web !== undefined)
      listening.push({ entryPoint: 'web', address: addressText(web.host, this.#ports.web) });
    if (this.#ports.webSecure !== undefined) {
      listening.push({ entryPoint: 'webSecure', address: addressText(webSecure.host, this.#ports.webSecure) });
    }
    if (admin.enabled)
      listening.push({ entryPoint: 'admin', address: addressText(admin.host, await this.#openAdmin()) });
    this.#metrics.loaded(this.#loaded, this.#generation);
    this.#trust.start(this.#loaded);
    return listening;
  }

  /**
   * Builds a new generation from the files as they are now and swaps it in; keeps the last good one where it cannot. Never
   * rejects. However often it is asked while one runs, one more follows: it will see everything that was written before.
   */
  async reload(reason: string): Promise<void> {
    this.#nextReload ??= this.#exclusive(async () => {
      this.#nextReload = undefined;
      if (this.#stopping) return;
      this.#cancelRetry();
      try {
        await this.#reloadNow(reason);
      } catch (error) {
        // A defect of ours in reading files must not take the primary, and all workers with it, along.
        this.#reloadRejected(reason, `internal error: ${String(error)}`);
      }
      if (!this.#stopping) this.#trust.follow(this.#loaded);
    });
    return this.#nextReload;
  }

  /** Lets the workers finish what they have, then ends them. Resolves when all are gone. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#trust.close();
    const workers = this.#supervisor.dismiss();
    for (const worker of workers) worker.send({ kind: 'drain' });
    // Workers keep the limit themselves; this is for one that hangs.
    const cancel = this.#options.clock.after(this.#loaded.config.timeouts.drainMs + 2_000, () =>
      this.#supervisor.kill(),
    );
    await Promise.all(workers.map((worker) => worker.exited));
    cancel();
    await Promise.all(workers.map((worker) => worker.silent));
    await this.#trust.record?.close();
    this.#admin?.close();
  }

  /** Ends everything at once. */
  stopNow(): void {
    this.#stopping = true;
    this.#trust.close();
    this.#supervisor.dismiss();
    this.#supervisor.kill();
    this.#admin?.close();
  }

  /** The CRLs of one source that are active; undefined where it is not known. */
  findCrls(feedKey: string): readonly IndexedCrl[] | undefined {
    return this.#trust.crls.find(feedKey);
  }

  /** Fetches every CRL of a URL now rather than when it is due. */
  refreshCrls(): void {
    this.#trust.crls.refreshUrls();
  }

  reopenLogs(): void {
    for (const worker of this.#supervisor.list()) worker.send({ kind: 'reopen' });
  }

  async #exclusive<T>(act: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(act);
    this.#turn = mine.catch(() => {});
    return mine;
  }

  async #reloadNow(reason: string): Promise<void> {
    const { log, load } = this.#options;
    const { loaded, problems } = await load();
    for (const problem of problems) logProblem(log, problem);
    if (loaded === undefined) return this.#reloadRejected(reason, 'the configuration has errors');
    const { refused, dropped } = compareTrust(viewTrust(this.#loaded), viewTrust(loaded));
    if (refused[0] !== undefined) {
      for (const problem of refused) logProblem(log, problem);
      return this.#reloadRejected(reason, refused[0].message);
    }
    const generation = this.#generation + 1;
    await this.#trust.prepare(this.#loaded, loaded);
    const before = { loaded: this.#loaded, generation: this.#generation };
    const access = this.#compareAccess(loaded);
    const { able, refusal } = await this.#agree(loaded, generation);
    if (refusal !== undefined) return this.#abandon(reason, generation, refusal);
    if (able.length === 0 && this.#supervisor.size > 0) {
      // Nobody was left to build it: the first worker that comes up has to, before the last good rules are forgotten.
      try {
        await this.#supervisor.revive();
      } catch (error) {
        this.#loaded = before.loaded;
        this.#generation = before.generation;
        return this.#abandon(reason, generation, error);
      }
    }
    const keys = findRestartKeys(this.#startedWith, loaded.config);
    if (keys.length > 0) log.warn({ keys }, 'these settings take effect at the next start only');
    this.#reloadFailed = false;
    this.#retryMs = firstRetryMs;
    await Promise.all(able.map(async (worker) => this.#commit(worker, generation)));
    await this.#trust.settle(this.#loaded);
    this.#metrics.loaded(loaded, generation);
    const said = dropped.length === 0 ? {} : { clientAuthDropped: dropped };
    log.info({ generation, reason, ...said, ...access }, 'configuration reloaded');
  }

  /** Who may enter that could not before, or the other way round. A defect in telling it must not undo the reload. */
  #compareAccess(loaded: LoadedConfig): object {
    try {
      return accessLogFields(compareAccess(this.#loaded, loaded));
    } catch (error) {
      this.#options.log.error({ err: error }, 'internal error: please report this');
      return {};
    }
  }

  /**
   * Has every worker build it, and then is it active: in the same turn in which nobody is left to ask, so that a worker that
   * comes up either is asked or sees the new number. One that ends is no vote against: its successor starts with what is active.
   */
  async #agree(loaded: LoadedConfig, generation: number): Promise<{ able: WorkerHandle[]; refusal?: unknown }> {
    const asked = new Set<WorkerHandle>();
    for (;;) {
      const voters = this.#supervisor.voters().filter((worker) => !asked.has(worker));
      if (voters.length === 0) {
        this.#loaded = withoutReadings(loaded);
        this.#generation = generation;
        return { able: [...asked].filter((worker) => !worker.gone) };
      }
      const order = this.#orderFor(loaded, generation);
      // One after the other: building takes its share of a core, and the others serve meanwhile.
      for (const worker of voters) {
        asked.add(worker);
        try {
          await worker.prepare(order);
        } catch (error) {
          if (isHere(worker)) return { able: [], refusal: error };
        }
      }
    }
  }

  #abandon(reason: string, generation: number, why: unknown): void {
    for (const worker of this.#supervisor.voters()) worker.send({ kind: 'abandon', generation });
    this.#trust.crls.retain(this.#loaded.crls);
    this.#reloadRejected(reason, String(why));
    if (why instanceof WorkerFailure && !why.silent) return;
    // Nobody said no: it was too much for them at this moment.
    const { clock, log } = this.#options;
    const retryInMs = this.#retryMs;
    this.#retryMs = Math.min(maxRetryMs, retryInMs * 2);
    log.warn({ retryInMs }, 'no worker refused the configuration: it will be tried again');
    this.#cancelRetry = clock.after(retryInMs, () => void this.reload('tried again'));
  }

  /** A worker that does not take the new rules over must not serve by the old: its successor starts with the new. */
  async #commit(worker: WorkerHandle, generation: number): Promise<void> {
    try {
      await worker.commit(generation);
    } catch (error) {
      if (worker.gone) return;
      this.#options.log.error({ worker: worker.slot, pid: worker.pid, err: error }, 'worker kept the old rules; ended');
      worker.kill();
    }
  }

  #reloadRejected(reason: string, why: string): void {
    this.#reloadFailed = true;
    this.#metrics.reloadFailed();
    this.#options.log.error(
      { generation: this.#generation, reason, why },
      'reload rejected: the last good configuration stays in force',
    );
  }

  #orderFor(loaded: LoadedConfig, generation: number): PrepareOrder {
    const ticketSeed = this.#tickets.seedFor(loaded);
    return { generation, loaded: packFor(loaded, this.#ports.webSecure), ticketSeed };
  }

  async #openAdmin(): Promise<number> {
    const { config } = this.#loaded;
    const { crls, staples, record } = this.#trust;
    const { host, port } = config.entryPoints.admin;
    const page = new SharedPage(this.#options.clock, async () =>
      this.#metrics.render(this.#supervisor.list(), this.#reloadFailed, crls, staples.status()),
    );
    this.#admin = new AdminServer({
      ready: () => this.#readiness(),
      metrics: async () => page.take(),
      identities: record && (async () => record.read(this.#supervisor.list())),
      metricsPath: config.monitoring.metrics ? config.monitoring.metricsPath : undefined,
      liveness: config.monitoring.liveness,
      readiness: config.monitoring.readiness,
      allowedHosts: config.monitoring.allowedHosts,
    });
    try {
      return await this.#admin.listen(host, port);
    } catch (error) {
      throw new Error(explainListenError(error as NodeJS.ErrnoException, host, port), { cause: error });
    }
  }

  #readiness(): { ok: boolean; detail: string } {
    const ready = this.#supervisor.list().filter((worker) => worker.serving).length;
    if (this.#stopping) return { ok: false, detail: 'draining' };
    return { ok: ready > 0, detail: `${ready} of ${this.#supervisor.size} workers ready` };
  }
}

/** Whose vote counts. */
function isHere(worker: WorkerHandle | undefined): boolean {
  return worker?.gone === false && !worker.leaving;
}

function logProblem(log: Logger, { place, code, hint, severity, message }: Problem): void {
  const at = { code, at: `${place.file}:${place.line}:${place.col}`, hint };
  if (severity === 'error') log.error(at, message);
  else log.warn(at, message);
}
