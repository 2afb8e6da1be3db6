// Who has how much of one pool: calls in use and requests waiting, by client, by address and by route. Counting costs a few
// additions; it decides something only where connections, or places in the queue, are scarce (decision 26).
import type { CallAccount } from '../http/backend-connection.ts';
import { Caller } from './caller.ts';

/** Keys kept although nothing is in use; above it they are looked up anew. */
const keptKeys = 4096;

/** The tallies of one kind: of all clients, of all addresses, of all routes. */
class Tallies {
  /** Of these, how many use or want something. */
  active = 0;
  readonly #byKey = new Map<string, Tally>();

  get size(): number {
    return this.#byKey.size;
  }

  find(key: string): Tally {
    let tally = this.#byKey.get(key);
    if (tally === undefined) {
      tally = new Tally(this);
      this.#byKey.set(key, tally);
    }
    return tally;
  }

  forgetIdle(): void {
    for (const [key, tally] of this.#byKey) if (tally.load === 0) this.#byKey.delete(key);
  }
}

export class Tally {
  /** Requests that wait. */
  waiting = 0;
  /** Calls in use and requests that wait. */
  load = 0;
  /** When it had its last call, by the count of calls. */
  turn = 0;
  readonly #all: Tallies;

  constructor(all: Tallies) {
    this.#all = all;
  }

  get inUse(): number {
    return this.load - this.waiting;
  }

  add(): void {
    this.load += 1;
    if (this.load === 1) this.#all.active += 1;
  }

  remove(): void {
    this.load -= 1;
    if (this.load === 0) this.#all.active -= 1;
  }
}

/** One client from one address on one route. */
export class Share implements CallAccount {
  readonly client: Tally;
  readonly address: Tally;
  readonly route: Tally;
  /** Of the Shares that it belongs to, and at the time of which it was looked up. */
  readonly owner: Shares;
  readonly epoch: number;

  constructor(owner: Shares, epoch: number, [client, address, route]: readonly [Tally, Tally, Tally]) {
    this.owner = owner;
    this.epoch = epoch;
    this.client = client;
    this.address = address;
    this.route = route;
  }

  onCallBegin(): void {
    this.client.turn = this.owner.nextTurn();
    this.#add();
  }

  #add(): void {
    this.owner.load += 1;
    this.client.add();
    this.address.add();
    this.route.add();
  }

  onCallOver(): void {
    this.owner.load -= 1;
    this.client.remove();
    this.address.remove();
    this.route.remove();
  }

  onWaitBegin(): void {
    this.client.waiting += 1;
    this.address.waiting += 1;
    this.route.waiting += 1;
    this.#add();
  }

  onWaitOver(): void {
    this.client.waiting -= 1;
    this.address.waiting -= 1;
    this.route.waiting -= 1;
    this.onCallOver();
  }

  /** Negative where this one comes before `other`: who uses least is next, among equals who has waited longest since his last. */
  compare(other: Share): number {
    return (
      this.client.inUse - other.client.inUse ||
      this.address.inUse - other.address.inUse ||
      this.route.inUse - other.route.inUse ||
      this.client.turn - other.client.turn
    );
  }

  /** It has so many more requests waiting than `other` that one of its own gives way. */
  crowds(other: Share): boolean {
    if (this.client.waiting > other.client.waiting + 1) return true;
    return this.client.waiting > other.client.waiting && this.address.waiting > other.address.waiting + 1;
  }
}

export class Shares {
  /** Calls in use and requests that wait, of all. */
  load = 0;
  readonly #clients = new Tallies();
  readonly #addresses = new Tallies();
  readonly #routes = new Tallies();
  /** For calls of the gateway itself, and of tests. */
  readonly #nobody = new Caller('', undefined, '');
  #epoch = 0;
  #turns = 0;

  find(caller: Caller = this.#nobody): Share {
    const known = caller.share;
    if (known instanceof Share && known.owner === this && known.epoch === this.#epoch) return known;
    if (this.#clients.size + this.#addresses.size > keptKeys) this.#forgetIdle();
    const { client, address, route } = caller;
    const tallies = [this.#clients.find(client), this.#addresses.find(address), this.#routes.find(route)] as const;
    const share = new Share(this, this.#epoch, tallies);
    caller.share = share;
    return share;
  }

  nextTurn(): number {
    this.#turns += 1;
    return this.#turns;
  }

  /** Some other client uses or wants something. */
  get isContended(): boolean {
    return this.#clients.active > 1;
  }

  /** The client uses as much as its part of `places` calls, or more. */
  isClientOver({ client }: Share, places: number): boolean {
    return client.inUse >= fairPart(places, this.#clients);
  }

  /**
   * Whether a call may use the reserve, of which `taken` of `reserve` is in use: only of a client below its share; and where
   * its address or its route is above, the other half is left to other ones.
   */
  mayUseReserve(share: Share, places: number, taken: number, reserve: number): boolean {
    if (taken >= reserve || this.isClientOver(share, places)) return false;
    const crowded =
      share.address.inUse >= fairPart(places, this.#addresses) || share.route.inUse >= fairPart(places, this.#routes);
    return !crowded || taken < Math.ceil(reserve / 2);
  }

  /** How many calls a client below its share, with `waiting` requests, is short of. */
  shortOf({ client }: Share, places: number, waiting: number): number {
    return Math.max(0, Math.min(waiting, fairPart(places, this.#clients) - client.inUse));
  }

  #forgetIdle(): void {
    this.#epoch += 1;
    for (const tallies of [this.#clients, this.#addresses, this.#routes]) tallies.forgetIdle();
  }
}

function fairPart(places: number, { active }: Tallies): number {
  return Math.max(1, Math.floor(places / Math.max(1, active)));
}
