// The contract between a backend connection, of whichever protocol, and whoever keeps it. A connection hands out calls up to
// its capacity: one at a time over HTTP/1.1, as many as the backend allows over HTTP/2. Pools, probes and the wait queue
// know this contract only; which protocol a connection speaks is known once ALPN has chosen, so not before it is open.
import type { Fault } from '../base/fault.ts';
import type { BackendCall } from './exchange.ts';

export interface BackendConnection {
  /** Calls that it can carry at one time. May change while it lives; 0: it takes no further call (GOAWAY). */
  readonly capacity: number;
  /** Calls that it carries now: handed out and not over. */
  readonly activeCalls: number;
  /** The backend has answered on it, so it has accepted our certificate. */
  readonly hasAnswered: boolean;
  /** It takes calls for other protocols besides the others that it carries: HTTP/2 whose backend announced it (RFC 8441). */
  readonly takesUpgrades: boolean;
  /**
   * One more call, on the account of whoever asked. Only while `activeCalls` is below `capacity`. Give it up with `cancel`
   * where it is not used.
   */
  openCall(account?: CallAccount): BackendCall;
  /** Closes it, whatever it does; calls in progress fail with `fault` or backend_closed. */
  destroy(fault?: Fault): void;
}

/** What a call is counted in while it lasts. */
export interface CallAccount {
  /** The call is over, however it ended: once, before its sink and the owner of its connection are told. */
  onCallOver(): void;
}

/** Who keeps the connection: a pool, a probe. Called synchronously; must not throw. */
export interface ConnectionOwner {
  /**
   * A call is over, or the capacity grew: the connection can carry another call. Told after the call's own sink. Not told
   * where the connection closes.
   */
  onFree(connection: BackendConnection): void;
  /** The connection is gone, once; `fault` where it was not an ordinary close. */
  onClosed(connection: BackendConnection, fault: Fault | undefined): void;
  /**
   * Turns a socket error before the answer, or an end without one (code `EOF`), into a better fault (TLS alerts: a backend
   * verifies our certificate after its own handshake is over); undefined keeps `backend_closed`.
   */
  translateFailure?(error: Error & { code?: string }): Fault | undefined;
}
