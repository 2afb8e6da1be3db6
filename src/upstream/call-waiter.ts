// Who waits for a backend connection. The pool calls back at once where an idle connection exists, later otherwise.
import type { Fault } from '../base/fault.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import type { BackendCall } from '../http/exchange.ts';
import type { ProxiedAddresses } from '../proxy-protocol/header.ts';
import type { Caller } from './caller.ts';

export interface CallWaiter {
  /** For whom the call is; undefined: for nobody in particular. */
  readonly caller?: Caller | undefined;
  /** Both ends of the client's connection, for backends that are told (PROXY protocol); undefined: the gateway itself calls. */
  readonly proxied?: ProxiedAddresses | undefined;
  /** Called at most once per acquire, perhaps before `acquire` returns. `certificate`: what the backend showed. */
  onCall(call: BackendCall, certificate: CertificateFacts | undefined): void;
  /** Called at most once per acquire, instead of onCall, perhaps before `acquire` returns. */
  onCallFailure(fault: Fault): void;
  /** Set by the waiter when it no longer wants a call: neither method is called any more. */
  readonly cancelled: boolean;
}

export type AcquireOptions = {
  /** The call is for another protocol than HTTP (`OutgoingRequest.upgrade`). */
  readonly upgrade?: boolean;
  /** Only a connection that carried no call yet: for the one retry after a stale kept-alive connection. */
  readonly fresh: boolean;
};
