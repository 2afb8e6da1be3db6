// One connection of a pool: joins the codec's connection, its idle deadline, the certificate it stands on, and the
// translation of late TLS refusals.
import type { Late } from '../base/deadline.ts';
import { Fault } from '../base/fault.ts';
import { Http1BackendConnection } from '../http1/client.ts';
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
  onConnectionIdleTooLong(connection: PooledConnection): void;
}

export class PooledConnection implements Late {
  /** Set while idle only. */
  deadline = Infinity;
  readonly call: Http1BackendConnection;
  /** Why it carries no further call; undefined while it may. */
  distrusted: Judgement | undefined;
  /** When its certificate, or one above it, expires: milliseconds since the epoch; Infinity where nobody asks. */
  readonly validUntil: number;
  readonly #standing: Presented | undefined;
  readonly #keeper: ConnectionKeeper;
  readonly #situation: TransportSituation;

  /** `standing`: the certificates that let it in; undefined where nothing was verified. */
  constructor(
    { socket, inlet }: OpenSocket,
    standing: Presented | undefined,
    situation: TransportSituation,
    world: BackendWorld,
    keeper: ConnectionKeeper,
  ) {
    this.#standing = standing;
    this.validUntil = standing === undefined ? Infinity : validUntil(standing);
    this.#keeper = keeper;
    this.#situation = situation;
    this.call = new Http1BackendConnection(socket, { names: world.names, limits: world.limits }, this, inlet);
  }

  /** Whether its certificate would be let in at `now`; sets `distrusted` and returns it where it would not, once. */
  judgeAgain(identity: TlsIdentity, endpoint: Endpoint, now: number): Judgement | undefined {
    if (this.distrusted !== undefined || this.#standing === undefined) return undefined;
    this.distrusted = judgeStanding(this.#standing, identity, endpoint, now);
    return this.distrusted;
  }

  /** Cuts it, with the call that it carries. */
  cut({ code, detail }: Judgement): void {
    if (code === 'ok') return;
    // At a handshake this code says that no request was sent; here one was, and must not be sent twice.
    this.call.destroy(new Fault(code, 'backend', { detail: `${this.#situation.label}: ${detail}`, sent: true }));
  }

  // --- owner of the codec's connection

  onFree(): void {
    this.#keeper.onConnectionFree(this);
  }

  onClosed(): void {
    this.#keeper.onConnectionClosed(this);
  }

  translateFailure(error: Error): Fault | undefined {
    // Once it has answered, the backend has accepted our certificate.
    return this.call.reused ? undefined : lateRefusal(error, this.#situation);
  }

  onLate(): void {
    this.#keeper.onConnectionIdleTooLong(this);
  }
}
