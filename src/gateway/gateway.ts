// One worker's gateway: the current generation, the entry points, the open connections. Generations are prepared
// completely, then swapped in by one assignment; requests that run keep the one that they began with.
import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { Deadlines } from '../base/deadline.ts';
import type { GatewayConfig } from '../config/gateway-config.ts';
import type { EdgeState, JudgedClient } from '../edge/edge-world.ts';
import { Intermediates } from '../edge/intermediates.ts';
import type { EdgeListener } from '../edge/listener.ts';
import { type Peer, peerOfPlainSocket } from '../edge/peer.ts';
import { judgeAgain } from '../edge/rejudge.ts';
import { selfTest } from '../edge/self-test.ts';
import { type Staple, StapleBook } from '../edge/staple-book.ts';
import type { TicketSeed } from '../edge/ticket-secret.ts';
import { Client } from '../flow/client.ts';
import { RequestMetrics } from '../flow/request-metrics.ts';
import { Serve } from '../flow/serve.ts';
import type { Services } from '../flow/serving.ts';
import { FieldNames } from '../http/field.ts';
import { defaultHttpLimits, defaultServerTimeouts, type ServerTimeouts } from '../http/limits.ts';
import { DateField } from '../http1/date-field.ts';
import { Inlets } from '../http1/inlet.ts';
import { Pages } from '../http1/pages.ts';
import { Http1ServerConnection } from '../http1/server.ts';
import { Forwarding } from '../identity/forwarding.ts';
import { readFacts } from '../pki/facts-reader.ts';
import { AccessLog } from '../telemetry/access-log.ts';
import { createLogger, type OpenLogger } from '../telemetry/logger.ts';
import { Metrics, type MetricsSnapshot } from '../telemetry/metrics.ts';
import type { DrainingPool } from '../upstream/backend-world.ts';
import { IdleBudget } from '../upstream/idle-budget.ts';
import { Pools } from '../upstream/pools.ts';
import { labelsOf, setBackendGauges } from './backend-gauges.ts';
import { ClientOcsp } from './client-ocsp.ts';
import { type CrlListing, CrlStore } from './crl-store.ts';
import { type EdgeEntry, makeEdgeEntry } from './edge-entry.ts';
import { ExpiryWatch } from './expiry-watch.ts';
import { Generation } from './generation.ts';
import type { LoadedConfig } from './loaded.ts';
import { OpenConnections } from './open-connections.ts';
import { PlainListener } from './plain-listener.ts';
import { Reports } from './reports.ts';
import { TicketRotation } from './ticket-rotation.ts';

export type GatewayOptions = {
  readonly clock: Clock;
  /** Share the ports with other processes (SO_REUSEPORT). */
  readonly reusePort: boolean;
  /** DER of an intermediate that a client sent and whose chain was verified: the other workers should know it. */
  readonly onIntermediate: (der: Buffer) => void;
  /** Every client that got as far as a verdict, where the configuration of the start keeps a record of them. */
  readonly onJudged?: (judged: JudgedClient) => void;
};

export type ListenPorts = { readonly web: number | undefined; readonly webSecure: number | undefined };

/** Time that a draining worker gives to connections which were accepted but have asked nothing yet. */
const shortTurnMs = 0.15;
const maxTurns = 200;
const newcomerMs = 2_000;

/** What is made once, from the first configuration, and outlives reloads. */
type World = {
  readonly logger: OpenLogger;
  readonly reports: Reports;
  readonly accessLog: AccessLog | undefined;
  readonly services: Services;
  readonly budget: IdleBudget;
};

export class Gateway {
  /** What is known of revocation, beside the generations (decision 0012). */
  readonly crls = new CrlStore();
  readonly #options: GatewayOptions;
  readonly #clock: Clock;
  readonly #deadlines: Deadlines;
  readonly #names = new FieldNames();
  readonly #date: DateField;
  readonly #pages = new Pages();
  readonly #inlets = new Inlets();
  readonly #drainingPools = new Set<DrainingPool>();
  readonly #metrics = new Metrics();
  readonly #intermediates: Intermediates;
  readonly #connections: OpenConnections;
  readonly #ocsp: ClientOcsp;
  readonly #rotation: TicketRotation;
  readonly #staples: StapleBook;
  readonly #prepared = new Map<number, Generation>();
  #world: World | undefined;
  #generation: Generation | undefined;
  #timeouts: ServerTimeouts = defaultServerTimeouts;
  #edge: EdgeEntry | undefined;
  #web: PlainListener | undefined;
  #draining = false;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#deadlines = new Deadlines(options.clock);
    const policies = () => this.#current().policies;
    this.#connections = new OpenConnections(options.clock, this.#metrics.of, policies, () => this.#ocsp.checker);
    this.#ocsp = new ClientOcsp({
      clock: options.clock,
      metrics: this.#metrics.of,
      policies,
      peers: () => this.#connections.peers(),
      judgeAgain: () => this.#connections.judgeAgain(),
      onSoftPass: (pass) => this.#world?.reports.onOcspSoftPass(pass),
    });
    this.#rotation = new TicketRotation(options.clock);
    this.#staples = new StapleBook(options.clock);
    this.#date = new DateField(options.clock);
    this.#intermediates = new Intermediates(({ der }) => options.onIntermediate(der));
  }

  /** Builds a generation beside the current one. Throws where it cannot be built; nothing has changed then. */
  async prepare(number: number, loaded: LoadedConfig, ticketSeed: TicketSeed): Promise<void> {
    const world = (this.#world ??= this.#makeWorld(loaded.config));
    const forwarding = new Forwarding(loaded.config.proxy, randomUUID);
    const pools = new Pools(
      {
        clock: this.#clock,
        deadlines: this.#deadlines,
        random: Math.random,
        names: this.#names,
        limits: defaultHttpLimits,
        inlets: this.#inlets,
        draining: this.#drainingPools,
        events: world.reports,
      },
      world.budget,
      this.#generation?.pools,
    );
    const metrics = this.#metrics.of;
    try {
      const now = this.#clock.now();
      const { crls } = this;
      const staples = this.#staples;
      const input = { number, loaded, ticketSeed, now, crls, staples, forwarding, pools, metrics };
      this.#prepared.set(number, new Generation(input));
    } catch (error) {
      // What it had begun must not live on for ever: probes of its backends, its hold on pools that others still use.
      pools.close();
      throw error;
    }
  }

  /** From now on requests get this generation; connections whose policy changed are judged again. Throws where it was not prepared. */
  commit(number: number): void {
    const next = this.#prepared.get(number);
    if (next === undefined) throw new RangeError(`generation ${number} was not prepared`);
    this.#prepared.clear();
    const before = this.#generation;
    this.#generation = next;
    this.#rotation.follow(next, next.loaded.config.tls.sessionResumption.rotationMs);
    this.#timeouts = { ...defaultServerTimeouts, ...timeoutsOf(next.loaded.config) };
    this.#metrics.of.configGeneration.labels({}).set(number);
    this.#ocsp.follow(next.policies);
    if (before === undefined) return;
    this.#connections.judgeAgain();
    before.close();
  }

  abandon(number: number): void {
    this.#prepared.get(number)?.close();
    this.#prepared.delete(number);
  }

  /** Puts refreshed CRLs in force, for new and for open connections. Throws where one never came. */
  listCrls(listing: CrlListing): void {
    if (!this.crls.list(listing)) return;
    for (const generation of this.#prepared.values()) generation.replaceCrls(this.crls);
    this.#generation?.replaceCrls(this.crls);
    if (this.#generation !== undefined) this.#connections.judgeAgain();
  }

  /** What another worker learned from its clients (DER): a session that began there may be resumed here. */
  addIntermediate(der: Buffer): void {
    this.#intermediates.add(readFacts(der));
  }

  /** The OCSP response to serve for a certificate of ours (SHA-256, hexadecimal) from now on. */
  setStaple(sha256: string, staple: Staple | undefined): void {
    this.#staples.set(sha256, staple);
  }

  /** Opens the entry points. Throws the system's error where that fails. */
  async listen(ports: ListenPorts): Promise<void> {
    const world = this.#world;
    const generation = this.#generation;
    if (world === undefined || generation === undefined) throw new Error('no generation was committed');
    await selfTest();
    const { entryPoints } = generation.loaded.config;
    const { reusePort } = this.#options;
    if (ports.webSecure !== undefined) {
      this.#edge = makeEdgeEntry({
        clock: this.#clock,
        deadlines: this.#deadlines,
        log: world.logger,
        metrics: this.#metrics.of,
        intermediates: this.#intermediates,
        ocsp: this.#ocsp.desk,
        onJudged: generation.loaded.config.trustRecord.enabled ? this.#options.onJudged : undefined,
        current: () => this.#edgeState(),
        onConnection: (socket, peer, transport) => this.#serve(socket, transport, peer, world.services),
        onDefect: world.services.onDefect,
      });
      await this.#edge.listener.listen({ host: entryPoints.webSecure.host, port: ports.webSecure, reusePort });
    }
    if (ports.web !== undefined) {
      this.#web = new PlainListener((socket) => this.#serve(socket, socket, peerOfPlainSocket(socket), world.services));
      await this.#web.listen(entryPoints.web.host, ports.web, reusePort);
    }
  }

  snapshot(): MetricsSnapshot {
    const { of } = this.#metrics;
    const { secure, plain } = this.#connections.count();
    of.connectionsActive.labels({ entry_point: 'webSecure' }).set(secure);
    of.connectionsActive.labels({ entry_point: 'web' }).set(plain);
    of.sessionsRevoked.labels({}).set(this.#connections.countRevoked());
    if (this.#generation !== undefined) setBackendGauges(of, this.#generation, this.#world?.reports.observed);
    const dropped = this.#world?.logger.droppedLines() ?? 0;
    const counter = of.logDropped.labels({});
    counter.inc(dropped - counter.value);
    return this.#metrics.snapshot();
  }

  /** Logs what must not have happened. */
  reportDefect(error: unknown): void {
    if (this.#world !== undefined) this.#world.reports.onDefect(error);
    else process.stderr.write(`internal error before the first configuration: ${String(error)}\n`);
  }

  /** After a rotation. What cannot be opened anew keeps its old file, and says so. */
  reopenLogs(): void {
    const world = this.#world;
    for (const error of [world?.logger.reopen(), world?.accessLog?.reopen()]) {
      if (error !== undefined)
        world?.logger.error({ err: error }, 'a log file cannot be opened anew; the old one stays');
    }
  }

  /** Stops accepting, lets what runs finish within drainMs, then closes what is left. */
  async drain(): Promise<void> {
    await this.#emptyQueues();
    this.#draining = true;
    const allGone = Promise.all([closeListener(this.#edge?.listener), closeListener(this.#web)]);
    this.#connections.drainAfterFirst();
    const drainMs = this.#generation?.loaded.config.timeouts.drainMs ?? 0;
    const cancel = this.#clock.after(drainMs, () => this.#connections.destroyAll());
    // The drain must end by itself even if nothing else keeps the process alive.
    const keepAlive = setInterval(() => {}, 1_000);
    await Promise.race([allGone, this.#drainWithoutNewcomers(Math.min(drainMs, newcomerMs))]);
    cancel();
    clearInterval(keepAlive);
    this.#generation?.close();
    this.#edge?.flushRefusals();
    await this.#world?.accessLog?.close();
  }

  /**
   * Closing a listener resets what waits in its queue, and libuv accepts one connection per turn of the event loop: so it
   * waits for a short turn in which none came. What is left of the gap only the kernel can close (tcp_migrate_req).
   */
  async #emptyQueues(): Promise<void> {
    for (let turns = 0; turns < maxTurns; turns++) {
      const before = this.#clock.monotonic();
      const accepted = this.#accepted;
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#accepted === accepted && this.#clock.monotonic() - before < shortTurnMs) return;
    }
  }

  get #accepted(): number {
    return (this.#edge?.listener.accepted ?? 0) + (this.#web?.accepted ?? 0);
  }

  /** Gives handshakes and first requests that are under way their time, then waits for established connections only. */
  async #drainWithoutNewcomers(afterMs: number): Promise<void> {
    await new Promise<void>((resolve) => this.#clock.after(afterMs, resolve));
    await this.#connections.drain();
  }

  #serve(socket: Socket, transport: Socket, peer: Peer, services: Services): void {
    const client = new Client(peer);
    const connection = new Http1ServerConnection(
      socket,
      {
        names: this.#names,
        limits: defaultHttpLimits,
        timeouts: this.#timeouts,
        deadlines: this.#deadlines,
        clock: this.#clock,
        date: this.#date,
        pages: this.#pages,
        secure: peer.secure,
        transport,
      },
      new Serve(client, services),
    );
    this.#connections.add(socket, connection, client);
    this.#metrics.of.connections.labels({ entry_point: peer.secure ? 'webSecure' : 'web' }).inc();
    // A handshake that began under the rules before a reload may end after it.
    const rules = { policies: this.#current().policies, now: this.#clock.now(), ocsp: this.#ocsp.checker };
    const stale = peer.secure && judgeAgain(peer, rules) !== undefined;
    if (stale) connection.dismiss();
    else if (this.#draining) connection.drainAfterFirst();
  }

  #edgeState(): EdgeState {
    const { policies, loaded } = this.#current();
    const { handshakeTimeoutMs, handshakesPerSecond } = loaded.config.tls;
    return { policies, handshakeTimeoutMs, handshakesPerSecond };
  }

  #current(): Generation {
    if (this.#generation === undefined) throw new Error('no generation was committed');
    return this.#generation;
  }

  #makeWorld(config: GatewayConfig): World {
    const { level, format, file } = config.log;
    const logger = createLogger({ level, format, file });
    const reports = new Reports(this.#clock, logger, this.#metrics);
    const inUse = () => (this.#generation === undefined ? new Set<string>() : labelsOf(this.#generation.pools));
    new ExpiryWatch(this.#clock, logger, () => reports.observed.list(inUse())).start();
    const { enabled, path, sample } = config.accessLog;
    const dropped = this.#metrics.of.accessLogDropped.labels({});
    const accessLog = enabled
      ? new AccessLog({ path, sample, clock: this.#clock, dropped, random: Math.random })
      : undefined;
    const services: Services = {
      clock: this.#clock,
      deadlines: this.#deadlines,
      accessLog,
      metrics: new RequestMetrics(this.#metrics.of),
      onDefect: (error) => reports.onDefect(error),
      onFault: (report) => reports.onFault(report),
      current: () => this.#current(),
    };
    return { logger, reports, accessLog, services, budget: new IdleBudget(config.transport.maxIdleConns) };
  }
}

/** Resolves when the listener and every connection that it accepted are gone. */
async function closeListener(listener: EdgeListener | PlainListener | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (listener === undefined) resolve();
    else listener.close(resolve);
  });
}

function timeoutsOf({ timeouts }: GatewayConfig): Partial<ServerTimeouts> {
  const { headMs, stallMs, idleMs, requestMs } = timeouts;
  return { headMs, stallMs, idleMs, requestMs };
}
