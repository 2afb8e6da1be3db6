// Addresses and ranges that a configuration names, and whether an address is among them, in whatever form it comes.
import { BlockList, isIP } from 'node:net';

export class AddressSet {
  readonly #list = new BlockList();
  readonly #isEmpty: boolean;

  /** `ranges`: addresses, canonical CIDRs, or both ends as `from-to`. */
  constructor(ranges: readonly string[]) {
    this.#isEmpty = ranges.length === 0;
    for (const range of ranges) {
      const [first = '', last] = range.split('-');
      if (last !== undefined) {
        this.#list.addRange(first, last, isIP(first) === 6 ? 'ipv6' : 'ipv4');
        continue;
      }
      const [address = '', bits] = range.split('/');
      const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
      if (bits === undefined) this.#list.addAddress(address, family);
      else this.#list.addSubnet(address, Number(bits), family);
    }
  }

  /** False for what is no address. */
  has(text: string): boolean {
    if (this.#isEmpty) return false;
    const address = plainAddress(text);
    const family = isIP(address);
    return family !== 0 && this.#list.check(address, family === 4 ? 'ipv4' : 'ipv6');
  }
}

/** An IPv4 address that came in through an IPv6 socket in its own notation; brackets and zone off. */
export function plainAddress(address: string): string {
  const bare = address.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '');
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1];
  return mapped !== undefined && isIP(mapped) === 4 ? mapped : bare;
}
