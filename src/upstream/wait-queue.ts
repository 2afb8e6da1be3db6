// Requests that wait for a connection of one pool, each with a deadline. A queue of bounded length that serves who uses least
// first and its clients in turn, not who came first; where it is full, who has most in it gives way to who has less. Waiters
// that were cancelled stay until they are met, so that cancelling is one assignment.
import type { Deadlines, Late } from '../base/deadline.ts';
import { noSlot } from '../base/slot-set.ts';
import type { CallWaiter } from './call-waiter.ts';
import type { Share, Tally } from './shares.ts';

export class WaitPlace implements Late {
  deadline: number;
  slot = noSlot;
  readonly waiter: CallWaiter;
  readonly share: Share;
  readonly fresh: boolean;
  readonly #queue: WaitQueue;

  constructor(queue: WaitQueue, waiter: CallWaiter, share: Share, { fresh, deadline }: WaitOptions) {
    this.#queue = queue;
    this.waiter = waiter;
    this.share = share;
    this.fresh = fresh;
    this.deadline = deadline;
  }

  onLate(): void {
    this.#queue.drop(this);
  }
}

/** `fresh`: takes a new connection only. `deadline` in Clock.monotonic() milliseconds. */
export type WaitOptions = { readonly fresh: boolean; readonly deadline: number };

export interface WaitListener {
  /** After the place was left: its deadline passed. */
  onWaitedTooLong(place: WaitPlace): void;
  /** After the place was left: it was needed for a client that has less. */
  onCrowdedOut(place: WaitPlace): void;
}

export class WaitQueue {
  length = 0;
  readonly #deadlines: Deadlines;
  readonly #limit: number;
  readonly #listener: WaitListener;
  /** The places of each client, in order. */
  readonly #lines = new Map<Tally, WaitPlace[]>();

  constructor(deadlines: Deadlines, limit: number, listener: WaitListener) {
    this.#deadlines = deadlines;
    this.#limit = limit;
    this.#listener = listener;
  }

  /** False where the queue is full, and nobody has so much in it that he gives way. */
  join(waiter: CallWaiter, share: Share, options: WaitOptions): boolean {
    if (this.length >= this.#limit) this.#forgetCancelled();
    const crowding = this.length >= this.#limit ? this.#findCrowding(share) : undefined;
    if (this.length >= this.#limit && crowding === undefined) return false;
    if (crowding !== undefined) this.#leave(crowding);
    const place = new WaitPlace(this, waiter, share, options);
    const line = this.#lines.get(share.client);
    if (line === undefined) this.#lines.set(share.client, [place]);
    else line.push(place);
    this.length += 1;
    share.onWaitBegin();
    this.#deadlines.add(place);
    if (crowding !== undefined) this.#listener.onCrowdedOut(crowding);
    return true;
  }

  /**
   * Takes out who is next: of those that `may` have a connection, and would take a `reused` one or a new one, the one whose
   * client uses least; clients that use the same take turns.
   */
  next(reused: boolean, may?: (share: Share) => boolean): WaitPlace | undefined {
    let best: WaitPlace | undefined;
    for (const line of this.#lines.values()) {
      const place = this.#first(line, reused);
      if (place === undefined || (may !== undefined && !may(place.share))) continue;
      if (best === undefined || place.share.compare(best.share) < 0) best = place;
    }
    if (best !== undefined) this.#leave(best);
    return best;
  }

  /** What the clients want, by `wantedBy` of a client and the number of its places; counts on up to `enough` only. */
  countWanted(wantedBy: (share: Share, waiting: number) => number, enough: number): number {
    let count = 0;
    for (const line of this.#lines.values()) {
      const first = line[0];
      if (first !== undefined) count += wantedBy(first.share, line.length);
      if (count >= enough) break;
    }
    return count;
  }

  drop(place: WaitPlace): void {
    if (this.#leave(place) && !place.waiter.cancelled) this.#listener.onWaitedTooLong(place);
  }

  /** The first of a line that still waits and takes such a connection. */
  #first(line: readonly WaitPlace[], reused: boolean): WaitPlace | undefined {
    for (let i = 0; i < line.length; ) {
      const place = line[i];
      if (place?.waiter.cancelled === true) this.#leave(place);
      else if (place !== undefined && !(place.fresh && reused)) return place;
      else i += 1;
    }
    return undefined;
  }

  /** The newest place of the client that has most in the queue, where that is more than `share` has by more than one. */
  #findCrowding(share: Share): WaitPlace | undefined {
    let most: WaitPlace | undefined;
    for (const line of this.#lines.values()) {
      const newest = line.at(-1);
      if (newest === undefined || !newest.share.crowds(share)) continue;
      if (most === undefined || newest.share.client.waiting > most.share.client.waiting) most = newest;
    }
    return most;
  }

  #forgetCancelled(): void {
    for (const line of this.#lines.values())
      for (const place of line.filter(({ waiter }) => waiter.cancelled)) this.#leave(place);
  }

  /** False where it was not in the queue. */
  #leave(place: WaitPlace): boolean {
    const { client } = place.share;
    const line = this.#lines.get(client);
    const at = line?.indexOf(place) ?? -1;
    if (line === undefined || at === -1) return false;
    line.splice(at, 1);
    if (line.length === 0) this.#lines.delete(client);
    this.length -= 1;
    place.share.onWaitOver();
    this.#deadlines.delete(place);
    return true;
  }
}
