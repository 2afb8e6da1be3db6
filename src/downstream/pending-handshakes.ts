// The connections of one worker that have no verdict yet. There is room for so many; where it is full, a connection that waits
// for its client gives way, so that clients who stop in the middle of a handshake, which costs them nothing, keep out nobody.
// The oldest goes first, and never one of a client network that holds less than its share of the places. What stalls lives, and is copied
// by each collection: a network whose handshakes came to nothing again and again has few of them at once.
import { clientNetwork } from '../base/client-network.ts';

/** A connection without a verdict. */
export interface PendingHandshake {
  /** As Node prints it. */
  readonly remoteAddress: string;
  /** Ends it, because somebody else needs its place; it has to `leave` before this returns. */
  giveWay(): void;
}

/** `max`: connections at once; `maxPerNetwork`: of one IPv4 address or IPv6 /64, 0 = no limit of its own. */
export type PendingLimits = { readonly max: number; readonly maxPerNetwork: number };

/** Of a network whose handshakes came to nothing again and again: enough for whoever finishes them. */
const mostOfFutile = 64;

/** Those of one client network. */
type Network = { readonly name: string; total: number; readonly waiting: Set<PendingHandshake> };

export class PendingHandshakes {
  #limits: PendingLimits;
  #total = 0;
  /** Those that wait for their client, oldest first. */
  readonly #waiting = new Map<PendingHandshake, Network>();
  /** Those that wait for us or a responder of ours: they do not give way. */
  readonly #held = new Map<PendingHandshake, Network>();
  readonly #networks = new Map<string, Network>();

  readonly #isFutile: (address: string) => boolean;

  /** `isFutile`: where handshakes come to nothing again and again; as futile-handshakes.ts says it. */
  constructor(limits: PendingLimits, isFutile: (address: string) => boolean = () => false) {
    this.#limits = limits;
    this.#isFutile = isFutile;
  }

  get total(): number {
    return this.#total;
  }

  /** From now on; connections that are pending already stay. */
  setLimits(limits: PendingLimits): void {
    this.#limits = limits;
  }

  /** Takes a place, making one where that is possible; false where there is none. Each success is given back by `leave`. */
  enter(pending: PendingHandshake): boolean {
    const { max } = this.#limits;
    const name = clientNetwork(pending.remoteAddress);
    const own = this.#networks.get(name);
    const most = own === undefined ? Infinity : this.#mostOf(own, pending);
    if (own !== undefined && own.total >= most) {
      const [oldest] = own.waiting;
      oldest?.giveWay();
      if (own.total >= most) return false;
    }
    if (this.#total >= max) {
      this.#findSurplus()?.giveWay();
      if (this.#total >= max) return false;
    }
    const network = this.#networks.get(name) ?? { name, total: 0, waiting: new Set() };
    this.#networks.set(name, network);
    network.total += 1;
    network.waiting.add(pending);
    this.#waiting.set(pending, network);
    this.#total += 1;
    return true;
  }

  #mostOf({ total }: Network, { remoteAddress }: PendingHandshake): number {
    const { maxPerNetwork } = this.#limits;
    const most = maxPerNetwork > 0 ? maxPerNetwork : Infinity;
    return total >= mostOfFutile && this.#isFutile(remoteAddress) ? Math.min(most, mostOfFutile) : most;
  }

  /** The client has done its part: it gives way to nobody from now on. */
  hold(pending: PendingHandshake): void {
    const network = this.#waiting.get(pending);
    if (network === undefined) return;
    this.#waiting.delete(pending);
    network.waiting.delete(pending);
    this.#held.set(pending, network);
  }

  /** Gives the place back, once; harmless afterwards. */
  leave(pending: PendingHandshake): void {
    const network = this.#waiting.get(pending) ?? this.#held.get(pending);
    if (network === undefined) return;
    this.#waiting.delete(pending);
    this.#held.delete(pending);
    network.waiting.delete(pending);
    network.total -= 1;
    this.#total -= 1;
    if (network.total === 0) this.#networks.delete(network.name);
  }

  /** The oldest of a network that holds its share or more; there is always such a network, so the search is short. */
  #findSurplus(): PendingHandshake | undefined {
    const share = this.#total / this.#networks.size;
    for (const [pending, network] of this.#waiting) if (network.total >= share) return pending;
    // Whoever holds much is being waited for by nobody: the oldest of all then.
    const [oldest] = this.#waiting.keys();
    return oldest;
  }
}
