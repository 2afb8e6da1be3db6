// One connection of a pool: joins the protocol's connection, its idle deadline, the certificate it stands on, and the
// translation of late TLS refusals.
import type { Late } from '../base/deadline.ts';
import { noSlot } from '../base/slot-set.ts';
import { Fault } from '../base/fault.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import type { BackendConnection, ConnectionOwner } from '../http/backend-connection.ts';
import type { OpenSocket } from '../http/read-buffer.ts';
import type { VerificationResult } from '../trust/certificate-checks.ts';
import type { UpstreamDependencies } from './dependencies.ts';
import type { Endpoint } from './endpoint.ts';
import { type Presented, validUntil, verifyPresented } from './verify-backend.ts';
import type { TlsIdentity } from './tls-identity.ts';
import { lateRefusal, type TransportSituation } from './transport-failure.ts';

/** The pool, as its connections see it. */
export interface PooledConnectionOwner {
  onConnectionFree(connection: PooledConnection): void;
  onConnectionClosed(connection: PooledConnection): void;
  /** Idle for too long, too old, or its certificate has expired. */
  onConnectionLate(connection: PooledConnection): void;
}

/** `standing`: the certificates that let it in; undefined where nothing was verified. */
type Shown = { readonly certificate: CertificateFacts | undefined; readonly standing: Presented | undefined };

export class PooledConnection implements Late, ConnectionOwner {
  /** Set while it may take a call: how long it may be idle, or may be used at all. */
  deadline = Infinity;
  slot = noSlot;
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
  distrusted: VerificationResult | undefined;
  /** When its certificate, or one above it, expires: milliseconds since the epoch; Infinity where nobody asks. */
  readonly validUntil: number;
  /** What the backend showed; undefined over plain HTTP. */
  readonly certificate: CertificateFacts | undefined;
  readonly #standing: Presented | undefined;
  readonly #owner: PooledConnectionOwner;
  readonly #situation: TransportSituation;

  constructor(
    open: OpenSocket,
    address: string,
    { certificate, standing }: Shown,
    situation: TransportSituation,
    dependencies: UpstreamDependencies,
    owner: PooledConnectionOwner,
  ) {
    this.address = address;
    this.certificate = certificate;
    this.#standing = standing;
    this.validUntil = standing === undefined ? Infinity : validUntil(standing);
    this.#owner = owner;
    this.#situation = situation;
    this.connection = dependencies.protocols.open(open, dependencies, this);
  }

  /** Calls that it can take besides those that it carries. */
  get room(): number {
    return this.connection.capacity - this.connection.activeCalls;
  }

  /** Whether its certificate would be let in at `now`; sets `distrusted` and returns it where it would not, once. */
  reEvaluate(identity: TlsIdentity, endpoint: Endpoint, now: number): VerificationResult | undefined {
    if (this.distrusted !== undefined || this.#standing === undefined) return undefined;
    this.distrusted = verifyPresented(this.#standing, identity, endpoint, now);
    return this.distrusted;
  }

  /** Cuts it, with the calls that it carries. */
  cut({ code, detail }: VerificationResult): void {
    if (code === 'ok') return;
    // At a handshake this code says that no request was sent; here one was, and must not be sent twice.
    this.connection.destroy(new Fault(code, 'backend', { detail: `${this.#situation.label}: ${detail}`, sent: true }));
  }

  // --- owner of the protocol's connection

  onFree(): void {
    this.#owner.onConnectionFree(this);
  }

  onClosed(): void {
    this.#owner.onConnectionClosed(this);
  }

  translateFailure(error: Error): Fault | undefined {
    // Once it has answered, the backend has accepted our certificate.
    return this.connection.hasAnswered ? undefined : lateRefusal(error, this.#situation);
  }

  onLate(): void {
    this.#owner.onConnectionLate(this);
  }
}
