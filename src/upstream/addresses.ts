// The addresses that one pool (or one health check) has for its backend: which are in the answer now, how many connections each
// has, which of them just failed. Connections go to the address with fewest, so that those that live carry equal shares.
import { isIP } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { Found, NameResolver } from '../dns/name-resolver.ts';

type State = {
  readonly address: string;
  readonly family: number;
  /** Open or being opened. */
  connections: number;
  /** Clock.monotonic() milliseconds: until then it is tried after the others. */
  restsUntil: number;
  /** The same for opening a connection only because it has none. */
  leftAloneUntil: number;
};

/** A failed address waits so long for its next turn, as long as there is another one. */
const restMs = 30_000;
/** There is no way to it from here: most often a machine without IPv6. */
const unreachableMs = 600_000;
const noWay: ReadonlySet<string> = new Set(['ENETUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EHOSTUNREACH']);
/** An address gets no more than one connection in this time for no other reason than that it has none. */
const fillAgainMs = 1_000;

export type AddressesOptions = {
  readonly host: string;
  readonly resolver: NameResolver;
  readonly clock: Clock;
  readonly random: () => number;
  /** The set has changed. */
  readonly onChange: () => void;
};

export class Addresses {
  readonly #options: AddressesOptions;
  readonly #current = new Map<string, State>();
  readonly #unwatch: () => void;
  /** Where equal ones begin, so that neither workers nor turns favour the first. */
  #turn: number;
  #quietUntil = -Infinity;

  constructor(options: AddressesOptions) {
    const { host, resolver, random } = options;
    this.#options = options;
    this.#turn = Math.floor(random() * 1_000);
    this.#unwatch = resolver.watch(host, () => this.#onChange());
    resolver.find(host, (found) => this.#take(found))();
  }

  /** How many there are now. */
  get size(): number {
    return this.#current.size;
  }

  /** False once the answer does not hold it any more. While nothing is known every address is as good. */
  isCurrent(address: string): boolean {
    return this.#current.size === 0 || this.#current.has(address);
  }

  /** In the order in which they are to be tried. Calls `done` once, at once where they are known, unless it is cancelled. */
  choose(done: (found: Found) => void): () => void {
    const { host, resolver } = this.#options;
    return resolver.find(host, (found) => {
      this.#take(found);
      done('failure' in found ? found : { addresses: this.#order() });
    });
  }

  /** A connection to it is being opened. */
  begun(address: string): void {
    const state = this.#current.get(address);
    if (state !== undefined) state.connections += 1;
  }

  /** A connection to it is gone, or did not come about. */
  gone(address: string): void {
    const state = this.#current.get(address);
    if (state !== undefined && state.connections > 0) state.connections -= 1;
    this.#quietUntil = -Infinity;
  }

  /** `raw`: errno's code, where there is one. */
  failed(address: string, raw: string): void {
    const state = this.#current.get(address);
    if (state !== undefined) state.restsUntil = this.#now + (noWay.has(raw) ? unreachableMs : restMs);
  }

  reached(address: string): void {
    const state = this.#current.get(address);
    if (state !== undefined) state.restsUntil = -Infinity;
  }

  /** One of several that has no connection and may get one; each time it is told it is left alone for a while. */
  findEmpty(): string | undefined {
    if (this.#current.size < 2) return undefined;
    const now = this.#now;
    if (now < this.#quietUntil) return undefined;
    for (const state of this.#current.values()) {
      if (state.connections > 0 || state.restsUntil > now || state.leftAloneUntil > now) continue;
      state.leftAloneUntil = now + fillAgainMs;
      return state.address;
    }
    this.#quietUntil = now + fillAgainMs;
    return undefined;
  }

  close(): void {
    this.#unwatch();
  }

  get #now(): number {
    return this.#options.clock.monotonic();
  }

  #onChange(): void {
    const { host, resolver, onChange } = this.#options;
    resolver.find(host, (found) => this.#take(found))();
    onChange();
  }

  /** Where there are none now, those of before are still better than nothing. */
  #take(found: Found): void {
    if ('failure' in found) return;
    for (const address of this.#current.keys()) if (!found.addresses.includes(address)) this.#current.delete(address);
    for (const address of found.addresses) {
      if (this.#current.has(address)) continue;
      const family = isIP(address);
      this.#current.set(address, { address, family, connections: 0, restsUntil: -Infinity, leftAloneUntil: -Infinity });
      this.#quietUntil = -Infinity;
    }
  }

  /** Rested ones before those that failed, then by connections, equal ones in turn; of each kind both families alternate. */
  #order(): readonly string[] {
    const states = [...this.#current.values()];
    const from = states.length === 0 ? 0 : this.#turn % states.length;
    this.#turn += 1;
    const now = this.#now;
    const inTurn = [...states.slice(from), ...states.slice(0, from)].sort((a, b) => a.connections - b.connections);
    const rested = inTurn.filter(({ restsUntil }) => restsUntil <= now);
    const failed = inTurn.filter(({ restsUntil }) => restsUntil > now);
    return [...alternate(rested), ...alternate(failed)];
  }
}

/** RFC 8305 section 4: where one family has no way through, the next attempt is of the other. The first stays the first. */
function alternate(states: readonly State[]): string[] {
  const [first] = states;
  if (first === undefined) return [];
  const own = states.filter(({ family }) => family === first.family);
  const other = states.filter(({ family }) => family !== first.family);
  return own
    .flatMap(({ address }, at) => [address, other[at]?.address ?? []].flat())
    .concat(other.slice(own.length).map(({ address }) => address));
}
