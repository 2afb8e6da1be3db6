// One worker's gateway: the current generation, the entry points, the open connections. Generations are prepared
// completely, then swapped in by one assignment; requests that run keep the one that they began with.
import { randomUUID } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { Deadlines } from '../base/deadline.ts';
import { Slices } from '../base/slices.ts';
import type { GatewayConfig } from '../config/gateway-config.ts';
import type { DownstreamState, VerifiedClient } from '../downstream/dependencies.ts';
import { Intermediates } from '../trust/intermediates.ts';
import { type Peer, peerOfPlainSocket } from '../downstream/peer.ts';
import { type AcceptedSocket, ClientProtocols } from '../downstream/protocols.ts';
import { reEvaluate } from '../downstream/re-evaluate.ts';
import { type Staple, Staples } from '../ocsp/staples.ts';
import type { TicketSeed } from '../downstream/ticket-secret.ts';
import { lookupBy } from '../dns/lookup-function.ts';
import { Client } from '../flow/client.ts';
import { Serve } from '../flow/serve.ts';
import { FieldNames } from '../http/field.ts';
import { defaultHttpLimits, lingerMs, type ServerTimeouts } from '../http/limits.ts';
import { DateField } from '../http1/date-field.ts';
import { ReadBuffers } from '../http1/read-buffer.ts';
import { BufferPool } from '../http1/buffer-pool.ts';
import { Forwarding } from '../forwarding/forwarding.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { Metrics, type MetricsSnapshot } from '../telemetry/metrics.ts';
import type { DrainingPool } from '../upstream/dependencies.ts';
import { Pools } from '../upstream/pools.ts';
import { BackendProtocols } from '../upstream/protocols.ts';
import { labelsOf, setBackendGauges } from './backend-gauges.ts';
import { ClientOcsp } from '../ocsp/client-ocsp.ts';
import { type CrlMessage, CrlSubscriber } from '../crl/subscriber.ts';
import { EntryPoints, type ListenPorts } from '../downstream/entry-points.ts';
import { Generation } from './generation.ts';
import { WorkerServices } from './worker-services.ts';
import type { LoadedRules } from '../loading/loaded.ts';
import { OpenConnections } from './open-connections.ts';
import { TicketRotation } from '../downstream/ticket-rotation.ts';

export type GatewayOptions = {
  readonly clock: Clock;
  /** Share the ports with other processes (SO_REUSEPORT). */
  readonly reusePort: boolean;
  /** DER of an intermediate that a client sent and whose chain was verified: the other workers should know it. */
  readonly onIntermediate: (der: Buffer) => void;
  /** Every client that got as far as a verdict, where the configuration of the start keeps a record of them. */
  readonly onVerified?: (verified: VerifiedClient) => void;
};

/** Time that a draining worker gives to connections which were accepted but have asked nothing yet. */
const pendingMs = 2_000;

export class Gateway {
  /** What is known of revocation, beside the generations (decision 0012). */
  readonly #crls = new CrlSubscriber();
  readonly #options: GatewayOptions;
  readonly #clock: Clock;
  readonly #deadlines: Deadlines;
  readonly #names = new FieldNames();
  readonly #date: DateField;
  readonly #buffers = new BufferPool();
  readonly #readBuffers = new ReadBuffers();
  readonly #clientProtocols = new ClientProtocols();
  readonly #backendProtocols = new BackendProtocols();
  readonly #drainingPools = new Set<DrainingPool>();
  readonly #metrics = new Metrics();
  readonly #intermediates: Intermediates;
  readonly #connections: OpenConnections;
  readonly #ocsp: ClientOcsp;
  readonly #rotation: TicketRotation;
  readonly #staples: Staples;
  readonly #prepared = new Map<number, Generation>();
  /** What was asked for last; one that is building and was not, ends at its next pause. */
  #wished: { readonly number: number } | undefined;
  #building: Promise<unknown> = Promise.resolve();
  /** How often CRLs were put active. */
  #crlLists = 0;
  #workerServices: WorkerServices | undefined;
  #generation: Generation | undefined;
  #entryPoints: EntryPoints | undefined;
  #draining = false;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#deadlines = new Deadlines(options.clock);
    const policies = () => this.#current().policies;
    const trust = { policies, ocsp: () => this.#ocsp.checker };
    this.#connections = new OpenConnections(options.clock, this.#metrics.of, trust, (one) =>
      this.#workerServices?.reports.onClientsDistrusted(one),
    );
    this.#ocsp = new ClientOcsp({
      clock: options.clock,
      metrics: this.#metrics.of,
      lookup: lookupBy(() => this.#services().resolver),
      policies,
      peers: () => this.#connections.peers(),
      reEvaluate: () => this.#connections.reEvaluate(),
      onSoftFail: (pass) => this.#workerServices?.reports.onOcspSoftPass(pass),
    });
    this.#rotation = new TicketRotation(options.clock);
    this.#staples = new Staples(options.clock);
    this.#date = new DateField(options.clock);
    this.#intermediates = new Intermediates(({ der }) => options.onIntermediate(der));
  }

  /**
   * Builds a generation beside the current one, in slices: requests are served meanwhile. Rejects where it cannot be built, or
   * is abandoned on the way; nothing has changed then. One after the other, however many are asked for.
   */
  async prepare(number: number, loaded: LoadedRules, ticketSeed: TicketSeed): Promise<void> {
    const wish = { number };
    this.#wished = wish;
    const mine = this.#building.then(async () => this.#prepare(loaded, ticketSeed, wish));
    this.#building = mine.catch(() => {});
    return mine;
  }

  async #prepare(loaded: LoadedRules, ticketSeed: TicketSeed, wish: { readonly number: number }): Promise<void> {
    const { number } = wish;
    const { reports, budget, resolver } = (this.#workerServices ??= this.#settle(loaded.config));
    const forwarding = new Forwarding(loaded.config.proxy, randomUUID);
    const before = this.#generation;
    const pools = new Pools(
      {
        clock: this.#clock,
        deadlines: this.#deadlines,
        random: Math.random,
        names: this.#names,
        resolver,
        limits: defaultHttpLimits,
        readBuffers: this.#readBuffers,
        protocols: this.#backendProtocols,
        draining: this.#drainingPools,
        events: reports,
      },
      budget,
      before?.pools,
    );
    const metrics = this.#metrics.of;
    try {
      const now = this.#clock.now();
      const crls = this.#crls;
      const staples = this.#staples;
      const input = { number, loaded, ticketSeed, now, crls, staples, forwarding, pools, metrics };
      const listed = this.#crlLists;
      const isWanted = (): boolean => this.#wished === wish;
      const generation = await Generation.build(input, new Slices(this.#clock), before, isWanted);
      // What came while it was built went to the others only.
      if (listed !== this.#crlLists) generation.replaceCrls(crls);
      this.#prepared.get(number)?.close();
      this.#prepared.set(number, generation);
    } catch (error) {
      // What it had begun must not live on for ever: probes of its backends, its hold on pools that others still use.
      pools.close();
      throw error;
    }
  }

  /** From now on requests get this generation; connections whose policy changed are re-evaluated. Throws where it was not prepared. */
  commit(number: number): void {
    const next = this.#prepared.get(number);
    if (next === undefined) throw new RangeError(`generation ${number} was not prepared`);
    this.#prepared.clear();
    const before = this.#generation;
    this.#generation = next;
    this.#rotation.follow(next, next.loaded.config.tls.sessionResumption.rotationMs);
    this.#metrics.of.configGeneration.labels({}).set(number);
    this.#ocsp.follow(next.policies);
    this.#workerServices?.resolver.configure(next.loaded.config.dns);
    if (before === undefined) return;
    this.#connections.reEvaluate();
    before.close();
  }

  abandon(number: number): void {
    if (this.#wished?.number === number) this.#wished = undefined;
    this.#prepared.get(number)?.close();
    this.#prepared.delete(number);
  }

  /** What is known of revocation, for new and for open connections. Throws where a CRL that is named never came. */
  takeCrls(message: CrlMessage): void {
    if (!this.#crls.take(message)) return;
    this.#crlLists++;
    for (const generation of this.#prepared.values()) generation.replaceCrls(this.#crls);
    this.#generation?.replaceCrls(this.#crls);
    if (this.#generation !== undefined) this.#connections.reEvaluate();
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
    const workerServices = this.#workerServices;
    const generation = this.#generation;
    if (workerServices === undefined || generation === undefined) throw new Error('no generation was committed');
    const { entryPoints: addresses, trustRecord } = generation.loaded.config;
    const { logger } = workerServices;
    const { reusePort, onVerified } = this.#options;
    const entryPoints = new EntryPoints({ clock: this.#clock, reusePort, addresses });
    this.#entryPoints = entryPoints;
    if (ports.webSecure !== undefined) {
      await entryPoints.openSecure(ports.webSecure, {
        clock: this.#clock,
        deadlines: this.#deadlines,
        log: logger,
        metrics: this.#metrics.of,
        intermediates: this.#intermediates,
        ocsp: this.#ocsp.ocsp,
        onVerified: trustRecord.enabled ? onVerified : undefined,
        current: () => this.#downstreamState(),
        onConnection: (socket, peer, transport) => this.#serve({ socket, transport }, peer, workerServices),
        onDefect: workerServices.services.onDefect,
      });
    }
    if (ports.web !== undefined) {
      await entryPoints.openPlain(ports.web, {
        onConnection: (socket) => this.#serve({ socket, transport: socket }, peerOfPlainSocket(socket), workerServices),
        onTurnedAway: () => workerServices.reports.onTurnedAway('web'),
      });
    }
  }

  snapshot(): MetricsSnapshot {
    const { of } = this.#metrics;
    const { secure, plain } = this.#connections.count();
    of.connectionsActive.labels({ entry_point: 'webSecure' }).set(secure);
    of.connectionsActive.labels({ entry_point: 'web' }).set(plain);
    of.sessionsRevoked.labels({}).set(this.#connections.countRevoked());
    if (this.#generation !== undefined) setBackendGauges(of, this.#generation, this.#workerServices?.reports.observed);
    this.#workerServices?.setGauges();
    return this.#metrics.snapshot();
  }

  /** Logs what must not have happened. */
  reportDefect(error: unknown): void {
    if (this.#workerServices !== undefined) this.#workerServices.reports.onDefect(error);
    else process.stderr.write(`internal error before the first configuration: ${String(error)}\n`);
  }

  /** After a rotation. What cannot be reopened keeps its old file, and says so. */
  reopenLogs(): void {
    this.#workerServices?.reopenLogs();
  }

  /** Stops accepting, lets what runs finish within drainMs, then closes what is left. */
  async drain(): Promise<void> {
    await this.#entryPoints?.emptyQueues();
    this.#draining = true;
    const allGone = this.#entryPoints?.close();
    this.#connections.drainAfterFirst();
    const drainMs = this.#generation?.loaded.config.timeouts.drainMs ?? 0;
    const cancel = this.#clock.after(drainMs, () => this.#connections.destroyAll());
    // The drain must end by itself even if nothing else keeps the process alive.
    const keepAlive = setInterval(() => {}, 1_000);
    await Promise.race([allGone, this.#drainWithoutPending(Math.min(drainMs, pendingMs))]);
    cancel();
    clearInterval(keepAlive);
    this.#generation?.close();
    this.#entryPoints?.flushRefusals();
    await this.#workerServices?.close();
  }

  /** Gives handshakes and first requests that are under way their time, then waits for established connections only. */
  async #drainWithoutPending(afterMs: number): Promise<void> {
    await new Promise<void>((resolve) => this.#clock.after(afterMs, resolve));
    await this.#connections.drain();
  }

  #serve(accepted: AcceptedSocket, peer: Peer, { services, writes }: WorkerServices): void {
    const client = new Client(peer);
    const connection = this.#clientProtocols.open(
      accepted,
      {
        names: this.#names,
        limits: defaultHttpLimits,
        timeouts: timeoutsOf(this.#current().loaded.config),
        deadlines: this.#deadlines,
        clock: this.#clock,
        date: this.#date,
        buffers: this.#buffers,
        budget: writes,
      },
      new Serve(client, services),
      this.#connections,
    );
    this.#connections.add(connection, client);
    this.#metrics.of.connections.labels({ entry_point: peer.secure ? 'webSecure' : 'web' }).inc();
    // A handshake that began under the rules before a reload may end after it.
    const rules = { policies: this.#current().policies, now: this.#clock.now(), ocsp: this.#ocsp.checker };
    const stale = peer.secure && reEvaluate(peer, rules) !== undefined;
    if (stale) connection.dismiss();
    else if (this.#draining) connection.drainAfterFirst();
  }

  #downstreamState(): DownstreamState {
    const { policies, loaded } = this.#current();
    const { handshakeTimeoutMs, handshakesPerSecond, pendingHandshakes } = loaded.config.tls;
    return { policies, handshakeTimeoutMs, handshakesPerSecond, pendingHandshakes };
  }

  #current(): Generation {
    if (this.#generation === undefined) throw new Error('no generation was committed');
    return this.#generation;
  }

  #services(): WorkerServices {
    if (this.#workerServices === undefined) throw new Error('no generation was prepared');
    return this.#workerServices;
  }

  #settle(config: GatewayConfig): WorkerServices {
    return new WorkerServices(config, {
      clock: this.#clock,
      deadlines: this.#deadlines,
      metrics: this.#metrics,
      current: () => this.#current(),
      backendsInUse: () => (this.#generation === undefined ? new Set() : labelsOf(this.#generation.pools)),
    });
  }
}

function timeoutsOf({ timeouts }: GatewayConfig): ServerTimeouts {
  const { drainMs: _, ...ofClients } = timeouts;
  return { ...ofClients, lingerMs };
}
