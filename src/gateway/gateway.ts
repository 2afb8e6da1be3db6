// One worker's gateway, put together: the generations, both sides of it, what happens when the rules change. Requests that run
// keep the generation that they began with.
import { writeSync } from 'node:fs';
import { type ChallengeAnswer, ChallengeAnswers } from '../acme/challenge-answers.ts';
import type { Clock } from '../base/clock.ts';
import { Deadlines } from '../base/deadline.ts';
import { Slices } from '../base/slices.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { listEntryPoints } from '../config/list-entry-points.ts';
import type { GatewayConfig, NamedEntryPoint } from '../config/gateway-config.ts';
import type { CrlMessage } from '../crl/subscriber.ts';
import type { VerifiedClient } from '../downstream/dependencies.ts';
import type { AdmissionRules } from '../downstream/admission.ts';
import type { ClientCounts } from '../downstream/client-counts.ts';
import { EntryPoints, type ListenPorts } from '../downstream/entry-points.ts';
import { Intermediates } from '../trust/intermediates.ts';
import { peerOfPlainConnection } from '../downstream/peer.ts';
import { SelfTestMarks } from '../downstream/self-test-marks.ts';
import { TicketRing } from '../downstream/ticket-ring.ts';
import { TicketRotation } from '../downstream/ticket-rotation.ts';
import { type SharedTicketKey, ticketEpoch, type TicketSeed } from '../downstream/ticket-secret.ts';
import type { Generation } from './generation.ts';
import { lookupBy } from '../dns/lookup-function.ts';
import { RateCounters, type SpentReport } from '../filters/rate-counters.ts';
import { FieldNames } from '../http/field.ts';
import { TurnEnd } from '../http/turn-end.ts';
import { Http2Shared } from '../http2/shared.ts';
import type { LoadedRules } from '../loading/loaded.ts';
import { ClientOcsp } from '../ocsp/client-ocsp.ts';
import { type Staple, Staples } from '../ocsp/staples.ts';
import { Metrics, type MetricsSnapshot } from '../telemetry/metrics.ts';
import { ProcessMetrics } from '../telemetry/process-metrics.ts';
import type { TracerOptions } from '../telemetry/tracer.ts';
import { PassThrough } from '../passthrough/pass-through.ts';
import { ActiveGeneration } from './active-generation.ts';
import { setBackendGauges } from './backend-gauges.ts';
import { BackendSide } from './backend-side.ts';
import { ClientSide } from './client-side.ts';
import { drain } from './drain.ts';
import type { FailureTally } from './failure-tally.ts';
import { Generations } from './generations.ts';
import { learnConfigured } from './configured-intermediates.ts';
import { type Observation, observe } from './observation.ts';
import { OpenConnections } from './open-connections.ts';
import { WorkerServicesAtStart } from './worker-services.ts';

export type GatewayOptions = {
  readonly clock: Clock;
  /** Share the ports with other processes (SO_REUSEPORT). */
  readonly reusePort: boolean;
  /** DER of an intermediate that a client sent and whose chain was verified: the other workers should know it. */
  readonly onIntermediate: (der: Buffer) => void;
  /** What rate limits counted here: the other workers should know it. Undefined where there are none. */
  readonly onSpent?: (report: SpentReport) => void;
  /** Every client that got as far as a verdict, where the configuration of the start keeps a record of them. */
  readonly onVerified?: (verified: VerifiedClient) => void;
  /** Gets every handshake that failed, where the configuration of the start has a store. */
  readonly failures?: FailureTally;
  /** Spans of requests, where something is traced; absent: nobody takes them. */
  readonly onSpans?: TracerOptions['send'];
};

export class Gateway {
  readonly #options: GatewayOptions;
  readonly #deadlines: Deadlines;
  readonly #metrics = new Metrics();
  readonly #process = new ProcessMetrics('worker');
  readonly #active = new ActiveGeneration();
  readonly #services: WorkerServicesAtStart;
  readonly #generations: Generations;
  readonly #connections: OpenConnections;
  readonly #clients: ClientSide;
  readonly #ocsp: ClientOcsp;
  readonly #staples: Staples;
  readonly #intermediates: Intermediates;
  readonly #rotation: TicketRotation;
  readonly #tickets: TicketRing;
  readonly #rates: RateCounters;
  readonly #challenges = new ChallengeAnswers();
  readonly #selfTests: SelfTestMarks;
  #entryPoints: EntryPoints | undefined;
  #passThrough: PassThrough | undefined;

  constructor(options: GatewayOptions) {
    const { clock } = options;
    this.#options = options;
    this.#selfTests = new SelfTestMarks(clock);
    const deadlines = new Deadlines(clock);
    this.#deadlines = deadlines;
    const active = this.#active;
    const metrics = this.#metrics.of;
    const names = new FieldNames();
    const turn = new TurnEnd();
    const http2 = new Http2Shared(names, metrics);
    const policies = () => active.get().policies;
    const rates = new RateCounters(clock, Math.random, options.onSpent);
    this.#rates = rates;
    const services = new WorkerServicesAtStart({
      clock,
      deadlines,
      metrics: this.#metrics,
      active,
      rates,
      challenges: this.#challenges,
      isDraining: () => this.#clients.isDraining,
      failures: options.failures,
      onSpans: options.onSpans ?? ((_, done) => done()),
    });
    const connections = new OpenConnections(clock, metrics, { policies, ocsp: () => this.#ocsp.checker }, (one) =>
      services.find()?.reports.onClientsDistrusted(one),
    );
    this.#ocsp = new ClientOcsp({
      clock,
      metrics,
      lookup: lookupBy(() => services.get().resolver),
      policies,
      peers: () => connections.peers(),
      reEvaluate: () => connections.reEvaluate(),
      onSoftFail: (pass) => services.find()?.reports.onOcspSoftPass(pass),
    });
    const ocsp = this.#ocsp.checker;
    this.#clients = new ClientSide({ clock, deadlines, names, metrics, active, connections, ocsp, turn, http2 });
    this.#intermediates = new Intermediates(({ der }) => options.onIntermediate(der));
    const intermediates = this.#intermediates;
    const backends = new BackendSide({ clock, deadlines, names, intermediates, turn, http2 });
    this.#staples = new Staples(clock);
    this.#generations = new Generations({
      clock,
      metrics,
      active,
      services,
      backends,
      staples: this.#staples,
    });
    this.#services = services;
    this.#connections = connections;
    this.#rotation = new TicketRotation(clock);
    this.#tickets = new TicketRing(clock);
  }

  /** As Generations. */
  async prepare(number: number, loaded: LoadedRules, ticketSeed: TicketSeed): Promise<void> {
    return this.#generations.prepare(number, loaded, ticketSeed);
  }

  /** From now on requests get this generation; connections whose policy changed are re-evaluated. Throws where it was not prepared. */
  commit(number: number): void {
    const { next, before, ticketSeed } = this.#generations.commit(number);
    const { config } = next.loaded;
    this.#followTickets(next, ticketSeed);
    this.#metrics.of.configGeneration.labels({}).set(number);
    void learnConfigured(next.loaded, this.#intermediates, new Slices(this.#options.clock));
    this.#ocsp.follow(next.policies);
    this.#services.get().resolver.configure(config.dns);
    this.#passThrough?.follow(config);
    if (before === undefined) return;
    this.#entryPoints?.flushRefusals();
    this.#services.get().reports.onReload();
    this.#connections.reEvaluate();
    before.close();
  }

  /** The rules of the active generation, where it is that one. */
  rulesOf(generation: number | undefined): LoadedRules | undefined {
    const active = this.#active.find();
    return active?.number === generation ? active?.loaded : undefined;
  }

  #followTickets(next: Generation, seed: TicketSeed): void {
    const { rotationMs, lifetimeMs } = next.loaded.config.tls.sessionResumption;
    this.#tickets.follow(seed, { rotationMs, lifetimeMs });
    this.#rotation.follow(
      {
        rotate: (epoch) => this.#setTicketKeys(next, epoch),
        look: (epoch) => {
          if (this.#tickets.prune()) this.#setTicketKeys(next, epoch);
        },
      },
      rotationMs,
    );
  }

  /** What all gateways on one store issue tickets under, and accept, from now on. */
  shareTicketKeys(shared: readonly SharedTicketKey[], rotationMs: number): void {
    const active = this.#active.find();
    if (!this.#tickets.share(shared, rotationMs) || active === undefined) return;
    this.#setTicketKeys(active, ticketEpoch(this.#options.clock.now(), rotationMs));
  }

  #setTicketKeys(generation: Generation, epoch: number): void {
    generation.setTicketKeys(this.#tickets.at(epoch), new Slices(this.#options.clock));
  }

  abandon(number: number): void {
    this.#generations.abandon(number);
  }

  /** What another worker counted. */
  takeSpent(report: SpentReport): void {
    this.#rates.take(report);
  }

  /** What is known of revocation, for new and for open connections. Throws where a CRL that is named never came. */
  takeCrls(message: CrlMessage): void {
    if (this.#generations.takeCrls(message) && this.#active.find() !== undefined) this.#connections.reEvaluate();
  }

  /** What another worker learned from its clients (DER): a session that began there may be resumed here. */
  addIntermediate(der: Buffer): void {
    this.#intermediates.add(readFacts(der));
  }

  /** The OCSP response to serve for a certificate of ours (SHA-256, hexadecimal) from now on. */
  setStaple(sha256: string, staple: Staple | undefined): void {
    this.#staples.set(sha256, staple);
  }

  /** What a CA that validates is to find here from now on, and nothing else. */
  setChallenges(answers: readonly ChallengeAnswer[]): void {
    this.#challenges.set(answers);
  }

  /** By which the gateway's own attempts are known. */
  setSelfTestKey(key: Uint8Array): void {
    this.#selfTests.setKey(key);
  }

  /** Opens the entry points that have a port. Throws the system's error where that fails. */
  async listen(ports: ListenPorts): Promise<void> {
    const { config } = this.#active.get().loaded;
    const { clock, reusePort } = this.#options;
    const entryPoints = new EntryPoints({ clock, reusePort, futile: this.#services.get().services.futile });
    this.#entryPoints = entryPoints;
    for (const point of listEntryPoints(config.entryPoints)) {
      const port = ports[point.name];
      if (port === undefined) continue;
      if (point.tls) await this.#openSecure(entryPoints, point, port, config);
      else await this.#openPlain(entryPoints, point, port);
    }
    await this.#passOn(ports, entryPoints.connections);
    this.#process.watch(this.#metrics.of, clock);
  }

  /** Ports that were settled at start, and are in the configuration still. */
  async #passOn(ports: ListenPorts, connections: ClientCounts): Promise<void> {
    const { config } = this.#active.get().loaded;
    const listeners = config.entryPoints.passThrough.listeners.filter(({ name }) => ports[name] !== undefined);
    if (listeners.length === 0) return;
    const { clock, reusePort } = this.#options;
    const { resolver, reports, services } = this.#services.get();
    const { accessLog } = services;
    const metrics = this.#metrics.of;
    const rules = (): AdmissionRules => this.#active.get().downstreamAt('web');
    const shared = { clock, deadlines: this.#deadlines, resolver, random: Math.random, accessLog, metrics, reports };
    this.#passThrough = new PassThrough({ ...shared, connections, rules });
    this.#passThrough.follow(config);
    for (const { name, host, port } of listeners)
      await this.#passThrough.listen({ name, host, port: ports[name] ?? port }, reusePort);
  }

  async #openSecure(
    entryPoints: EntryPoints,
    { name, host }: NamedEntryPoint,
    port: number,
    { trustRecord, store }: GatewayConfig,
  ): Promise<void> {
    const services = this.#services.get();
    const { reports } = services;
    const { failures } = this.#options;
    await entryPoints.openSecure(host, port, {
      clock: this.#options.clock,
      deadlines: this.#deadlines,
      challenges: this.#challenges,
      selfTests: this.#selfTests,
      log: services.logger,
      metrics: this.#metrics.of,
      intermediates: this.#intermediates,
      ocsp: this.#ocsp.ocsp,
      onVerified: trustRecord.enabled ? this.#options.onVerified : undefined,
      onFailure: store && failures && ((record) => failures.noteClient(record)),
      current: () => this.#active.get().downstreamAt(name),
      onConnection: (socket, peer, transport) => this.#clients.serve({ socket, transport }, peer, name, services),
      onDefect: (error) => reports.onDefect(error),
    });
  }

  async #openPlain(entryPoints: EntryPoints, { name, host }: NamedEntryPoint, port: number): Promise<void> {
    const services = this.#services.get();
    const { reports } = services;
    await entryPoints.openPlain(host, port, {
      clock: this.#options.clock,
      deadlines: this.#deadlines,
      rules: () => this.#active.get().downstreamAt(name),
      onConnection: (socket, address) =>
        this.#clients.serve({ socket, transport: socket }, peerOfPlainConnection(address), name, services),
      onTurnedAway: () => reports.onTurnedAway(name),
      onRefused: (address, refused) => reports.onConnectionRefused(name, address, refused),
    });
  }

  snapshot(): MetricsSnapshot {
    const { of } = this.#metrics;
    const services = this.#services.find();
    this.#connections.setGauges();
    this.#passThrough?.setGauges();
    const generation = this.#active.find();
    if (generation !== undefined) setBackendGauges(of, generation, services?.reports.observed);
    services?.setGauges();
    this.#process.set(of);
    return this.#metrics.snapshot();
  }

  /** What this worker serves, and how its backends are; undefined before the first configuration. */
  observe(): Observation | undefined {
    const generation = this.#active.find();
    return generation && observe(generation, this.#services.find()?.reports.handshakes);
  }

  /** Logs what must not have happened. */
  reportDefect(error: unknown): void {
    const services = this.#services.find();
    if (services !== undefined) services.reports.onDefect(error);
    else writeLastWords(`internal error before the first configuration: ${String(error)}\n`);
  }

  /** After a rotation. What cannot be reopened keeps its old file, and says so. */
  reopenLogs(): void {
    this.#services.find()?.reopenLogs();
  }

  /** Stops accepting, lets what runs finish within drainMs, then closes what is left. */
  async drain(): Promise<void> {
    await drain({
      clock: this.#options.clock,
      entryPoints: this.#entryPoints,
      clients: this.#clients,
      connections: this.#connections,
      passThrough: this.#passThrough,
      drainMs: () => this.#active.find()?.loaded.config.timeouts.drainMs ?? 0,
    });
    this.#active.find()?.close();
    this.#entryPoints?.flushRefusals();
    await this.#services.find()?.close();
  }
}

/** Never throws, and leaves no stream behind that could: who reads standard error may be gone, and saying so would be a defect again. */
function writeLastWords(text: string): void {
  try {
    writeSync(2, text);
  } catch {
    // Nobody is there to read it.
  }
}
