// The primary process: holds no traffic. It has the configuration, the workers, what is found out beside the generations, and
// the admin entry point, each in an object of its own; here they are put together, started and stopped.
import { randomBytes } from 'node:crypto';
import type { Problem } from '../yaml/problem.ts';
import type { Clock } from '../base/clock.ts';
import type { GatewayConfig, StoreConfig } from '../config/gateway-config.ts';
import { listEntryPoints } from '../config/list-entry-points.ts';
import type { CrlPublisher } from '../crl/publisher.ts';
import type { DriftReport } from '../gateway/drift.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import type { StoreState } from '../loading/store-source.ts';
import type { TicketTerms } from '../downstream/ticket-ring.ts';
import type { Sharing } from '../sharing/sharing.ts';
import type { SourcePublisher } from '../sources/publisher.ts';
import type { SpanBatch } from '../telemetry/tracer.ts';
import type { Logger } from '../telemetry/logger.ts';
import { ActiveConfig } from './active-config.ts';
import type { ChallengeDesk } from './challenge-desk.ts';
import type { ControlProcess } from './control-process.ts';
import { DriftBoard } from './drift-board.ts';
import { FailureLine } from './failure-line.ts';
import { LiveTrust } from './live-trust.ts';
import type { PlanSettings } from './plan-question.ts';
import { addressText, holdPort, reservePort } from './ports.ts';
import { adminCertificate, PrimaryAdmin } from './primary-admin.ts';
import { PrimaryMetrics } from './primary-metrics.ts';
import { SelfTester } from './self-tester.ts';
import { type Load, type Refresh, type RefusedReload, Reloader, type ReloadOutcome } from './reloader.ts';
import { Rollout } from './rollout.ts';
import type { SpanExporter } from './span-exporter.ts';
import { Supervisor } from './supervisor.ts';
import { Turns } from '../base/turns.ts';
import { Workers } from './workers.ts';

export type PrimaryOptions = {
  readonly load: Load;
  /** Whoever `load` asked for what sources of certificates deliver, and the load that takes what they delivered since. */
  readonly sources?: {
    readonly publisher: SourcePublisher;
    readonly refresh: Refresh;
    /** What its sources have CAs find here. */
    readonly challenges: ChallengeDesk;
  };
  readonly clock: Clock;
  readonly log: Logger;
  /** URL path of the worker's entry module. */
  readonly workerEntry: string;
  readonly cores: number;
  /** What was said of the first configuration; default nothing. */
  readonly told?: readonly Problem[];
  /** Whoever `load` has read CRLs; default one that reads them when it is told of them. */
  readonly crls?: CrlPublisher;
  /** Called when what was loaded last is in force, at the start too. Must not throw. */
  readonly onCommitted?: () => void;
  /** How the store of the configuration is, and what its changes are planned with; undefined: there is none. */
  readonly storeState?: () => StoreState;
  readonly planning?: PlanSettings;
  /** The newest revision, where it could not be loaded and an earlier one stands in for it. */
  readonly refused?: RefusedReload | undefined;
  /** What it has in common with other gateways on its store; undefined: there is none. */
  readonly sharing?: Sharing | undefined;
};

/** Addresses that are served, for the `listening` lines. */
export type Listening = { readonly entryPoint: string; readonly address: string };

/** How long the end waits for a collector. */
const lastSpansMs = 2_000;

export class Primary {
  readonly #clock: Clock;
  readonly #cores: number;
  readonly #metrics = new PrimaryMetrics();
  readonly #workers = new Workers();
  readonly #active: ActiveConfig;
  readonly #trust: LiveTrust;
  readonly #supervisor: Supervisor;
  readonly #reloader: Reloader;
  readonly #admin: PrimaryAdmin;
  readonly #drift: DriftBoard;
  readonly #selfTester: SelfTester;
  /** Where there is no store nobody takes them, and workers tell none. */
  readonly #failures = new FailureLine((count) => this.#metrics.own.handshakeFailuresDropped.labels({}).inc(count));
  /** Undefined where nothing is traced. */
  #spans: SpanExporter | undefined;
  readonly #turns = new Turns();
  readonly #challenges: ChallengeDesk | undefined;
  readonly #log: Logger;
  /** Undefined where there is no store. */
  #control: ControlProcess | undefined;
  readonly #onCommitted: (() => void) | undefined;
  readonly #storeState: PrimaryOptions['storeState'];
  readonly #planning: PrimaryOptions['planning'];
  readonly #sharing: Sharing | undefined;
  #stopping = false;

  constructor(loaded: LoadedConfig, options: PrimaryOptions) {
    const { load, clock, log, workerEntry, cores, crls, sources, told = [], onCommitted, storeState } = options;
    this.#clock = clock;
    this.#log = log;
    this.#cores = cores;
    this.#onCommitted = onCommitted;
    this.#storeState = storeState;
    this.#planning = options.planning;
    const metrics = this.#metrics;
    metrics.watchStore(storeState, clock);
    const workers = this.#workers;
    const { sharing } = options;
    this.#sharing = sharing;
    const { workers: count } = loaded.config;
    const isAlone = sharing === undefined && (count === 'auto' ? cores : count) === 1;
    const sharedKeys = (rotationMs: number) => sharing?.tickets.keysFor(rotationMs) ?? [];
    const active = new ActiveConfig(loaded, clock, sharedKeys, isAlone);
    sharing?.reportTo({
      log,
      ownClients: async () => trust.record?.contents(workers.list()),
      ticketTerms: () => ticketTermsOf(active.loaded),
      onTicketKeys: (shared, rotationMs) => workers.tell({ kind: 'ticketKeys', shared, rotationMs }),
    });
    const trust = new LiveTrust({
      clock,
      log,
      metrics,
      crls,
      sources: sources?.publisher,
      challenges: sources?.challenges,
      workers,
      fetches: sharing?.fetches,
    });
    const failures = this.#failures;
    const onSpans = (batch: SpanBatch): void => this.#spans?.take(batch);
    const selfTestKey = randomBytes(32);
    const supervisor = new Supervisor({
      clock,
      log,
      workerEntry,
      workers,
      active,
      trust,
      metrics,
      failures,
      selfTestKey,
      onSpans,
    });
    const drift = new DriftBoard({ clock, log, metrics: metrics.own, gateway: loaded.config.name });
    this.#drift = drift;
    const selfTester = new SelfTester({
      clock,
      log,
      active,
      supervisor,
      key: selfTestKey,
      report: (report) => drift.report(report),
    });
    this.#selfTester = selfTester;
    const rollout = new Rollout({ log, active, supervisor });
    const turns = this.#turns;
    const refresh: Refresh = sources?.refresh ?? (async (loaded) => ({ loaded, problems: [] }));
    const onInForce = (): void => selfTester.inForce();
    const about = {
      told,
      clock,
      log,
      active,
      trust,
      rollout,
      metrics,
      turns,
      onCommitted,
      onInForce,
      onSettled: () => this.#control?.tellChanged(),
      refused: options.refused,
      tried: () => storeState?.().tried,
    };
    const reloader = new Reloader({ load, refresh, ...about });
    sources?.publisher.reportTo({
      log,
      onChange: (what, label) => void reloader[what](`${label} delivered`),
    });
    this.#challenges = sources?.challenges;
    this.#active = active;
    this.#trust = trust;
    this.#supervisor = supervisor;
    this.#reloader = reloader;
    const control = () => this.#control;
    this.#admin = new PrimaryAdmin({ clock, log, workers, trust, metrics, active, reloader, drift, control });
  }

  /** Starts everything; rejects with one sentence where an address cannot be had or a worker does not come up. */
  async start(): Promise<Listening[]> {
    // A reload that comes meanwhile waits: workers must not be asked for two generations before they have one.
    return this.#turns.take(async () => {
      try {
        return await this.#start();
      } catch (error) {
        // Nothing is restarted any more: the process has to end.
        this.stopNow();
        throw error;
      }
    });
  }

  async #start(): Promise<Listening[]> {
    const { loaded, generation } = this.#active;
    const { admin, passThrough } = loaded.config.entryPoints;
    const points = [...listEntryPoints(loaded.config.entryPoints), ...passThrough.listeners];
    const ports: Record<string, number> = {};
    for (const point of points) ports[point.name] = await reservePort(point);
    this.#active.ports = ports;
    const holds: (() => void)[] = [];
    for (const point of points) holds.push(await holdPort(point, ports[point.name]));
    const { workers } = loaded.config;
    try {
      await this.#openSpans(loaded.config.tracing);
      await this.#trust.open(loaded);
      await this.#supervisor.start(workers === 'auto' ? this.#cores : workers);
    } finally {
      for (const letGo of holds) letGo();
    }
    const listening = points.map((point): Listening => {
      const { name, host, port } = point;
      const entryPoint = 'forwards' in point ? 'passThrough' : name;
      return { entryPoint, address: addressText(host, ports[name] ?? port) };
    });
    if (admin.enabled) {
      await this.#makeControl(loaded.config.store);
      const port = await this.#admin.listen(loaded.config);
      this.#control?.start(urlOf(this.#active.loaded, port));
      listening.push({ entryPoint: 'admin', address: addressText(admin.host, port) });
    }
    this.#metrics.loaded(this.#active.loaded, generation);
    this.#metrics.watchDelay(this.#clock);
    this.#trust.start(this.#active.loaded);
    this.#challenges?.serve(this.#workers);
    this.#sharing?.start();
    this.#onCommitted?.();
    this.#selfTester.inForce();
    return listening;
  }

  async #openSpans(tracing: GatewayConfig['tracing']): Promise<void> {
    if (tracing === undefined) return;
    const { openSpanExporter } = await import('./span-exporter.ts');
    const onResult = (result: string, count: number): void => this.#metrics.own.spans.labels({ result }).inc(count);
    this.#spans = await openSpanExporter({ clock: this.#clock, log: this.#log, tracing, onResult });
  }

  /** What nobody asked for is not even loaded. */
  async #makeControl(store: StoreConfig | undefined): Promise<void> {
    const [storeState, planning] = [this.#storeState, this.#planning];
    if (store === undefined || storeState === undefined || planning === undefined) return;
    const [{ ControlProcess }, { StatusReader }, { TrafficHistory }] = await Promise.all([
      import('./control-process.ts'),
      import('./gateway-status.ts'),
      import('./traffic-history.ts'),
    ]);
    const traffic = new TrafficHistory({
      clock: this.#clock,
      workers: this.#workers,
      buried: () => this.#metrics.buried,
    });
    traffic.start();
    const status = new StatusReader({
      clock: this.#clock,
      active: this.#active,
      workers: this.#workers,
      reloader: this.#reloader,
      crls: this.#trust.crls,
      certificateSources: this.#trust.sources,
      storeState,
      controlEnds: () => this.#control?.endedAt ?? [],
      drift: this.#drift,
    });
    this.#control = new ControlProcess({
      clock: this.#clock,
      log: this.#log,
      // Not the key that opens what is sealed in it.
      store: { path: planning.store.path, postgres: planning.store.postgres },
      active: this.#active,
      status,
      traffic,
      failures: this.#failures,
      drift: this.#drift,
      trust: this.#trust,
      workers: this.#workers,
      reloader: this.#reloader,
      storeState,
      planning,
      onFiring: (firing) => this.#metrics.alertsFiring(firing),
      onEnd: () => this.#metrics.controlEnded(),
      onDelivery: (receiver, result) => this.#metrics.alertDelivery(receiver, result),
      sharing: this.#sharing,
      fetches: this.#sharing?.fetches,
      seen: async () => this.#sharing?.clients.merged(),
    });
    this.#metrics.watchControl(() => this.#control?.isUp === true);
  }

  /** What somebody else found that is not as it is meant. */
  reportDrift(report: DriftReport): void {
    this.#drift.report(report);
  }

  /** The configuration in force. */
  get config(): GatewayConfig {
    return this.#active.loaded.config;
  }

  /** As Reloader: never rejects. */
  async reload(reason: string): Promise<ReloadOutcome> {
    return this.#reloader.reload(reason);
  }

  /** Lets the workers finish what they have, then ends them. Resolves when all are gone. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#beginStop();
    const workers = this.#supervisor.dismiss();
    for (const worker of workers) worker.send({ kind: 'drain' });
    // Workers keep the limit themselves; this is for one that hangs.
    const { drainMs } = this.#active.loaded.config.timeouts;
    const cancel = this.#clock.after(drainMs + 2_000, () => this.#supervisor.kill());
    await Promise.all(workers.map(async (worker) => worker.exited));
    cancel();
    await Promise.all(workers.map(async (worker) => worker.silent));
    await this.#trust.record?.close();
    await this.#spans?.close(lastSpansMs);
    this.#admin.close();
  }

  /** Ends everything at once. */
  stopNow(): void {
    this.#beginStop();
    this.#supervisor.dismiss();
    this.#supervisor.kill();
    this.#admin.close();
  }

  #beginStop(): void {
    this.#stopping = true;
    this.#selfTester.stop();
    this.#control?.stop();
    this.#sharing?.close();
    this.#reloader.close();
    this.#admin.drain();
    this.#trust.close();
  }

  /** Fetches every CRL of a URL now rather than when it is due. */
  refreshCrls(): void {
    this.#trust.crls.refreshUrls();
  }

  reopenLogs(): void {
    this.#workers.tell({ kind: 'reopen' });
    this.#control?.reopenLogs();
  }
}

/** Where a file has the keys they are shared by it already. */
function ticketTermsOf({ config, ticketSecret }: LoadedConfig): TicketTerms | undefined {
  const { enabled, rotationMs, lifetimeMs } = config.tls.sessionResumption;
  return enabled && ticketSecret === undefined ? { rotationMs, lifetimeMs } : undefined;
}

/**
 * As a browser should be asked to call the admin entry point. Plain, it is this machine's alone, and under `localhost`, and no other
 * name, each browser takes that for secure; over TLS it has the name of its certificate.
 */
function urlOf(loaded: LoadedConfig, port: number): string {
  const { host } = loaded.config.entryPoints.admin;
  const certificate = adminCertificate(loaded);
  if (certificate !== undefined) return `https://${addressText(certificate.names[0] ?? host, port)}`;
  return `http://${addressText(host === '127.0.0.1' ? 'localhost' : host, port)}`;
}
