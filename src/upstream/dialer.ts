// Opens connections for one pool: starts attempts, keeps the TLS sessions, wraps what comes up into pooled connections.
import type { Fault } from '../base/fault.ts';
import type { OpenSocket } from '../http/read-buffer.ts';
import { writeProxyHeader } from '../proxy-protocol/writer.ts';
import type { Verdict } from '../trust/verdict.ts';
import type { UpstreamDependencies, ConnectTimes } from './dependencies.ts';
import type { Addresses } from './addresses.ts';
import { ConnectAttempt, type ConnectListener, type ConnectTarget } from './connect.ts';
import { type Endpoint, endpointLabel } from './endpoint.ts';
import type { PoolSettings } from './pool-settings.ts';
import { type PooledConnectionOwner, PooledConnection } from './pooled-connection.ts';
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
  readonly addresses: Addresses;
  readonly identity: TlsIdentity | undefined;
  readonly settings: PoolSettings;
  readonly dependencies: UpstreamDependencies;
  readonly owner: PooledConnectionOwner;
  /** Of the pool that this one is a part of. */
  readonly parent?: Dialer | undefined;
  /** What its connections begin with; else, where the settings ask for one, that nobody is behind them. */
  readonly header?: Buffer | undefined;
};

export class Dialer {
  readonly target: ConnectTarget;
  readonly label: string;
  readonly dependencies: UpstreamDependencies;
  /** Attempts under way. */
  dialing = 0;
  readonly #owner: PooledConnectionOwner;
  readonly #situation: TransportSituation;

  constructor(options: DialerOptions) {
    const { endpoint, addresses, identity, settings, dependencies, owner, parent } = options;
    const { connectMs, handshakeMs, http1Only, proxyProtocol } = settings;
    const tickets = identity === undefined ? undefined : (parent?.target.tickets ?? new Tickets());
    const header = options.header ?? (proxyProtocol && writeProxyHeader(proxyProtocol, undefined));
    const { clock, readBuffers, intermediates } = dependencies;
    const alpn = dependencies.protocols.offered(http1Only === true ? 'off' : (identity?.http2 ?? 'off'));
    const ours = { clock, readBuffers, intermediates };
    this.target = { ...ours, endpoint, addresses, identity, tickets, alpn, connectMs, handshakeMs, header };
    this.label = endpointLabel(endpoint);
    this.dependencies = dependencies;
    this.#owner = owner;
    this.#situation = {
      label: this.label,
      phase: 'open',
      presents: identity?.presents,
      sawBackendCertificate: true,
      offered: identity?.offered ?? '',
    };
  }

  /** Starts one attempt, to any address or to this one only; the listener is called once, later. */
  dial(listener: DialListener, only?: string): void {
    this.dialing += 1;
    const dial = new Dial(this, listener, only);
    this.dependencies.dials.take(() => dial.start());
  }

  wrap(open: OpenSocket, address: string, verdict: Verdict | undefined): PooledConnection {
    const standing = this.target.identity?.verify === true ? verdict : undefined;
    const shown = { certificate: verdict?.leaf, standing };
    return new PooledConnection(open, address, shown, this.#situation, this.dependencies, this.#owner);
  }
}

class Dial implements ConnectListener {
  readonly #dialer: Dialer;
  readonly #listener: DialListener;
  readonly #attempt: ConnectAttempt;

  constructor(dialer: Dialer, listener: DialListener, only: string | undefined) {
    this.#dialer = dialer;
    this.#listener = listener;
    this.#attempt = new ConnectAttempt(dialer.target, this, only);
  }

  start(): void {
    this.#attempt.start();
  }

  onConnected(open: OpenSocket, verdict: Verdict | undefined, times: ConnectTimes): void {
    const { dependencies, label } = this.#dialer;
    this.#dialer.dialing -= 1;
    dependencies.events.onBackendConnected(label, verdict, times);
    if (verdict?.leaf !== undefined) dependencies.events.onBackendCertificate(label, verdict.leaf);
    this.#listener.onDialed(this.#dialer.wrap(open, this.#attempt.address, verdict));
  }

  onConnectFailure(fault: Fault, times: ConnectTimes): void {
    const { dependencies, label } = this.#dialer;
    this.#dialer.dialing -= 1;
    dependencies.events.onBackendConnectFailure(label, fault, times);
    this.#listener.onDialFailure(fault);
  }
}
