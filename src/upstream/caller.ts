// For whom a call is: what connections to a backend, and places in its queue, are shared out by where they are scarce.
import { clientNetwork } from '../base/client-network.ts';
import type { CallAccount } from '../http/backend-connection.ts';

export class Caller {
  /** The certificate, or the address where there is none. */
  readonly client: string;
  readonly address: string;
  /** The address that it was made of. */
  readonly from: string;
  readonly route: string;
  /** Of the pool that was asked last: kept by shares.ts, so that a request costs no look-up. */
  share: CallAccount | undefined = undefined;

  /** `address`: of the client, behind trusted proxies too. `certificate`: its fingerprint, undefined for anonymous clients. */
  constructor(address: string, certificate: string | undefined, route: string) {
    this.from = address;
    this.address = clientNetwork(address);
    this.client = certificate ?? this.address;
    this.route = route;
  }
}
