// One connection of a pool: joins the codec's connection, its idle deadline, and the translation of late TLS refusals.
import type { Late } from '../base/deadline.ts';
import type { Fault } from '../base/fault.ts';
import { Http1BackendConnection } from '../http1/client.ts';
import type { OpenSocket } from '../http1/inlet.ts';
import type { BackendWorld } from './backend-world.ts';
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
  readonly #keeper: ConnectionKeeper;
  readonly #situation: TransportSituation;

  constructor(
    { socket, inlet }: OpenSocket,
    situation: TransportSituation,
    world: BackendWorld,
    keeper: ConnectionKeeper,
  ) {
    this.#keeper = keeper;
    this.#situation = situation;
    this.call = new Http1BackendConnection(socket, { names: world.names, limits: world.limits }, this, inlet);
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
