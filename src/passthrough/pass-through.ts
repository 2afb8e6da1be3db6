// The ports of one worker that pass connections on (`entryPoints.passThrough`). Which ports there are is settled at start; where
// their connections go, and for how long, follows each configuration. Connections keep what they began with.
import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { Deadlines } from '../base/deadline.ts';
import type { GatewayConfig } from '../config/gateway-config.ts';
import type { AdmissionRules, RefusedAdmission } from '../downstream/admission.ts';
import type { ClientCounts } from '../downstream/client-counts.ts';
import type { Address } from '../downstream/peer.ts';
import { connectionsWithin, findDescriptorLimit } from '../downstream/descriptors.ts';
import { PlainListener } from '../downstream/plain-listener.ts';
import type { NameResolver } from '../dns/name-resolver.ts';
import type { AccessLog } from '../telemetry/access-log.ts';
import type { Fault } from '../base/fault.ts';
import type { MetricCatalogue } from '../telemetry/metrics.ts';
import type { ConnectTimes } from '../upstream/dependencies.ts';
import { type PassedEnd, PassedConnection, type PassedOwner, type PassedTimes } from './connection.ts';
import { Targets } from './target.ts';

/** Label of metrics and `route` of log lines. */
const entryPoint = 'passThrough';
/** AccessRecord.version: no HTTP. */
const tcp = 1;

/** Where a port listens, as it was settled at start. */
export type PassThroughPort = { readonly name: string; readonly host: string; readonly port: number };

export type PassThroughOptions = {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly resolver: NameResolver;
  /** Shared by the entry points of a worker. */
  readonly connections: ClientCounts;
  readonly rules: () => AdmissionRules;
  readonly random: () => number;
  readonly accessLog: AccessLog | undefined;
  readonly metrics: MetricCatalogue;
  readonly reports: PassThroughReports;
};

/** Told as it happens: must not throw. */
export interface PassThroughReports {
  onBackendConnected(label: string, verdict: undefined, times: ConnectTimes): void;
  onBackendConnectFailure(label: string, fault: Fault, times: ConnectTimes): void;
  /** A fault that is not the client's. */
  onPassThroughFault(fault: Fault, target: string): void;
  onTurnedAway(entryPoint: string): void;
  onConnectionRefused(entryPoint: string, address: Address, refused: RefusedAdmission): void;
}

export class PassThrough implements PassedOwner {
  readonly #options: PassThroughOptions;
  readonly #open = new Set<PassedConnection>();
  readonly #listeners: PlainListener[] = [];
  #targets = new Map<string, Targets>();
  #times: PassedTimes = { helloMs: 0, connectMs: 0, idleMs: 0 };
  #maxConnections = 0;
  #onEmpty: (() => void) | undefined;

  constructor(options: PassThroughOptions) {
    this.#options = options;
  }

  /** New connections go where this configuration says from now on. */
  follow({ entryPoints, tls }: Pick<GatewayConfig, 'entryPoints' | 'tls'>): void {
    const { listeners, connectMs, idleMs, maxConnections } = entryPoints.passThrough;
    this.#times = { helloMs: tls.handshakeTimeoutMs, connectMs, idleMs };
    this.#maxConnections = maxConnections;
    const before = this.#targets;
    this.#targets = new Map(listeners.map(({ name, forwards }) => [name, new Targets(forwards, this.#options)]));
    for (const targets of before.values()) targets.close();
  }

  /** Rejects with the system's error. */
  async listen({ name, host, port }: PassThroughPort, reusePort: boolean): Promise<void> {
    const { clock, deadlines, connections, rules, reports } = this.#options;
    const listener = new PlainListener({
      clock,
      deadlines,
      connections,
      // Balancers with PROXY headers are for the ports of HTTP.
      rules: () => ({ ...rules(), proxySources: undefined }),
      // As at start: `follow` comes before.
      maxConnections: connectionsWithin(findDescriptorLimit(), this.#maxConnections),
      allowHalfOpen: true,
      onConnection: (socket, address) => this.#accept(name, socket, address),
      onRefused: (address, refused) => reports.onConnectionRefused(entryPoint, address, refused),
      onTurnedAway: () => reports.onTurnedAway(entryPoint),
    });
    this.#listeners.push(listener);
    await listener.listen(host, port, reusePort);
  }

  #accept(name: string, socket: Socket, address: Address): void {
    const targets = this.#targets.get(name);
    if (targets === undefined) {
      // A reload took the forward away: the port itself stays until the next start.
      socket.resetAndDestroy();
      return;
    }
    const connection = new PassedConnection(socket, address, targets, this.#times, this.#options, this);
    this.#open.add(connection);
    this.#options.metrics.connections.labels({ entry_point: entryPoint }).inc();
    connection.begin();
  }

  // --- of each connection

  onConnected(target: string, times: ConnectTimes): void {
    this.#options.reports.onBackendConnected(target, undefined, times);
  }

  onConnectFailure(target: string, fault: Fault, times: ConnectTimes): void {
    this.#options.reports.onBackendConnectFailure(target, fault, times);
  }

  onOver(connection: PassedConnection, end: PassedEnd): void {
    this.#open.delete(connection);
    const { metrics, reports } = this.#options;
    const { fault, target } = end;
    if (end.receivedBytes > 0) this.#count(target, 'received', end.receivedBytes);
    if (end.sentBytes > 0) this.#count(target, 'sent', end.sentBytes);
    if (fault !== undefined) {
      metrics.faults.labels({ code: fault.code, source: fault.source }).inc();
      if (fault.source === 'backend') reports.onPassThroughFault(fault, target);
    }
    this.#log(end);
    if (this.#open.size === 0) this.#onEmpty?.();
  }

  #count(target: string, direction: 'received' | 'sent', bytes: number): void {
    this.#options.metrics.passThroughBytes.labels({ backend: target, direction }).inc(bytes);
  }

  #log({ peer, serverName, target, fault, durationMs, receivedBytes, sentBytes }: PassedEnd): void {
    const { accessLog, clock } = this.#options;
    accessLog?.write({
      time: clock.now(),
      requestId: '',
      client: accessLog.fields.describePeer(peer),
      method: '',
      host: serverName,
      target: '',
      version: tcp,
      status: 0,
      grpcStatus: undefined,
      code: fault?.code ?? '',
      rule: '',
      detail: fault?.detail ?? '',
      route: `${entryPoint}:${peer.localPort}`,
      backend: target,
      backendCertificate: '',
      durationMs,
      receivedBytes,
      sentBytes,
    });
  }

  setGauges(): void {
    if (this.#listeners.length > 0)
      this.#options.metrics.connectionsActive.labels({ entry_point: entryPoint }).set(this.#open.size);
  }

  // --- the end

  /** Stops accepting. */
  close(): void {
    for (const listener of this.#listeners) listener.close();
  }

  /** Resolves when the last connection is over. */
  async drained(): Promise<void> {
    if (this.#open.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  destroyAll(why: Fault): void {
    for (const connection of this.#open) connection.destroy(why);
  }
}
