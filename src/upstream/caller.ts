// For whom a call is: what connections to a backend, and places in its queue, are shared out by where they are scarce.
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
    this.address = addressGroup(address);
    this.client = certificate ?? this.address;
    this.route = route;
  }
}

/** IPv4 as it is; of IPv6 the first 64 bits, since one subscriber has all addresses behind them (RFC 6177). */
export function addressGroup(address: string): string {
  if (!address.includes(':')) return address;
  const [front = '', back] = address.split('::');
  const head = front === '' ? [] : front.split(':');
  const tail = back === undefined || back === '' ? [] : back.split(':');
  const zeros = back === undefined ? [] : Array.from({ length: Math.max(0, 8 - head.length - tail.length) }, () => '0');
  return `${[...head, ...zeros, ...tail].slice(0, 4).join(':')}::/64`;
}
