// Whose connections begin with a PROXY header: those of the balancers that an entry point names, always. A header that were
// merely looked for could be sent by anybody who gets past the balancer, and left out by anybody behind it.
import { AddressSet } from '../base/address-set.ts';
import type { ProxyProtocolConfig } from '../config/gateway-config.ts';

export class ProxySources {
  readonly #from: AddressSet;
  readonly #others: ProxyProtocolConfig['others'];

  constructor({ from, others }: ProxyProtocolConfig) {
    this.#from = new AddressSet(from);
    this.#others = others;
  }

  /** How a connection from this address has to begin; `refuse`: not at all. */
  expect(address: string): 'header' | 'direct' | 'refuse' {
    return this.isBalancer(address) ? 'header' : this.#others;
  }

  isBalancer(address: string): boolean {
    return this.#from.has(address);
  }
}
