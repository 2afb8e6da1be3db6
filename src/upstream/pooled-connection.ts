// One connection of a pool: joins the protocol's connection, its idle deadline, the certificate it stands on, and the
// translation of late TLS refusals.
import type { Late } from '../base/deadline.ts';
import { Fault } from '../base/fault.ts';
import type { BackendConnection, ConnectionOwner } from '../http/backend-connection.ts';
import type { OpenSocket } from '../http1/inlet.ts';
import type { Judgement } from '../pki/judge.ts';
import type { BackendWorld } from './backend-world.ts';
import type { Endpoint } from './endpoint.ts';
import { judgeStanding, type Presented, validUntil } from './judge-backend.ts';
import type { TlsIdentity } from './tls-identity.ts';
import { lateRefusal, type TransportSituation } from './transport-failure.ts';

/** The pool, as its connections see it. */
export interface ConnectionKeeper {
  onConnectionFree(connection: PooledConnection): void;
  onConnectionClosed(connection: PooledConnection): void;
  /** Idle for too long, too old, or its certificate has expired. */
  onConnectionLate(connection: PooledConnection): void;
}

export class PooledConnection implements Late, ConnectionOwner {
  /** Set while it may take a call: how long it may be idle, or may be used at all. */
  deadline = Infinity;
  /** Kept by AvailableConnections: it is among them, since when in their order; it is counted as idle. */
  available = false;
  order = 0;
  idle = false;
  /** Where it leads. */
  readonly address: string;
  /** When it has lived long enough and carries no further call: Clock.monotonic() milliseconds. */
  endsAt = Infinity;
  readonly connection: BackendConnection;
  /** Why it carries no further call; undefined while it may. */
  distrusted: Judgement | undefined;
  /** When its certificate, or one above it, expires: milliseconds since the epoch; Infinity where nobody asks. */
  readonly validUntil: number;
  readonly #standing: Presented | undefined;
  readonly #keeper: ConnectionKeeper;
  readonly #situation: TransportSituation;

  /** `standing`: the certificates that let it in; undefined where nothing was verified. */
  constructor(
    open: OpenSocket,
    address: string,
    standing: Presented | undefined,
    situation: TransportSituation,
    world: BackendWorld,
    keeper: ConnectionKeeper,
  ) {
    this.address = address;
    this.#standing = standing;
    this.validUntil = standing === undefined ? Infinity : validUntil(standing);
    this.#keeper = keeper;
    this.#situation = situation;
    this.connection = world.protocols.open(open, world, this);
  }

  /** Calls that it can take besides those that it carries. */
  get room(): number {
    return this.connection.capacity - this.connection.activeCalls;
  }

  /** Whether its certificate would be let in at `now`; sets `distrusted` and returns it where it would not, once. */
  judgeAgain(identity: TlsIdentity, endpoint: Endpoint, now: number): Judgement | undefined {
    if (this.distrusted !== undefined || this.#standing === undefined) return undefined;
    this.distrusted = judgeStanding(this.#standing, identity, endpoint, now);
    return this.distrusted;
  }

  /** Cuts it, with the calls that it carries. */
  cut({ code, detail }: Judgement): void {
    if (code === 'ok') return;
    // At a handshake this code says that no request was sent; here one was, and must not be sent twice.
    this.connection.destroy(new Fault(code, 'backend', { detail: `${this.#situation.label}: ${detail}`, sent: true }));
  }

  // --- owner of the protocol's connection

  onFree(): void {
    this.#keeper.onConnectionFree(this);
  }

  onClosed(): void {
    this.#keeper.onConnectionClosed(this);
  }

  translateFailure(error: Error): Fault | undefined {
    // Once it has answered, the backend has accepted our certificate.
    return this.connection.hasAnswered ? undefined : lateRefusal(error, this.#situation);
  }

  onLate(): void {
    this.#keeper.onConnectionLate(this);
  }
}
