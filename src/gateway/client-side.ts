// HTTP on the connections of clients: what one worker has once for all of them, and the beginning of each. Which ones are open
// is open-connections.ts.
import type { Clock } from '../base/clock.ts';
import type { Deadlines } from '../base/deadline.ts';
import type { GatewayConfig } from '../config/gateway-config.ts';
import type { Peer } from '../downstream/peer.ts';
import {
  type AcceptedSocket,
  type ClientProtocolOptions,
  ClientProtocols,
  http2Protocol,
} from '../downstream/protocols.ts';
import { reEvaluate } from '../downstream/re-evaluate.ts';
import { Client } from '../flow/client.ts';
import { Serve } from '../flow/serve.ts';
import type { FieldNames } from '../http/field.ts';
import { defaultHttpLimits, lingerMs, type ServerTimeouts } from '../http/limits.ts';
import { BufferPool } from '../http/buffer-pool.ts';
import { DateField } from '../http/date-field.ts';
import type { WriteBudget } from '../http/write-budget.ts';
import type { TurnEnd } from '../http/turn-end.ts';
import type { Http2Shared } from '../http2/shared.ts';
import type { OcspChecker } from '../ocsp/checker.ts';
import type { MetricCatalogue } from '../telemetry/metrics.ts';
import type { ActiveGeneration } from './active-generation.ts';
import type { OpenConnections } from './open-connections.ts';
import type { WorkerServices } from './worker-services.ts';

export type ClientSideOptions = {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly names: FieldNames;
  readonly metrics: MetricCatalogue;
  readonly active: ActiveGeneration;
  readonly connections: OpenConnections;
  readonly ocsp: OcspChecker;
  readonly turn: TurnEnd;
  readonly http2: Http2Shared;
};

export class ClientSide {
  readonly #options: ClientSideOptions;
  readonly #date: DateField;
  readonly #buffers = new BufferPool();
  readonly #protocols = new ClientProtocols([http2Protocol]);
  #draining = false;
  /** What connections began with last, and under which configuration. */
  #last: { readonly config: GatewayConfig; readonly options: ClientProtocolOptions } | undefined;

  constructor(options: ClientSideOptions) {
    this.#options = options;
    this.#date = new DateField(options.clock);
  }

  get isDraining(): boolean {
    return this.#draining;
  }

  /** From now on a connection that comes is served one request, if it asks in time. */
  drain(): void {
    this.#draining = true;
  }

  /** Serves a connection with a verdict, in the protocol that was agreed on. */
  serve(accepted: AcceptedSocket, peer: Peer, entryPoint: string, { services, writes }: WorkerServices): void {
    const { clock, metrics, active, connections, ocsp } = this.#options;
    const client = new Client(peer, entryPoint);
    const { config } = active.get().loaded;
    const connection = this.#protocols.open(
      accepted,
      this.#optionsFor(config, writes),
      new Serve(client, services),
      connections,
    );
    connections.add(connection, client);
    if (peer.isSelfTest !== true) metrics.connections.labels({ entry_point: entryPoint }).inc();
    // A handshake that began under the rules before a reload may end after it.
    const rules = { policies: active.get().policies, now: clock.now(), ocsp };
    const stale = peer.secure && reEvaluate(peer, rules) !== undefined;
    if (stale) connection.dismiss();
    else if (this.#draining) connection.drainAfterFirst();
  }

  /** The same object for all connections that begin under one configuration: each holds on to it. */
  #optionsFor(config: GatewayConfig, budget: WriteBudget): ClientProtocolOptions {
    const last = this.#last;
    if (last?.config === config && last.options.budget === budget) return last.options;
    const { clock, deadlines, names, turn, http2 } = this.#options;
    const options = {
      names,
      limits: defaultHttpLimits,
      timeouts: timeoutsOf(config),
      deadlines,
      clock,
      date: this.#date,
      buffers: this.#buffers,
      budget,
      turn,
      http2,
      maxConcurrentStreams: config.http2.maxConcurrentStreams,
      priorKnowledge: config.http2.enabled,
    };
    this.#last = { config, options };
    return options;
  }
}

/** Those of the active configuration, for a connection that begins. */
function timeoutsOf({ timeouts }: GatewayConfig): ServerTimeouts {
  const { drainMs: _, ...ofClients } = timeouts;
  return { ...ofClients, lingerMs };
}
