// The primary process: holds no traffic. It owns the configuration, supervises the workers, and answers the admin
// listener. A reload is built by every worker before any uses it; where one cannot, none does and the last good stays.
import { AdminServer } from '../admin/admin-server.ts';
import type { Clock } from '../base/clock.ts';
import type { GatewayConfig } from '../config/gateway-config.ts';
import type { Problem } from '../config/problem.ts';
import { ExpiryWatch } from '../gateway/expiry-watch.ts';
import { CrlLoader } from '../gateway/crl-loader.ts';
import type { LoadedConfig } from '../gateway/loaded.ts';
import { CrlBuilder } from '../pki/crl-builder.ts';
import type { IndexedCrl } from '../pki/crl-set.ts';
import { findStapleTargets } from '../gateway/staple-targets.ts';
import type { Logger } from '../telemetry/logger.ts';
import { Crew } from './crew.ts';
import { CrlKeeper } from './crl-keeper.ts';
import type { Ports } from './messages.ts';
import { addressText, explainListenError, reservePort } from './ports.ts';
import { TrustRecordKeeper } from './trust-record-keeper.ts';
import { PrimaryMetrics } from './primary-metrics.ts';
import { findRestartKeys } from './restart-keys.ts';
import { StapleKeeper } from './staple-keeper.ts';
import { TicketKeeper } from './ticket-keeper.ts';
import type { WorkerHandle } from './worker-handle.ts';

export type LoadResult = {
  readonly loaded: LoadedConfig | undefined;
  readonly problems: readonly Problem[];
  /** Files that this configuration depends on, whether it is good or not. */
  readonly watch: readonly string[];
};

/** How long a start or a reload waits for responses that a must-staple certificate promises. */
const stapleMs = 10_000;

export type PrimaryOptions = {
  readonly load: () => Promise<LoadResult>;
  readonly clock: Clock;
  readonly log: Logger;
  /** URL path of the worker's entry module. */
  readonly workerEntry: string;
  readonly cores: number;
  /** Who reads CRLs again while we run. */
  readonly crlLoader?: CrlLoader;
};

/** Addresses that are served, for the `listening` lines. */
export type Listening = { readonly entryPoint: 'web' | 'webSecure' | 'admin'; readonly address: string };

export class Primary {
  readonly #options: PrimaryOptions;
  readonly #metrics: PrimaryMetrics;
  readonly #tickets: TicketKeeper;
  readonly #expiries: ExpiryWatch;
  readonly #crls: CrlKeeper;
  readonly #staples: StapleKeeper;
  readonly #crew: Crew;
  #loaded: LoadedConfig;
  /** What settings that need a start were taken from. */
  readonly #startedWith: GatewayConfig;
  #generation = 1;
  #ports: Ports = { web: undefined, webSecure: undefined };
  #admin: AdminServer | undefined;
  #stopping = false;
  /** undefined where the configuration keeps no record of clients. */
  #record: TrustRecordKeeper | undefined;
  /** Whether the newest configuration on disk is the one in force. */
  #reloadFailed = false;
  /** Reloads and worker starts take turns: none sees half of the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(loaded: LoadedConfig, options: PrimaryOptions) {
    this.#loaded = loaded;
    this.#startedWith = loaded.config;
    this.#options = options;
    this.#metrics = new PrimaryMetrics();
    this.#tickets = new TicketKeeper(options.clock);
    this.#expiries = new ExpiryWatch(options.clock, options.log, () => [
      ...this.#loaded.expiries,
      ...this.#crls.expiries(),
    ]);
    const { clock, log, workerEntry } = options;
    this.#crls = new CrlKeeper({
      clock,
      log,
      loader: options.crlLoader ?? new CrlLoader(new CrlBuilder({ clock })),
      random: Math.random,
      onChange: () => void this.#crew.bringCrls(),
    });
    this.#staples = new StapleKeeper({
      clock,
      log,
      random: Math.random,
      onStaple: (sha256, staple) => {
        for (const worker of this.#crew.list()) worker.send({ kind: 'staple', sha256, staple });
      },
      onAsked: (result) => this.#metrics.stapleAsked(result),
    });
    this.#crew = new Crew({
      clock,
      log,
      workerEntry,
      orders: () => ({ prepare: this.#prepareMessage(this.#loaded, this.#generation), ports: this.#ports }),
      crls: () => this.#crls.groups(),
      briefing: () => this.#staples.list().map(({ sha256, staple }) => ({ kind: 'staple', sha256, staple })),
      exclusive: async (act) => this.#exclusive(act),
      onEnded: (worker) => this.#metrics.bury(worker),
      onRestarted: () => this.#metrics.workerRestarted(),
      onSeen: (report, worker) => this.#record?.take(report, worker),
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
    const { clock, log } = this.#options;
    const settings = config.trustRecord;
    this.#record = await TrustRecordKeeper.open({ settings, clock, log, metrics: this.#metrics.own });
    await this.#staples.prepare(findStapleTargets(this.#loaded), stapleMs);
    const count = config.workers === 'auto' ? this.#options.cores : config.workers;
    await this.#crls.adopt(this.#loaded.crls);
    this.#loaded = withoutReadings(this.#loaded);
    await this.#crew.start(count);
    const listening: Listening[] = [];
    if (this.#ports.web !== undefined)
      listening.push({ entryPoint: 'web', address: addressText(web.host, this.#ports.web) });
    if (this.#ports.webSecure !== undefined) {
      listening.push({ entryPoint: 'webSecure', address: addressText(webSecure.host, this.#ports.webSecure) });
    }
    if (admin.enabled)
      listening.push({ entryPoint: 'admin', address: addressText(admin.host, await this.#openAdmin()) });
    this.#metrics.loaded(this.#loaded, this.#generation);
    this.#expiries.markTold(this.#loaded.expiries);
    this.#expiries.start();
    return listening;
  }

  /** Builds a new generation from the files as they are now and swaps it in; keeps the last good one where it cannot. Never rejects. */
  async reload(reason: string): Promise<void> {
    await this.#exclusive(async () => {
      if (this.#stopping) return;
      try {
        await this.#reloadNow(reason);
      } catch (error) {
        // A defect of ours in reading files must not take the primary, and all workers with it, along.
        this.#reloadRejected(reason, `internal error: ${String(error)}`);
      }
      if (!this.#stopping) this.#staples.follow(findStapleTargets(this.#loaded));
    });
  }

  /** Lets the workers finish what they have, then ends them. Resolves when all are gone. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#crls.close();
    this.#staples.close();
    const workers = this.#crew.dismiss();
    for (const worker of workers) worker.send({ kind: 'drain' });
    // Workers keep the limit themselves; this is for one that hangs.
    const cancel = this.#options.clock.after(this.#loaded.config.timeouts.drainMs + 2_000, () => this.#crew.kill());
    await Promise.all(workers.map((worker) => worker.exited));
    cancel();
    await Promise.all(workers.map((worker) => worker.silent));
    await this.#record?.close();
    this.#admin?.close();
  }

  /** Ends everything at once. */
  stopNow(): void {
    this.#stopping = true;
    this.#crls.close();
    this.#staples.close();
    this.#crew.dismiss();
    this.#crew.kill();
    this.#admin?.close();
  }

  /** The CRLs of one source that are in force; undefined where it is not known. */
  findCrls(feedKey: string): readonly IndexedCrl[] | undefined {
    return this.#crls.find(feedKey);
  }

  /** Fetches every CRL of a URL now rather than when it is due. */
  refreshCrls(): void {
    this.#crls.refreshUrls();
  }

  reopenLogs(): void {
    for (const worker of this.#crew.list()) worker.send({ kind: 'reopen' });
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
    const generation = this.#generation + 1;
    // Beside what is in force: a worker has what it needs before it is asked to prepare.
    await this.#crls.adopt(loaded.crls);
    await this.#crew.bringCrls();
    // A certificate that promises a response should have one from its first handshake on.
    await this.#staples.prepare([...findStapleTargets(this.#loaded), ...findStapleTargets(loaded)], stapleMs);
    const workers = this.#crew.list();
    const prepared = await Promise.allSettled(
      workers.map((worker) => worker.prepare(this.#prepareMessage(loaded, generation))),
    );
    // A worker that died while preparing is no vote against: its successor starts with whatever is in force.
    const veto = prepared.find(
      (result, i) => result.status === 'rejected' && workers[i]?.gone === false && !workers[i].leaving,
    );
    if (veto !== undefined) {
      for (const worker of workers) worker.send({ kind: 'abandon', generation });
      this.#crls.retain(this.#loaded.crls);
      return this.#reloadRejected(reason, String((veto as PromiseRejectedResult).reason));
    }
    const keys = findRestartKeys(this.#startedWith, loaded.config);
    if (keys.length > 0) log.warn({ keys }, 'these settings take effect at the next start only');
    this.#loaded = withoutReadings(loaded);
    this.#generation = generation;
    this.#reloadFailed = false;
    await Promise.all(workers.map(async (worker) => this.#commit(worker, generation)));
    this.#crls.retain(loaded.crls);
    await this.#crew.bringCrls();
    this.#metrics.loaded(loaded, generation);
    this.#expiries.markTold(loaded.expiries);
    log.info({ generation, reason }, 'configuration reloaded');
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

  #prepareMessage(loaded: LoadedConfig, generation: number) {
    const ticketSeed = this.#tickets.seedFor(loaded);
    const shipped = { ...withPort(loaded, this.#ports.webSecure), crls: [] };
    return { kind: 'prepare', generation, loaded: shipped, ticketSeed } as const;
  }

  async #openAdmin(): Promise<number> {
    const { config } = this.#loaded;
    const { host, port } = config.entryPoints.admin;
    this.#admin = new AdminServer({
      ready: () => this.#readiness(),
      metrics: async () =>
        this.#metrics.render(this.#crew.list(), this.#reloadFailed, this.#crls, this.#staples.status()),
      identities: this.#record && (async () => this.#record?.read(this.#crew.list()) ?? []),
      metricsPath: config.monitoring.metrics ? config.monitoring.metricsPath : undefined,
      liveness: config.monitoring.liveness,
      readiness: config.monitoring.readiness,
    });
    try {
      return await this.#admin.listen(host, port);
    } catch (error) {
      throw new Error(explainListenError(error as NodeJS.ErrnoException, host, port), { cause: error });
    }
  }

  #readiness(): { ok: boolean; detail: string } {
    const ready = this.#crew.list().filter((worker) => worker.ready).length;
    if (this.#stopping) return { ok: false, detail: 'draining' };
    return { ok: ready > 0, detail: `${ready} of ${this.#crew.size} workers ready` };
  }
}

/** The keys stay; the CRLs themselves are with the keeper, which lets go of them when newer ones come. */
function withoutReadings(loaded: LoadedConfig): LoadedConfig {
  return { ...loaded, crls: loaded.crls.map(({ key }) => ({ key, feeds: [] })) };
}

/** With the port that was chosen: plain HTTP redirects to it. */
function withPort(loaded: LoadedConfig, port: number | undefined): LoadedConfig {
  if (port === undefined) return loaded;
  const { config } = loaded;
  const { entryPoints } = config;
  const webSecure = { ...entryPoints.webSecure, port };
  return { ...loaded, config: { ...config, entryPoints: { ...entryPoints, webSecure } } };
}

function logProblem(log: Logger, { place, code, hint, severity, message }: Problem): void {
  const at = { code, at: `${place.file}:${place.line}:${place.col}`, hint };
  if (severity === 'error') log.error(at, message);
  else log.warn(at, message);
}
