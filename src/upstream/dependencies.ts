// What the backend side needs of the setup, passed in once per worker: time, chance, limits, and who wants to know what happens.
import type { Clock } from '../base/clock.ts';
import type { Deadlines } from '../base/deadline.ts';
import type { Fault } from '../base/fault.ts';
import type { NameResolver } from '../dns/name-resolver.ts';
import type { BufferPool } from '../http/buffer-pool.ts';
import type { FieldNames } from '../http/field.ts';
import type { HttpLimits } from '../http/limits.ts';
import type { ReadBuffers } from '../http/read-buffer.ts';
import type { TurnEnd } from '../http/turn-end.ts';
import type { Http2Shared } from '../http2/shared.ts';
import type { IndexedCrl } from '../crl/crl-set.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import type { VerificationResult } from '../trust/certificate-checks.ts';
import type { Intermediates } from '../trust/intermediates.ts';
import type { Verdict } from '../trust/verdict.ts';
import type { HealthState } from './health-state.ts';
import type { DialTurns } from './dial-turns.ts';
import type { BackendProtocols } from './protocols.ts';

/** How long the phases of one attempt took, in milliseconds, however they ended. */
export type ConnectTimes = {
  readonly connectMs: number;
  /** undefined where no handshake began: plain HTTP, or TCP did not come up. */
  readonly handshakeMs: number | undefined;
};

/** Told as it happens, from within socket callbacks: must not throw, must be quick. `label` is a backend's host:port. */
export interface BackendEvents {
  /** A connection is up; `verdict` undefined for plain HTTP. */
  onBackendConnected(label: string, verdict: Verdict | undefined, times: ConnectTimes): void;
  onBackendConnectFailure(label: string, fault: Fault, times: ConnectTimes): void;
  /** A backend refused our certificate after a handshake that succeeded, as nginx does. */
  onBackendRefusal(label: string, fault: Fault): void;
  /** The certificate of a backend was let in, by a request's connection or by a probe. */
  onBackendCertificate(label: string, leaf: CertificateFacts): void;
  /** An open connection ends because its certificate would not be let in any more. */
  onBackendDistrusted(label: string, why: VerificationResult): void;
  /** An active health check or the passive ejection changed its mind. */
  onBackendHealth(label: string, state: HealthState): void;
}

/** A pool that no generation uses any more, and whose last calls are under way: revocation reaches them too. */
export interface DrainingPool {
  replaceCrls(key: string, crls: readonly IndexedCrl[]): void;
}

export type UpstreamDependencies = {
  readonly clock: Clock;
  /** Shared by all connections of the worker. */
  readonly deadlines: Deadlines;
  /** Uniform in [0, 1): jitter and weighted choice, never secrets. */
  readonly random: () => number;
  readonly names: FieldNames;
  /** One for all connections of the worker. */
  readonly resolver: NameResolver;
  readonly limits: HttpLimits;
  /** One for all connections of the worker. */
  readonly readBuffers: ReadBuffers;
  readonly buffers: BufferPool;
  /** Likewise. */
  readonly turn: TurnEnd;
  /** Likewise. */
  readonly http2: Http2Shared;
  readonly protocols: BackendProtocols;
  /** One for all connections of the worker. */
  readonly dials: DialTurns;
  /** CAs that are known: a backend that does not send one of them is told so for certain. */
  readonly intermediates: Intermediates;
  readonly events: BackendEvents;
  /** Outlives generations. */
  readonly draining: Set<DrainingPool>;
};
