// Opens connections for one pool: starts attempts, keeps the TLS sessions, wraps what comes up into pooled connections.
import type { Fault } from '../base/fault.ts';
import type { OpenSocket } from '../http1/read-buffer.ts';
import type { Verdict } from '../trust/verdict.ts';
import type { BackendWorld, ConnectTimes } from './dependencies.ts';
import { ConnectAttempt, type ConnectListener, type ConnectTarget } from './connect.ts';
import { type Endpoint, endpointLabel } from './endpoint.ts';
import type { PoolSettings } from './pool-settings.ts';
import { type ConnectionKeeper, PooledConnection } from './pooled-connection.ts';
import { Tickets } from './tickets.ts';
import type { TlsIdentity } from './tls-identity.ts';
import type { TransportSituation } from './transport-failure.ts';

/** What came up may carry one call or many: its protocol is known now, not when it was asked for. */
export interface DialListener {
  onDialed(connection: PooledConnection): void;
  onDialFailure(fault: Fault): void;
}

export type DialerOptions = {
  readonly endpoint: Endpoint;
  readonly identity: TlsIdentity | undefined;
  readonly settings: PoolSettings;
  readonly world: BackendWorld;
  readonly keeper: ConnectionKeeper;
};

export class Dialer {
  readonly target: ConnectTarget;
  readonly label: string;
  readonly world: BackendWorld;
  /** Attempts under way. */
  dialing = 0;
  readonly #keeper: ConnectionKeeper;
  readonly #situation: TransportSituation;

  constructor({ endpoint, identity, settings, world, keeper }: DialerOptions) {
    const { connectMs, handshakeMs } = settings;
    const tickets = identity === undefined ? undefined : new Tickets();
    const { clock, inlets } = world;
    const alpn = world.protocols.names;
    this.target = { endpoint, identity, tickets, clock, inlets, alpn, connectMs, handshakeMs };
    this.label = endpointLabel(endpoint);
    this.world = world;
    this.#keeper = keeper;
    this.#situation = {
      label: this.label,
      phase: 'open',
      offersCertificate: identity?.offersCertificate === true,
      sawBackendCertificate: true,
      offered: identity?.offered ?? '',
    };
  }

  /** Starts one attempt; the listener is called once, later. */
  dial(listener: DialListener): void {
    this.dialing += 1;
    new Dial(this, listener).start();
  }

  wrap(open: OpenSocket, verdict: Verdict | undefined): PooledConnection {
    const standing = this.target.identity?.verify === true ? verdict : undefined;
    return new PooledConnection(open, standing, this.#situation, this.world, this.#keeper);
  }
}

class Dial implements ConnectListener {
  readonly #dialer: Dialer;
  readonly #listener: DialListener;

  constructor(dialer: Dialer, listener: DialListener) {
    this.#dialer = dialer;
    this.#listener = listener;
  }

  start(): void {
    new ConnectAttempt(this.#dialer.target, this).start();
  }

  onConnected(open: OpenSocket, verdict: Verdict | undefined, times: ConnectTimes): void {
    const { world, label } = this.#dialer;
    this.#dialer.dialing -= 1;
    world.events.onBackendConnected(label, verdict, times);
    if (verdict?.leaf !== undefined) world.events.onBackendCertificate(label, verdict.leaf);
    this.#listener.onDialed(this.#dialer.wrap(open, verdict));
  }

  onConnectFailure(fault: Fault, times: ConnectTimes): void {
    const { world, label } = this.#dialer;
    this.#dialer.dialing -= 1;
    world.events.onBackendConnectFailure(label, fault, times);
    this.#listener.onDialFailure(fault);
  }
}
